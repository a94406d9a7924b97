"""The shared state of one process of the service: reader, jobs, limits and metrics."""

import logging
import os
from contextlib import suppress
from typing import Self

from mien.errors import MienError, MissingDependencyError
from mien.service.http.limits import ConcurrencyLimit
from mien.service.inference.reader import ImageReader
from mien.service.jobs.folder import JobFolder
from mien.service.jobs.video_reader import VideoReader
from mien.service.jobs.worker import JobWorker
from mien.service.metrics import Metrics
from mien.service.settings import ServiceSettings
from mien.video.sources.decoding import load_av

_LOG = logging.getLogger("mien.service")


class Engine:
    """Everything that handlers share; as a context manager it also runs the video worker.

    Args:
        settings: Of the service.

    Attributes:
        settings: As given.
        metrics: Counters and times.
        requests: Limit of concurrent predictions.
        streams: Limit of concurrent cameras.
        reader: Reads pictures.
        jobs: The videos; None where videos are not accepted.

    Raises:
        MienError: Model or detector cannot be loaded, or the jobs folder cannot be used.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings, self.metrics = settings, Metrics()
        self.requests = ConcurrencyLimit(settings.max_in_flight, "requests", share=settings.client_share)
        self.streams = ConcurrencyLimit(settings.max_streams, "cameras", share=settings.client_share)
        self.jobs = _job_folder(settings)
        self.reader = ImageReader(settings, self.metrics)
        self._worker: JobWorker | None = None

    def __enter__(self) -> Self:
        if self.jobs is not None:
            self._worker = JobWorker(self.jobs, VideoReader(self.reader, self.settings))
        return self

    def __exit__(self, *_: object) -> None:
        if self._worker is not None:
            self._worker.close()
        self.reader.close()

    def wake_jobs(self) -> None:
        """Make the worker check the jobs now: one was submitted or canceled."""
        if self._worker is not None:
            self._worker.wake()

    def problem(self) -> str | None:
        """Why no predictions can be made now; None if they can. A model that failed is tried again."""
        # Without traffic nothing else would notice that it works again, and no traffic comes while it is not ready.
        if self.reader.recognizer.problem is not None:
            with suppress(MienError):
                self.reader.recognizer.probe()
        return self.reader.recognizer.problem


def _job_folder(settings: ServiceSettings) -> JobFolder | None:
    """The jobs folder; None where none is set, or where PyAV is missing, which is logged."""
    if settings.jobs_folder is None:
        return None
    try:
        load_av()
    except MissingDependencyError as err:
        _LOG.warning("no videos are accepted: %s (%s)", err, err.hint)
        return None
    # matplotlib's cache, which is otherwise in the home folder, where a container may not write.
    os.environ.setdefault("MPLCONFIGDIR", str(settings.jobs_folder / "matplotlib"))
    return JobFolder(
        settings.jobs_folder,
        max_bytes=settings.max_jobs_bytes,
        max_waiting=settings.max_jobs,
        keep_s=settings.keep_jobs_s,
        client_share=settings.client_share,
    )
