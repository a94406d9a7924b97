"""Videos as folders on disk, which outlive the server; several processes may use them at a time.

The work itself is done by ``worker.py``. All that is known of a job lies in its folder:

    jobs/ID/job.json    its state, replaced as a whole
            canceled    exists when the job is no longer wanted
            lock        held by whoever receives its upload or works on it
            source      the upload; removed at the end
            work/       what the reader writes; renamed to results/ when it is complete

Nothing in the folder is believed: ids are names of folders, records are read through a schema, and links are neither
followed nor written through.
"""

import json
import logging
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from mien.errors import BusyError, ConfigError, LimitError, StorageError
from mien.runtime.files import write_text
from mien.service.http.limits import Client, ConcurrencyLimit
from mien.service.jobs.locks import lock_problem, try_lock
from mien.service.jobs.record import JOB_ID, Job, first_problem, read_record

_LOG = logging.getLogger("mien.service")


class JobFolder:
    """All jobs of a service on disk; several processes may use it at a time.

    Args:
        folder: Created if it is not there.
        max_bytes: Size of all uploads and results together.
        max_waiting: Jobs that may wait.
        keep_s: A job that ended is removed this long after its submission.
        client_share: Largest part of the waiting jobs that one client may hold, as far as this process received them.

    Raises:
        ConfigError: The system or the file system has no file locks.
        StorageError: The folder cannot be created.
    """

    def __init__(
        self, folder: Path, *, max_bytes: int, max_waiting: int, keep_s: float, client_share: float = 1.0
    ) -> None:
        self._folder, self._max_bytes, self._max_waiting, self._keep_s = folder, max_bytes, max_waiting, keep_s
        self._per_client = ConcurrencyLimit(max_waiting, "videos", share=client_share).per_client
        self._clients: dict[str, Client] = {}  # of the waiting jobs that this process received; never on disk
        self._reported: set[str] = set()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as err:
            raise StorageError(f"cannot use {folder} for jobs: {err.strerror}") from err
        problem = lock_problem(folder)
        if problem is not None:
            raise ConfigError(f"{folder}: {problem}", hint="name a folder on a local disk, or start without one")

    @contextmanager
    def uploading(self, name: str, client: Client, options: str = "") -> Iterator[Job]:
        """A new job, locked while the block writes its upload; then it waits for work. If the block fails, it is gone.

        Raises:
            BusyError: Too many jobs wait, in total or of this client.
            LimitError: The disk space for jobs is used up.
            StorageError: The folder cannot be written.
        """
        self._check_waiting(client)
        self.check_space(0)
        job = Job(secrets.token_urlsafe(16), name, created_s=time.time(), options=options)
        try:
            (self._folder / job.id).mkdir(mode=0o700)
        except OSError as err:
            raise StorageError(f"no job can be created: {err.strerror}", hint="the disk may be full") from err
        with ExitStack() as undo:
            undo.callback(shutil.rmtree, self._folder / job.id, ignore_errors=True)
            self._clients[job.id] = client
            undo.callback(self._clients.pop, job.id, None)
            with self.claimed(job):
                self.save(job)
                yield job
                self.save(replace(job, phase="waiting"))
            undo.pop_all()

    def _check_waiting(self, client: Client) -> None:
        waiting = {job.id for job in self.all() if job.phase in {"uploading", "waiting"}}
        self._clients = {job_id: owner for job_id, owner in self._clients.items() if job_id in waiting}
        if len(waiting) >= self._max_waiting:
            raise BusyError(f"{len(waiting)} videos are waiting, which is the limit", hint="try again later")
        for key in client.keys:
            if sum(key in owner.keys for owner in self._clients.values()) >= self._per_client:
                raise BusyError(
                    f"{self._per_client} videos of one client are waiting, which is the limit",
                    hint="wait until one of them has been read",
                )

    def check_space(self, more: int) -> None:
        """Check that ``more`` bytes fit.

        Raises:
            LimitError: They do not.
        """
        used = sum(_size(Path(folder, name)) for folder, _, names in os.walk(self._folder) for name in names)
        if used + more > self._max_bytes:
            raise LimitError("the disk space for videos is used up", hint="delete finished jobs, or try again later")

    def find(self, job_id: str) -> Job | None:
        """The job of that id; None where there is none, or where its record does not fit, which is logged once."""
        folder = self._folder / job_id
        if not JOB_ID.fullmatch(job_id) or folder.is_symlink():
            return None
        try:
            job = read_record(folder / "job.json")
        except OSError:  # not there, or a link
            return None
        except ValueError as err:
            if job_id not in self._reported:
                self._reported.add(job_id)
                _LOG.warning("job %s is ignored, its record does not fit: %s", job_id, first_problem(err))
            return None
        unwanted = not job.ended and (folder / "canceled").exists()
        return replace(job, phase="canceled") if unwanted else job

    def all(self) -> list[Job]:
        """Every job, the oldest first.

        Raises:
            StorageError: The folder cannot be listed.
        """
        try:
            names = os.listdir(self._folder)  # noqa: PTH208 - names, not paths
        except OSError as err:
            raise StorageError(f"the jobs cannot be listed: {err.strerror}") from err
        return sorted((job for job in map(self.find, names) if job), key=lambda job: job.created_s)

    def save(self, job: Job) -> None:
        """Replace what is known of it.

        Raises:
            StorageError: The disk is full; the old state stays.
        """
        path = self._folder / job.id / "job.json"
        if path.is_symlink():
            path.unlink()  # writing through it would change a file outside
        write_text(path, json.dumps(job.to_dict()))

    def source(self, job: Job) -> Path:
        """Where the upload lies."""
        return self._folder / job.id / "source"

    def start(self, job: Job) -> Path:
        """An empty folder for the results, which :meth:`publish` shows when they are complete.

        Raises:
            OSError: It cannot be created.
        """
        work = self._work(job)
        _discard(work)
        work.mkdir()
        return work

    def result(self, job: Job, name: str) -> Path | None:
        """A file of a job that is done; None for any other, and for what is no regular file."""
        results = self._folder / job.id / "results"
        if job.phase != "done" or name not in job.files or results.is_symlink():
            return None
        path = results / name
        return path if path.is_file() and not path.is_symlink() else None

    def remove(self, job: Job) -> None:
        """Remove it with all its files, unless someone still works on it."""
        with self.claimed(job) as claimed:
            if claimed:
                shutil.rmtree(self._folder / job.id, ignore_errors=True)  # links inside are removed, not followed

    def cancel(self, job: Job) -> None:
        """Ask that it ends; whoever works on it sees that at its next step."""
        with suppress(OSError):
            (self._folder / job.id / "canceled").touch()

    def publish(self, job: Job) -> None:
        """What was written becomes its results.

        Raises:
            StorageError: That cannot be recorded; upload and results stay, unseen, for another attempt.
        """
        results = self._folder / job.id / "results"
        _discard(results)  # left by a server that was killed between the two steps below
        self._work(job).replace(results)
        self.end(replace(job, phase="done", progress=1.0, files=tuple(sorted(p.name for p in results.iterdir()))))

    def end(self, job: Job) -> None:
        """Remove what is incomplete, record that it ended, and remove the upload.

        Raises:
            StorageError: That cannot be recorded, as on a full disk; the upload stays for another attempt.
        """
        _discard(self._work(job))
        self.save(job)  # before the upload goes: if this fails there is another attempt
        _discard(self.source(job))

    def tidy(self) -> None:
        """Remove jobs that are too old or whose upload was cut off, and end those canceled before work began."""
        for job in self.all():
            too_old = job.ended and abs(time.time() - job.created_s) > self._keep_s  # clocks may have been set back
            if too_old:
                self.remove(job)
            elif job.phase == "uploading" or (job.ended and os.path.lexists(self.source(job))):
                self._tidy_one(job)

    def _tidy_one(self, job: Job) -> None:
        """An upload that nobody has locked was cut off when its server ended."""
        with self.claimed(job) as claimed, suppress(OSError):
            now = self.find(job.id) if claimed else None
            if now is not None and now.phase == "uploading":
                shutil.rmtree(self._folder / job.id, ignore_errors=True)
            elif now is not None and now.ended:
                self.end(now)

    @contextmanager
    def claimed(self, job: Job) -> Iterator[bool]:
        """Whether this process alone holds the job's lock; the lock of a dead process is free."""
        with try_lock(self._folder / job.id / "lock") as locked:
            yield locked

    def _work(self, job: Job) -> Path:
        return self._folder / job.id / "work"


def _discard(path: Path) -> None:
    """Remove a file, a link or a folder with its content, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.lstat().st_size
    return 0
