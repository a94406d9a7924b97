"""The parts of a job as tasks of Ray Data: the same functions as on one machine, on all nodes of a cluster.

Each part is written by the node that read it, by rename, so all nodes must see the job's folder. A part whose node is
lost is read again elsewhere and gives the same file.
"""

import logging
import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mien.batch.entries import Part
from mien.batch.manifest import JobFolder
from mien.batch.parts import OnOutcome, Readers, process
from mien.batch.progress import Tally
from mien.batch.settings import BatchSettings
from mien.errors import ConfigError, MienError
from mien.runtime.optional import extra

#: A cluster that takes longer to accept a connection is not there.
_ANSWERS_S = 10.0


def process_on_ray(parts: Sequence[Part], folder: JobFolder, settings: BatchSettings, *, on_outcome: OnOutcome) -> None:
    """Read ``parts`` on the Ray cluster that ``RAY_ADDRESS`` names, or on this machine's cores where it names none.

    Raises:
        MienError: A part could not be written.
        ConfigError: There is no cluster at the address.
        MissingDependencyError: Ray is not installed.
    """
    with extra("scale"):
        import ray  # noqa: PLC0415 - an extra
        import ray.data  # noqa: PLC0415
    if not parts:
        return
    if not ray.is_initialized():
        _connect(os.environ.get("RAY_ADDRESS") or "local")
    _silence_ray_data()
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    gpus = settings.gpu_share if settings.device == "cuda" else None
    records = ray.data.from_items([{"part": part} for part in parts], override_num_blocks=len(parts)).map(
        _ReadPart,  # type: ignore[arg-type]  # a class makes actors
        fn_constructor_args=(folder.path.resolve(), settings),
        concurrency=(1, settings.workers or _actors(resources, gpus)),
        num_cpus=1,
        num_gpus=gpus,
    )  # Ray Data restarts actors and their tasks without end: a node that is lost takes its task with it, never a row
    for row in records.iter_rows():
        if row["error"]:
            raise MienError(row["error"])
        on_outcome(Tally(row["pictures"], row["faces"], row["failed"]))


def _connect(address: str) -> None:
    """Begin a cluster on this machine (``local``), or join the one at ``address``.

    Without an address Ray would join whatever cluster ran here last, and wait for it where it was killed.
    """
    import ray  # noqa: PLC0415 - an extra

    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        if port.isdigit():  # Ray itself waits for minutes and then ends the program
            socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWERS_S).close()
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError) as err:
        raise ConfigError(
            f"no Ray cluster answers at {address} ({str(err)[:200]})",
            hint="RAY_ADDRESS names one, RAY_AUTH_MODE=token gives it its token; without an address one is begun here",
        ) from err


def _silence_ray_data() -> None:
    """Leave standard error to our own progress; Ray's files of logs keep everything."""
    from ray.data import DataContext  # noqa: PLC0415 - an extra

    DataContext.get_current().enable_progress_bars = False
    for handler in logging.getLogger("ray.data").handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setLevel(logging.ERROR)


def _actors(resources: Mapping[str, float], gpus: float | None) -> int:
    """As many as the cluster has cores for, and parts of graphics cards where each takes one."""
    cores = int(resources.get("CPU", 1))
    # 1 / 0.1 is 10 cards' parts, and not 9.99
    return max(1, min(cores, int(resources.get("GPU", 0) / gpus + 1e-6)) if gpus else cores)


class _ReadPart:
    """An actor on some node: loads the networks once and reads part after part in one worker process."""

    def __init__(self, folder: Path, settings: BatchSettings) -> None:
        self._folder, self._settings = JobFolder(folder), settings
        self._pipeline = settings.load()
        self._readers = Readers(settings, 1, self._pipeline)  # its one process serves all parts of this actor

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        tallies: list[Tally] = []
        try:
            process(
                [row["part"]],
                self._folder,
                self._pipeline,
                self._settings,
                readers=self._readers,
                on_outcome=tallies.append,
            )
        except MienError as err:
            return {"error": str(err), "pictures": 0, "faces": 0, "failed": 0}
        pictures, faces, failed = map(sum, zip(*tallies, strict=True))
        return {"error": "", "pictures": pictures, "faces": faces, "failed": failed}
