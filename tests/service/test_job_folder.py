"""The folder of jobs by itself: uploads that go on or were cut, folders that vanish, a disk that is full."""

import resource
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from mien.errors import RequestError, StorageError
from mien.service.http.limits import Client
from mien.service.jobs.folder import JobFolder
from mien.service.jobs.record import Job

ANYONE = Client("192.0.2.1")


@pytest.fixture
def jobs(tmp_path: Path) -> JobFolder:
    return JobFolder(tmp_path / "jobs", max_bytes=10_000, max_waiting=2, keep_s=100)


def test_an_upload_that_goes_on_is_kept_whatever_its_age(jobs: JobFolder) -> None:
    with jobs.uploading("clip.mp4", ANYONE) as job:
        jobs.save(replace(job, created_s=0))
        jobs.tidy()
        jobs.source(job).write_bytes(b"video")
    waiting = jobs.find(job.id)
    assert waiting is not None
    assert (waiting.phase, jobs.source(waiting).read_bytes()) == ("waiting", b"video")


def test_an_upload_that_a_dead_server_left_is_forgotten_at_once(jobs: JobFolder) -> None:
    left = Job("a" * 22, "clip.mp4", created_s=time.time())
    jobs.save(left)
    jobs.source(left).write_bytes(b"vid")
    jobs.tidy()
    assert jobs.all() == []
    assert not jobs.source(left).exists()


def test_an_upload_that_fails_leaves_nothing(jobs: JobFolder, tmp_path: Path) -> None:
    def cut() -> None:
        with jobs.uploading("clip.mp4", ANYONE) as job:
            jobs.source(job).write_bytes(b"vid")
            raise RequestError("cut off")

    with pytest.raises(RequestError, match="cut off"):
        cut()
    assert list((tmp_path / "jobs").iterdir()) == []


@contextmanager
def full_disk() -> Iterator[None]:
    """No file can be written, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def running(jobs: JobFolder) -> Job:
    """A job that is worked on, with an upload and a result."""
    with jobs.uploading("clip.mp4", ANYONE) as job:
        jobs.source(job).write_bytes(b"video")
    job = replace(job, phase="running", attempts=1)
    jobs.save(job)
    (jobs.start(job) / "rows.csv").write_text("rows")
    return job


def test_an_end_that_cannot_be_noted_keeps_the_upload_for_another_attempt(jobs: JobFolder, running: Job) -> None:
    with full_disk(), pytest.raises(StorageError, match="cannot write"):
        jobs.end(replace(running, phase="failed"))
    assert jobs.find(running.id) == running
    assert jobs.source(running).read_bytes() == b"video"
    assert not (jobs.source(running).parent / "work").exists()
    jobs.end(replace(running, phase="failed"))
    assert not jobs.source(running).exists()


def test_results_that_cannot_be_noted_stay_unseen_and_keep_the_upload(jobs: JobFolder, running: Job) -> None:
    with full_disk(), pytest.raises(StorageError, match="cannot write"):
        jobs.publish(running)
    assert jobs.find(running.id) == running
    assert jobs.result(running, "rows.csv") is None
    assert jobs.source(running).read_bytes() == b"video"
    (jobs.start(running) / "rows.csv").write_text("again")
    jobs.publish(running)
    done = jobs.find(running.id)
    assert done is not None
    path = jobs.result(done, "rows.csv")
    assert path is not None
    assert path.read_text() == "again"
    assert not jobs.source(running).exists()


def test_a_full_disk_keeps_nobody_from_tidying(jobs: JobFolder) -> None:
    with jobs.uploading("clip.mp4", ANYONE) as job:
        jobs.source(job).write_bytes(b"video")
    jobs.cancel(job)
    with full_disk():
        jobs.tidy()
    assert jobs.source(job).exists()
    jobs.tidy()
    assert not jobs.source(job).exists()


def test_space_is_counted_while_folders_vanish(jobs: JobFolder, tmp_path: Path) -> None:
    done = Event()

    def make_and_remove() -> None:
        while not done.is_set():
            folder = tmp_path / "jobs" / "some" / "deep" / "folder"
            folder.mkdir(parents=True)
            (folder / "file").write_bytes(b"x")
            shutil.rmtree(tmp_path / "jobs" / "some")

    with ThreadPoolExecutor(1) as pool:
        churn = pool.submit(make_and_remove)
        try:
            for _ in range(2000):
                jobs.check_space(0)
        finally:
            done.set()
        churn.result()
