"""Jobs as folders on disk, which outlive the server; several processes can use them at a time.

``worker.py`` does the work. The folder holds the complete state of a job:

    jobs/ID/job.json    its record, replaced atomically
            canceled    exists if the job was canceled
            lock        held by the process that receives the upload or works on it
            source      the upload; removed at the end
            work/       output of the reader; renamed to results/ when it is complete

The content of the folder is not trusted: ids are checked, records are validated against a schema, and symbolic links
are neither followed nor written through.
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
    """All jobs of a service on disk; several processes can use it at a time.

    Args:
        folder: Created if it does not exist.
        max_bytes: Largest size of all uploads and results together.
        max_waiting: Most jobs that may wait.
        keep_s: A finished job is removed this long after its submission.
        client_share: Largest part of the waiting jobs that one client may hold, of those that this process received.

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
        self._reported: set[str] = set()  # ids whose invalid record has been logged
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as err:
            raise StorageError(f"cannot use {folder} for jobs: {err.strerror}") from err
        problem = lock_problem(folder)
        if problem is not None:
            raise ConfigError(f"{folder}: {problem}", hint="name a folder on a local disk, or start without one")

    @contextmanager
    def uploading(self, name: str, client: Client, options: str = "") -> Iterator[Job]:
        """A new job, locked while the block writes its upload and waiting afterwards; a block that fails removes it.

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
            # The block runs below; only when it and the last save succeed is the job kept.
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
        """Check that there is room for ``more`` bytes.

        Raises:
            LimitError: There is not.
        """
        used = sum(_size(Path(folder, name)) for folder, _, names in os.walk(self._folder) for name in names)
        if used + more > self._max_bytes:
            raise LimitError("the disk space for videos is used up", hint="delete finished jobs, or try again later")

    def find(self, job_id: str) -> Job | None:
        """The job of that id; None if there is none, or if its record is invalid, which is logged once."""
        folder = self._folder / job_id
        if not JOB_ID.fullmatch(job_id) or folder.is_symlink():
            return None
        try:
            job = read_record(folder / "job.json")
        except OSError:  # absent, or a link
            return None
        except ValueError as err:
            if job_id not in self._reported:
                self._reported.add(job_id)
                _LOG.warning("job %s is ignored, its record is invalid: %s", job_id, first_problem(err))
            return None
        # A file of its own, since the worker may replace the record at the same time.
        is_canceled = not job.ended and (folder / "canceled").exists()
        return replace(job, phase="canceled") if is_canceled else job

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
        """Replace the record of a job.

        Raises:
            StorageError: The disk is full; the old record stays.
        """
        path = self._folder / job.id / "job.json"
        if path.is_symlink():
            path.unlink()  # writing through it would change a file outside
        write_text(path, json.dumps(job.to_dict()))

    def source(self, job: Job) -> Path:
        """Path of the upload."""
        return self._folder / job.id / "source"

    def start(self, job: Job) -> Path:
        """An empty folder for the results, which :meth:`publish` makes available when they are complete.

        Raises:
            OSError: It cannot be created.
        """
        work = self._work(job)
        _discard(work)
        work.mkdir()
        return work

    def result(self, job: Job, name: str) -> Path | None:
        """Path of a result of a finished job; None for other names, and if it is not a regular file."""
        results = self._folder / job.id / "results"
        if job.phase != "done" or name not in job.files or results.is_symlink():
            return None
        path = results / name
        return path if path.is_file() and not path.is_symlink() else None

    def remove(self, job: Job) -> None:
        """Remove a job with all its files, unless a process still works on it."""
        with self.claimed(job) as claimed:
            if claimed:
                shutil.rmtree(self._folder / job.id, ignore_errors=True)  # links inside are removed, not followed

    def cancel(self, job: Job) -> None:
        """Ask for its end; the worker notices at its next step."""
        with suppress(OSError):
            (self._folder / job.id / "canceled").touch()

    def publish(self, job: Job) -> None:
        """Turn the output into the results, and end the job.

        Raises:
            StorageError: The record cannot be written; upload and results stay, hidden, for another attempt.
        """
        results = self._folder / job.id / "results"
        _discard(results)  # left by a server that was killed between the two steps below
        self._work(job).replace(results)
        self.end(replace(job, phase="done", progress=1.0, files=tuple(sorted(p.name for p in results.iterdir()))))

    def end(self, job: Job) -> None:
        """Remove incomplete output, record the end, and remove the upload.

        Raises:
            StorageError: The record cannot be written, as on a full disk; the upload stays for another attempt.
        """
        _discard(self._work(job))
        self.save(job)  # before the upload is removed: if this fails there is another attempt
        _discard(self.source(job))

    def tidy(self) -> None:
        """Remove jobs that are too old or whose upload was cut off, and end those canceled before work began."""
        for job in self.all():
            # The absolute difference, since the clock may have been set back after the submission.
            is_too_old = job.ended and abs(time.time() - job.created_s) > self._keep_s
            if is_too_old:
                self.remove(job)
            elif job.phase == "uploading" or (job.ended and os.path.lexists(self.source(job))):
                self._tidy_one(job)

    def _tidy_one(self, job: Job) -> None:
        """Finish what a server that has ended left of a job; a running server would hold its lock."""
        with self.claimed(job) as claimed, suppress(OSError):
            now = self.find(job.id) if claimed else None
            if now is not None and now.phase == "uploading":
                shutil.rmtree(self._folder / job.id, ignore_errors=True)
            elif now is not None and now.ended:
                self.end(now)

    @contextmanager
    def claimed(self, job: Job) -> Iterator[bool]:
        """Take the job's lock for the block; False if another process holds it. A dead process holds none."""
        with try_lock(self._folder / job.id / "lock") as locked:
            yield locked

    def _work(self, job: Job) -> Path:
        return self._folder / job.id / "work"


def _discard(path: Path) -> None:
    """Remove a file, a link or a folder with its content, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.lstat().st_size
    return 0
