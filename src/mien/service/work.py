"""The thread that works on jobs: one after the other, followed, canceled, and begun again after a killed server.

It does not know videos: a runner reads them.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Protocol

from mien.errors import MienError
from mien.service.jobs import Job, JobFolder

#: A job that was being worked on when the server died is begun anew so often; more would die for ever.
_MOST_ATTEMPTS = 2
#: The server's end waits so long for a runner to see that it shall stop.
_LONGEST_STOP_S = 10
_NOTE_EVERY_S = 0.5

_LOG = logging.getLogger("mien.service")


class JobCanceled(Exception):  # noqa: N818 - nothing went wrong
    """Raised in a runner, by its progress call, when its job is no longer wanted."""


class _Postponed(JobCanceled):
    """The server is about to end; the next one begins the job again."""


class VideoRunner(Protocol):
    """What reads a video."""

    def __call__(self, source: Path, folder: Path, name: str, progress: Callable[[float], None]) -> None:
        """Write result files into ``folder``, which may hold what an earlier attempt wrote.

        ``name`` is what the client calls the video. ``progress`` takes the share that is done, in [0, 1]; it is called
        often and raises :class:`JobCanceled`.
        """


class JobThread:
    """Works on the jobs of a folder until it is closed."""

    def __init__(self, jobs: JobFolder, runner: VideoRunner) -> None:
        self._jobs, self._runner, self._wake, self._closing = jobs, runner, Event(), Event()
        self._thread = Thread(target=self._serve, name="mien-videos", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look for a job now and not in a second."""
        self._wake.set()

    def close(self) -> None:
        """Stop at the next frame; the next server begins the job again."""
        self._closing.set()
        self._wake.set()
        self._thread.join(_LONGEST_STOP_S)

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                idle = not self._work_on_one()
            except Exception:  # noqa: BLE001 - as where the disk is full; later jobs go on
                _LOG.exception("jobs cannot be worked on")
                idle = True
            if idle:
                self._wake.wait(1)
                self._wake.clear()

    def _work_on_one(self) -> bool:
        """Do the oldest job that nobody works on; whether there was one."""
        self._jobs.tidy()
        for job in self._jobs.all():
            if job.phase in {"waiting", "running"}:
                with self._jobs.claimed(job) as claimed:
                    now = self._jobs.find(job.id) if claimed else None
                    if now is not None and now.phase in {"waiting", "running"}:
                        self._work(now)
                        return True
        return False

    def _work(self, job: Job) -> None:
        if job.attempts >= _MOST_ATTEMPTS:
            self._jobs.end(replace(job, phase="failed", error="the server ended twice while it was being read"))
            return
        job = replace(job, phase="running", attempts=job.attempts + 1)
        self._jobs.save(job)
        report = _Reporter(self._jobs, job, self._closing)
        work = self._jobs.work(job)
        work.mkdir(exist_ok=True)
        try:
            self._runner(self._jobs.source(job), work, job.name, report)
            report.see_if_wanted()
        except _Postponed:
            self._jobs.save(replace(job, phase="waiting", attempts=job.attempts - 1))
        except JobCanceled:
            self._jobs.end(replace(job, phase="canceled"))
        except MienError as err:
            self._jobs.end(replace(job, phase="failed", error=self._without_paths(str(err), job)))
        except Exception:  # noqa: BLE001 - a damaged video must not end the thread; the log tells what happened
            _LOG.exception("a video could not be read")
            self._jobs.end(replace(job, phase="failed", error="something went wrong on the server; its log tells what"))
        else:
            self._jobs.publish(job)

    def _without_paths(self, text: str, job: Job) -> str:
        """What clients may read: the name that they gave in place of the upload's path, and no folder."""
        source, work = self._jobs.source(job), self._jobs.work(job)
        return text.replace(str(source), job.name).replace(f"{work}/", "")


class _Reporter:
    """Notes the progress of a job twice a second, and ends its runner when nobody wants it or the disk is full."""

    def __init__(self, jobs: JobFolder, job: Job, closing: Event) -> None:
        self._jobs, self._job, self._closing, self._noted_s = jobs, job, closing, 0.0

    def __call__(self, share: float) -> None:
        if self._closing.is_set():
            raise _Postponed
        if time.monotonic() - self._noted_s < _NOTE_EVERY_S:
            return
        self._noted_s = time.monotonic()
        now = self.see_if_wanted()
        self._jobs.tidy()
        self._jobs.check_space(0)
        self._jobs.save(replace(now, progress=min(max(share, 0.0), 1.0)))

    def see_if_wanted(self) -> Job:
        """What is known of the job now.

        Raises:
            JobCanceled: It was canceled or removed.
        """
        now = self._jobs.find(self._job.id)
        if now is None or now.phase != "running":
            raise JobCanceled
        return now
