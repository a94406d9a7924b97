"""Running ONNX files with onnxruntime, which is imported with its telemetry disabled when the first one is opened."""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock, Timer
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from mien.errors import ModelFileError
from mien.runtime.devices import Device, DeviceChoice, choose_device, devices_of
from mien.runtime.translation import translate_errors

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def load_onnxruntime() -> ModuleType:
    """Import onnxruntime with telemetry disabled.

    Otherwise it stores an identifier of the machine and sends usage events to Microsoft. It reads the variable once,
    when it is imported; set ``ORT_DISABLE_TELEMETRY=0`` in the environment to enable telemetry.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime  # noqa: PLC0415 - a tenth of a second that `import mien` does not pay

    return onnxruntime  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class OnnxNode:
    """An input or output of a network.

    Attributes:
        name: As the file has it.
        type: Such as ``tensor(float)``.
        shape: Length of each axis; a name or None for a free one.
    """

    name: str
    type: str
    shape: tuple[int | str | None, ...]


#: Sessions that a forked process inherited, kept alive on purpose.
_OF_PARENTS: "list[InferenceSession]" = []


class OnnxSession:
    """An ONNX file, opened on a device; ``run`` may be called from several threads at once.

    It is pickled by its path and opened again where it is unpickled. A forked process opens it again at its first run,
    since a fork has none of the parent's threads. Copies share the session.

    Args:
        path: The ONNX file.
        threads: Threads within one call; None leaves it to onnxruntime (all cores).
        device: What it runs on.

    Raises:
        ModelFileError: The file does not exist or is not an ONNX network.
        ConfigError: The device does not exist, or does not start.
    """

    def __init__(self, path: Path, *, threads: int | None = None, device: Device = "auto") -> None:
        self.path, self.threads, self.device = path.absolute(), threads, device
        self._lock = Lock()
        self._open()

    def _open(self) -> None:
        onnxruntime = load_onnxruntime()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # fatal only: errors are raised as exceptions
        if self.threads is not None:
            options.intra_op_num_threads = self.threads
        # waiting threads would spin otherwise: twice the processor time for a network of milliseconds
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if not self.path.is_file():
            raise ModelFileError(f"{self.path}: no such model file")
        choice = choose_device(self.device, onnxruntime.get_available_providers())
        with translate_errors(lambda why: ModelFileError(f"{self.path}: not a readable ONNX network ({why})")):
            self._session: InferenceSession = _session(onnxruntime, self.path, options, choice)
        choice.check(self._session.get_providers())
        self._process = os.getpid()

    def run(
        self, outputs: Sequence[str], feeds: Mapping[str, npt.NDArray[Any]], *, time_s: float | None = None
    ) -> list[npt.NDArray[Any]]:
        """The arrays of some outputs.

        Args:
            outputs: Their names.
            feeds: An array for each input.
            time_s: Time limit in seconds, since a file may hold an endless loop; None sets no limit.

        Raises:
            ModelFileError: The network fails on these arrays, or exceeds the limit.
        """
        if self._process != os.getpid():
            self._open_in_fork()
        options, timer = None, None
        if time_s is not None:
            options = load_onnxruntime().RunOptions()
            timer = Timer(time_s, setattr, (options, "terminate", True))  # checked between the nodes of the graph
            timer.start()
        try:
            with translate_errors(lambda why: ModelFileError(f"{self.path}: its network cannot be run ({why})")):
                found: list[npt.NDArray[Any]] = self._session.run(list(outputs), dict(feeds), options)
                return found
        finally:
            if timer is not None:
                timer.cancel()

    def _open_in_fork(self) -> None:
        with self._lock:
            if self._process != os.getpid():
                # destroying the inherited session would wait for threads that do not exist in this process
                _OF_PARENTS.append(self._session)
                self._open()

    def get_inputs(self) -> list[OnnxNode]:
        """The inputs, in order.

        Raises:
            ModelFileError: A name is not text.
        """
        return self._nodes(self._session.get_inputs())

    def get_outputs(self) -> list[OnnxNode]:
        """The outputs, in order.

        Raises:
            ModelFileError: A name is not text.
        """
        return self._nodes(self._session.get_outputs())

    def _nodes(self, found: Iterable[Any]) -> list[OnnxNode]:
        with self._text_only():
            return [OnnxNode(node.name, node.type, tuple(node.shape)) for node in found]

    def _text_only(self) -> AbstractContextManager[None]:
        # onnxruntime opens files whose strings are any bytes, and fails to decode them when they are asked for
        return translate_errors(lambda why: ModelFileError(f"{self.path}: a name or record is not text ({why})"))

    def get_providers(self) -> list[str]:
        """The execution providers, in order of preference."""
        return list(self._session.get_providers())

    @property
    def devices(self) -> tuple[str, ...]:
        """What it runs on in the names of :data:`~mien.runtime.devices.Device`, first choice first."""
        return devices_of(self.get_providers())

    @property
    def strings(self) -> dict[str, str]:
        """The metadata strings of the file.

        Raises:
            ModelFileError: One of them is not text.
        """
        with self._text_only():
            return dict(self._session.get_modelmeta().custom_metadata_map)

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(OnnxSession, threads=self.threads, device=self.device), (self.path,)

    def __copy__(self) -> "OnnxSession":
        return self

    def __deepcopy__(self, _: dict[int, Any]) -> "OnnxSession":
        return self


def open_session(path: Path, *, threads: int | None = None, device: Device = "auto") -> OnnxSession:
    """A session, see :class:`OnnxSession`.

    Raises:
        ModelFileError: The file does not exist or is not an ONNX network.
        ConfigError: The device does not exist, or does not start.
    """
    return OnnxSession(path, threads=threads, device=device)


def available_devices() -> tuple[str, ...]:
    """The devices that onnxruntime was built with here; whether one starts shows when a session is opened."""
    return devices_of(load_onnxruntime().get_available_providers())


def _session(onnxruntime: ModuleType, path: Path, options: Any, choice: DeviceChoice) -> "InferenceSession":
    """A session on the processor alone where the chosen device does not start; onnxruntime would print that."""
    cpu = choice.providers[-1:]
    for providers in dict.fromkeys((choice.providers, cpu)):
        try:
            return onnxruntime.InferenceSession(str(path), options, providers=list(providers), enable_fallback=0)
        except Exception:  # of a device any kind may come, of the file too: then the processor raises it again
            if providers == cpu:
                raise
    raise AssertionError
