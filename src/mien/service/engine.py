"""What a process of the service holds while it runs, and how handlers reach it.

It does not know addresses or formats.
"""

from collections.abc import Callable
from typing import Annotated, Self

from fastapi import Depends
from starlette.requests import HTTPConnection

from mien.recognition.pipeline import ExpressionPipeline
from mien.service.access import check_access
from mien.service.jobs import JobFolder
from mien.service.metrics import Metrics
from mien.service.reading import Places, Reader
from mien.service.settings import ServiceSettings
from mien.service.work import JobThread, VideoRunner

#: Makes what reads videos out of the pipeline that is loaded.
MakeRunner = Callable[[ExpressionPipeline], VideoRunner]


class Engine:
    """Settings, counters, the reader, the jobs, and the places that bound what runs at a time."""

    def __init__(self, settings: ServiceSettings, make_runner: MakeRunner | None = None) -> None:
        self.settings, self.metrics = settings, Metrics()
        self.requests = Places(settings.max_in_flight, "requests")
        self.streams = Places(settings.max_streams, "cameras")
        self.reader = Reader(settings, self.metrics)
        self.jobs = _job_folder(settings) if make_runner else None
        self._make_runner = make_runner
        self._job_thread: JobThread | None = None

    def __enter__(self) -> Self:
        if self.jobs is not None and self._make_runner is not None:
            self._job_thread = JobThread(self.jobs, self._make_runner(self.reader.pipeline))
        return self

    def __exit__(self, *_: object) -> None:
        if self._job_thread is not None:
            self._job_thread.close()
        self.reader.close()

    def wake_jobs(self) -> None:
        """A job was submitted or canceled."""
        if self._job_thread is not None:
            self._job_thread.wake()


def _job_folder(settings: ServiceSettings) -> JobFolder | None:
    if settings.jobs_folder is None:
        return None
    return JobFolder(
        settings.jobs_folder,
        max_bytes=settings.max_jobs_bytes,
        max_waiting=settings.max_jobs,
        keep_s=settings.keep_jobs_s,
    )


def _engine(connection: HTTPConnection) -> Engine:
    engine: Engine = connection.app.state.engine
    return engine


def _allowed(connection: HTTPConnection) -> None:
    check_access(connection, _engine(connection).settings)


#: The engine, as an argument of a handler.
TheEngine = Annotated[Engine, Depends(_engine)]
#: Put among a route's dependencies, it lets only clients pass that may ask.
NEEDS_TOKEN = Depends(_allowed)
