"""Long work on uploaded videos as folders on disk, which outlive the server; several processes may use them.

It does not do the work, ``work.py`` does. All that is known of a job lies in its folder.

    jobs/ID/job.json     its state, replaced whole
            canceled    there when it is no longer wanted
            lock         held by whoever receives its upload or works on it
            source       the upload; removed at the end
            work/        what the runner writes; named results/ when it is whole
"""

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from mien.errors import BusyError, ConfigError, LimitError, StorageError
from mien.runtime.files import write_text

Phase = Literal["uploading", "waiting", "running", "done", "failed", "canceled"]

_ID = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass(frozen=True, slots=True)
class Job:
    """What is known of a job.

    Attributes:
        id: Cannot be guessed; who knows it may read the results.
        name: Of the file, as the client gave it.
        phase: What happens with it.
        progress: Share that is done, in [0, 1].
        created_s: Seconds since 1970.
        attempts: How often work on it was begun.
        files: Names of the results; empty until all are whole.
        error: Why it failed.
    """

    id: str
    name: str
    phase: Phase = "uploading"
    progress: float = 0.0
    created_s: float = 0.0
    attempts: int = 0
    files: tuple[str, ...] = ()
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def ended(self) -> bool:
        return self.phase in {"done", "failed", "canceled"}


class JobFolder:
    """All jobs of a server on disk; several processes may use it at a time.

    Args:
        folder: Made if it is not there.
        max_bytes: Of uploads and results together.
        max_waiting: Jobs that may wait.
        keep_s: So long after its submission a job that ended is forgotten.

    Raises:
        ConfigError: The system has no locks of files, as Windows.
        StorageError: The folder cannot be made.
    """

    def __init__(self, folder: Path, *, max_bytes: int, max_waiting: int, keep_s: float) -> None:
        self._folder, self._max_bytes, self._max_waiting, self._keep_s = folder, max_bytes, max_waiting, keep_s
        try:
            import fcntl  # noqa: PLC0415 - absent on Windows
        except ImportError as err:
            raise ConfigError("videos are taken on POSIX systems only", hint="start it without a jobs folder") from err
        self._flock, self._at_once = fcntl.flock, fcntl.LOCK_EX | fcntl.LOCK_NB
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as err:
            raise StorageError(f"cannot use {folder} for jobs: {err.strerror}") from err

    @contextmanager
    def uploading(self, name: str) -> Iterator[Job]:
        """A new job, claimed while the block writes its upload; then it waits for work. If the block fails, it is gone.

        Raises:
            BusyError: As many as allowed wait.
            LimitError: The disk that jobs may use is full.
            StorageError: The folder cannot be written.
        """
        waiting = sum(job.phase in {"uploading", "waiting"} for job in self.all())
        if waiting >= self._max_waiting:
            raise BusyError(f"{waiting} videos wait, which is the limit", hint="try again")
        self.check_space(0)
        job = Job(secrets.token_urlsafe(16), name, created_s=time.time())
        try:
            (self._folder / job.id).mkdir(mode=0o700)
        except OSError as err:
            raise StorageError(f"no job can be made: {err.strerror}", hint="the disk may be full") from err
        with ExitStack() as undo:
            undo.callback(shutil.rmtree, self._folder / job.id, ignore_errors=True)
            with self.claimed(job):
                self.save(job)
                yield job
                self.save(replace(job, phase="waiting"))
            undo.pop_all()

    def check_space(self, more: int) -> None:
        """See whether ``more`` bytes fit.

        Raises:
            LimitError: They do not.
        """
        used = sum(_size(Path(folder, name)) for folder, _, names in os.walk(self._folder) for name in names)
        if used + more > self._max_bytes:
            raise LimitError("the disk that videos may use is full", hint="delete jobs that ended, or try again later")

    def find(self, job_id: str) -> Job | None:
        """The job of that name; None where there is none."""
        if not _ID.fullmatch(job_id):
            return None
        try:
            record = json.loads((self._folder / job_id / "job.json").read_text(encoding="utf-8"))
            job = Job(**record | {"files": tuple(record["files"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None
        unwanted = not job.ended and (self._folder / job_id / "canceled").exists()
        return replace(job, phase="canceled") if unwanted else job

    def all(self) -> list[Job]:
        """Every job, the oldest first."""
        found = [self.find(path.name) for path in self._folder.iterdir()]
        return sorted((job for job in found if job), key=lambda job: job.created_s)

    def save(self, job: Job) -> None:
        """Replace what is known of it.

        Raises:
            StorageError: The disk is full; the old state stays.
        """
        write_text(self._folder / job.id / "job.json", json.dumps(job.to_dict()))

    def source(self, job: Job) -> Path:
        return self._folder / job.id / "source"

    def work(self, job: Job) -> Path:
        """Where results are written until they are whole."""
        return self._folder / job.id / "work"

    def result(self, job: Job, name: str) -> Path | None:
        """A file of a job that is done; None for any other."""
        return self._folder / job.id / "results" / name if job.phase == "done" and name in job.files else None

    def remove(self, job: Job) -> None:
        """Forget it with all its files, unless someone still works on it."""
        with self.claimed(job) as claimed:
            if claimed:
                shutil.rmtree(self._folder / job.id, ignore_errors=True)

    def cancel(self, job: Job) -> None:
        """Ask that it ends; whoever works on it sees that at its next step."""
        with suppress(OSError):
            (self._folder / job.id / "canceled").touch()

    def publish(self, job: Job) -> None:
        """What was written are its results now.

        Raises:
            StorageError: That cannot be noted; upload and results stay, unseen, for another attempt.
        """
        results = self._folder / job.id / "results"
        shutil.rmtree(results, ignore_errors=True)  # a server that was killed just here left them
        self.work(job).replace(results)
        self.end(replace(job, phase="done", progress=1.0, files=tuple(sorted(p.name for p in results.iterdir()))))

    def end(self, job: Job) -> None:
        """Remove what is not whole, note that it ended, and remove the upload.

        Raises:
            StorageError: That cannot be noted, as on a full disk; the upload stays for another attempt.
        """
        shutil.rmtree(self.work(job), ignore_errors=True)
        self.save(job)
        self.source(job).unlink(missing_ok=True)

    def tidy(self) -> None:
        """Forget jobs that are too old or whose upload was cut off, and end those canceled before work began."""
        for job in self.all():
            too_old = job.ended and time.time() - job.created_s > self._keep_s
            if too_old:
                self.remove(job)
            elif job.phase == "uploading" or (job.ended and self.source(job).exists()):
                self._tidy_one(job)

    def _tidy_one(self, job: Job) -> None:
        """An upload that nobody claims was cut off by its server's end."""
        with self.claimed(job) as claimed, suppress(StorageError):
            now = self.find(job.id) if claimed else None
            if now is not None and now.phase == "uploading":
                shutil.rmtree(self._folder / job.id, ignore_errors=True)
            elif now is not None and now.ended:
                self.end(now)

    @contextmanager
    def claimed(self, job: Job) -> Iterator[bool]:
        """Whether this process alone works on it; a dead process claims nothing."""
        try:
            lock = (self._folder / job.id / "lock").open("w")
        except OSError:  # it was removed just now
            yield False
            return
        with lock:
            try:
                self._flock(lock, self._at_once)
            except OSError:
                yield False
            else:
                yield True


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size if path.is_file() else 0
    return 0
