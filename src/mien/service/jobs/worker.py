"""The thread that works on jobs, one after the other.

A job can be canceled at any time, and is begun again if the server was killed while it was read.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from math import isfinite
from pathlib import Path
from threading import Event, Thread
from typing import Protocol

from mien.errors import MienError
from mien.service.jobs.folder import JobFolder
from mien.service.jobs.record import Job

#: A job that was running when the server died is begun again once; a video that crashes the server must not do so
#: forever.
_MAX_ATTEMPTS = 2
#: How long a server that ends waits for the current video to stop.
_STOP_TIMEOUT_S = 10
_SAVE_PROGRESS_EVERY_S = 0.5
_INTERNAL = "something went wrong on the server; see its log"

_LOG = logging.getLogger("mien.service")


class JobCanceled(Exception):  # noqa: N818 - nothing went wrong
    """Raised in a reader, by its progress call, when its job was canceled."""


class _ServerStops(JobCanceled):
    """The server is shutting down; the next one begins the job again."""


class Reader(Protocol):
    """A function that reads a video."""

    def __call__(self, source: Path, folder: Path, job: Job, progress: Callable[[float], None]) -> None:
        """Write result files into ``folder``, which is empty.

        ``job`` has the client's name of the video and its options. ``progress`` takes the share that is done, in
        [0, 1]; it is called often and may raise :class:`JobCanceled`.
        """


class JobWorker:
    """Works on the jobs of a folder until it is closed."""

    def __init__(self, jobs: JobFolder, reader: Reader) -> None:
        self._jobs, self._reader, self._wake, self._closing = jobs, reader, Event(), Event()
        self._broken: set[str] = set()  # jobs whose end could not be recorded; the next server tries again
        self._thread = Thread(target=self._serve, name="mien-videos", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Check for a job now instead of within a second."""
        self._wake.set()

    def close(self) -> None:
        """Stop at the next frame; the next server begins the current job again."""
        self._closing.set()
        self._wake.set()
        self._thread.join(_STOP_TIMEOUT_S)

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                idle = not self._work_on_one()
            except Exception:  # noqa: BLE001 - for example a full disk; later jobs are still worked on
                _LOG.exception("the jobs cannot be worked on")
                idle = True
            if idle:
                self._wake.wait(1)  # other processes submit jobs too, without waking this one
                self._wake.clear()

    def _work_on_one(self) -> bool:
        """Work on the oldest job that no other process has claimed; returns whether there was one."""
        self._jobs.tidy()
        for job in self._jobs.all():
            if job.phase in {"waiting", "running"} and job.id not in self._broken:
                with self._jobs.claimed(job) as claimed:
                    # Read again: another process may have finished it before this one had the lock.
                    now = self._jobs.find(job.id) if claimed else None
                    if now is not None and now.phase in {"waiting", "running"}:
                        self._work_or_skip(now)
                        return True
        return False

    def _work_or_skip(self, job: Job) -> None:
        """Work on a job; one whose folder cannot be used does not block the others."""
        try:
            self._work(job)
        except Exception:  # noqa: BLE001 - concerns this job alone
            _LOG.exception("job %s cannot be worked on", job.id)
            self._broken.add(job.id)

    def _work(self, job: Job) -> None:
        if job.attempts >= _MAX_ATTEMPTS:
            self._jobs.end(replace(job, phase="failed", error="the server ended twice while it was being read"))
            return
        source = self._jobs.source(job)
        if source.is_symlink() or not source.is_file():
            self._jobs.end(replace(job, phase="failed", error="the uploaded video is no longer there"))
            return
        job = replace(job, phase="running", attempts=job.attempts + 1)
        self._jobs.save(job)
        work = self._jobs.start(job)
        report = _Progress(self._jobs, job, self._closing)
        try:
            self._reader(source, work, job, report)
            report.current_job()  # canceled after the last frame?
        except _ServerStops:
            self._jobs.save(replace(job, phase="waiting", attempts=job.attempts - 1))
        except JobCanceled:
            self._jobs.end(replace(job, phase="canceled"))
        except MienError as err:
            # Clients see their own file name in place of the upload's path, and no folder.
            text = str(err).replace(str(source), job.name).replace(f"{work}/", "")
            self._jobs.end(replace(job, phase="failed", error=text[:1000]))
        except Exception:  # noqa: BLE001 - a damaged video must not end the thread; the log has the traceback
            _LOG.exception("a video could not be read")
            self._jobs.end(replace(job, phase="failed", error=_INTERNAL))
        else:
            self._jobs.publish(job)


class _Progress:
    """Records the progress of a job twice a second; stops its reader if the job was canceled or the disk is full."""

    def __init__(self, jobs: JobFolder, job: Job, closing: Event) -> None:
        self._jobs, self._job, self._closing, self._saved_s = jobs, job, closing, 0.0

    def __call__(self, share: float) -> None:
        if self._closing.is_set():
            raise _ServerStops
        if time.monotonic() - self._saved_s < _SAVE_PROGRESS_EVERY_S:
            return
        self._saved_s = time.monotonic()
        now = self.current_job()
        self._jobs.tidy()
        self._jobs.check_space(0)
        known = share if isfinite(share) else 0.0  # a container may state any duration
        self._jobs.save(replace(now, progress=min(max(known, 0.0), 1.0)))

    def current_job(self) -> Job:
        """The current record of the job.

        Raises:
            JobCanceled: The job was canceled or removed.
        """
        now = self._jobs.find(self._job.id)
        if now is None or now.phase != "running":
            raise JobCanceled
        return now
