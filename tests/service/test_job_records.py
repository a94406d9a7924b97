"""The jobs folder after another program, an older version or a full disk wrote in it: it is ours, and not believed."""

import json
import logging
import os
import secrets
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from mien.service.http.limits import Client
from mien.service.jobs.folder import JobFolder
from mien.service.jobs.locks import lock_problem
from mien.service.jobs.worker import JobWorker
from tests.service.jobs import submit, wait
from tests.service.test_video_route import opened, until

ID, OTHER = "a" * 22, "b" * 22
DONE = {
    "id": ID,
    "name": "clip.mp4",
    "phase": "done",
    "progress": 1.0,
    "created_s": 1e9,
    "attempts": 1,
    "files": ["rows.csv"],
    "error": None,
}
WRONG: dict[str, Any] = {
    "an id that climbs": {"id": "../victim"},
    "an absolute id": {"id": "/etc"},
    "the id of another job": {"id": OTHER},
    "an id that is a number": {"id": 5},
    "a phase that is a list": {"phase": [1]},
    "a phase that is unknown": {"phase": "flying"},
    "no time": {"created_s": None},
    "a time in words": {"created_s": "yesterday"},
    "a time that is no number": {"created_s": float("nan")},
    "an infinite time": {"created_s": float("inf")},
    "a progress that is no number": {"progress": float("nan")},
    "a progress of two": {"progress": 2},
    "a progress in words": {"progress": "1"},
    "files that climb": {"files": [".."]},
    "a file in a folder": {"files": ["../../victim/secret.txt"]},
    "a hidden file": {"files": [".bashrc"]},
    "files that are a text": {"files": "rows.csv"},
    "attempts below none": {"attempts": -1},
    "attempts that are true": {"attempts": True},
    "an error that is a record": {"error": {}},
    "a name that is none": {"name": None},
    "an empty name": {"name": ""},
    "options that are a record": {"options": {}},
    "endless options": {"options": "a" * 5000},
    "a field more": {"more": 1},
}
TEXTS = ["", "{", "null", "[]", "5", '"job"', "[" * 100_000, '{"id":' * 10_000, "\x00" * 50, " " * 2**20, "{}"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a job that is done, and a victim beside the folder."""
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "secret.txt").write_text("secret")
    (tmp_path / "victim" / "job.json").write_text(json.dumps(DONE | {"id": "victim"}))
    write_job(tmp_path / "jobs" / ID, DONE)
    return tmp_path / "jobs"


def write_job(place: Path, record: dict[str, Any] | str) -> None:
    (place / "results").mkdir(parents=True)
    (place / "results" / "rows.csv").write_text("rows")
    (place / "job.json").write_text(record if isinstance(record, str) else json.dumps(record))


def copy(source: Path, folder: Path, job: object, progress: object) -> None:
    """A reader for :class:`JobWorker`."""
    (folder / "rows.csv").write_bytes(source.read_bytes())


def jobs_in(folder: Path, **settings: Any) -> JobFolder:
    return JobFolder(folder, **{"max_bytes": 10**9, "max_waiting": 9, "keep_s": 1e10} | settings)


def untouched(folder: Path) -> bool:
    victim = folder.parent / "victim"
    return sorted(path.name for path in victim.iterdir()) == ["job.json", "secret.txt"]


@pytest.mark.parametrize("kind", WRONG)
def test_a_record_with_a_wrong_field_is_no_job_and_the_others_go_on(
    folder: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    write_job(folder / OTHER, DONE | {"id": OTHER})
    (folder / ID / "job.json").write_text(json.dumps(DONE | WRONG[kind]))
    jobs = jobs_in(folder)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert jobs.find(ID) is None
            assert [job.id for job in jobs.all()] == [OTHER]
            jobs.tidy()
    (line,) = caplog.records  # once, not at each look
    assert f"job {ID} is ignored" in line.getMessage()
    assert "secret" not in line.getMessage()
    with jobs.uploading("new.mp4", Client("192.0.2.1")) as job:
        jobs.source(job).write_bytes(b"video")
    assert untouched(folder)


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_record_that_is_no_record_is_no_job(folder: Path, text: str) -> None:
    (folder / ID / "job.json").write_text(text)
    assert jobs_in(folder).all() == []


@pytest.mark.parametrize(
    "name", ["..", ".", "victim", "../victim", "a" * 21, "a" * 23, ID + "\n", f"{ID}/..", "a\x00b"]
)
def test_only_names_of_jobs_are_looked_up(folder: Path, name: str) -> None:
    (folder / "victim").symlink_to(folder.parent / "victim")
    assert jobs_in(folder).find(name) is None


@pytest.mark.parametrize("part", ["", "job.json", "results", "results/rows.csv"])
def test_links_are_not_followed(folder: Path, part: str) -> None:
    place, victim = folder / ID / part, folder.parent / "victim"
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()
    for name in ("rows.csv", "job.json"):
        (victim / name).write_text(json.dumps(DONE))
    place.symlink_to(victim if part in {"", "results"} else victim / place.name)
    jobs = jobs_in(folder, keep_s=1)
    job = jobs.find(ID)
    assert job is None or jobs.result(job, "rows.csv") is None
    jobs.tidy()  # the job is too old
    assert (victim / "rows.csv").exists()
    assert (victim / "secret.txt").read_text() == "secret"


@pytest.mark.parametrize("part", ["source", "work", "lock", "canceled", "job.json"])
def test_work_writes_through_no_link_and_the_next_job_is_done(folder: Path, part: str) -> None:
    victim = folder.parent / "victim"
    waiting = DONE | {"phase": "waiting", "files": [], "progress": 0.0}
    for number, name in enumerate((ID, OTHER)):
        shutil.rmtree(folder / name, ignore_errors=True)
        write_job(folder / name, waiting | {"id": name, "created_s": float(number)})
        (folder / name / "source").write_bytes(b"video")
    (folder / ID / part).unlink(missing_ok=True)
    (folder / ID / part).symlink_to(victim if part == "work" else victim / "secret.txt")
    jobs = jobs_in(folder)
    worker = JobWorker(jobs, copy)
    until(lambda: (other := jobs.find(OTHER)) is not None and other.phase == "done")
    worker.close()
    assert (victim / "secret.txt").read_text() == "secret"
    assert untouched(folder)


@pytest.mark.parametrize("part", ["job.json", "lock", "source", "canceled", "work"])
@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_a_folder_or_a_pipe_in_place_of_a_file_is_not_waited_for(folder: Path, part: str, kind: str) -> None:
    place = folder / ID / part
    place.unlink(missing_ok=True)
    place.mkdir() if kind == "folder" else os.mkfifo(place)
    write_job(folder / OTHER, DONE | {"id": OTHER, "phase": "waiting", "files": []})
    (folder / OTHER / "source").write_bytes(b"video")
    jobs = jobs_in(folder)
    worker = JobWorker(jobs, copy)
    until(lambda: (other := jobs.find(OTHER)) is not None and other.phase == "done")
    worker.close()


def test_a_folder_that_cannot_be_worked_in_does_not_keep_the_others_waiting(folder: Path) -> None:
    for number, name in enumerate((ID, OTHER)):
        shutil.rmtree(folder / name, ignore_errors=True)
        write_job(folder / name, DONE | {"id": name, "phase": "waiting", "files": [], "created_s": float(number)})
        (folder / name / "source").write_bytes(b"video")
    jobs = jobs_in(folder)

    def read(source: Path, folder: Path, job: object, progress: object) -> None:
        if source.parent.name == ID:
            shutil.rmtree(source.parent)  # under the reader's hands
            (source.parent.parent / ID).write_text("a file")
        (folder / "rows.csv").write_text("rows")

    worker = JobWorker(jobs, read)
    until(lambda: (other := jobs.find(OTHER)) is not None and other.phase == "done")
    worker.close()


def test_the_service_serves_and_removes_nothing_outside(model: Path, folder: Path) -> None:
    (folder / ID / "job.json").write_text(json.dumps(DONE | {"id": "../victim", "files": ["secret.txt"]}))
    write_job(folder / OTHER, DONE | {"id": OTHER, "phase": [1]})
    with opened(folder.parent, model) as server:
        for name in (ID, OTHER, "..%2fvictim"):
            for path in (name, f"{name}/files/secret.txt", f"{name}/files/..%2fsecret.txt"):
                assert httpx.get(f"{server.url}/v1/video/{path}").status_code == 404
            assert httpx.delete(f"{server.url}/v1/video/{name}").status_code == 404
        assert wait(submit(server, b"one\n"), "done")["files"] == ["lines.txt"]
        assert server.log.read_text().count("is ignored") == 2
    assert untouched(folder)


@pytest.mark.slow
def test_random_kills_lose_no_job(model: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    soak = request.config.getoption("--soak", default=False)
    kills, seed = (40, secrets.randbelow(10**9)) if soak else (4, 3)
    generator, accepted = np.random.default_rng(seed), dict[str, bytes]()
    for _ in range(kills):
        with opened(tmp_path, model, "--max-jobs", "900", "--client-share", "1") as server:
            end = time.monotonic() + float(generator.uniform(0.1, 1.5))
            while time.monotonic() < end:
                content = b"line\n" * int(generator.integers(1, 8))
                accepted[submit(server, content).removeprefix(server.url)] = content
                time.sleep(float(generator.uniform(0, 0.2)))
            server.stop(signal.SIGKILL)
    with opened(tmp_path, model) as last:
        for path, content in accepted.items():
            record = wait(last.url + path, "done", "failed")
            if record["phase"] == "failed":
                assert "ended twice" in str(record["error"]), f"seed {seed}"
            else:
                assert httpx.get(f"{last.url}{path}/files/lines.txt").content == content, f"seed {seed}"


MOUNTS = """
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /srv/nfs rw,relatime shared:2 - nfs4 host:/jobs rw,vers=4.2,local_lock=none
31 22 0:41 / /srv/nfs\\040local rw shared:3 - nfs host:/jobs rw,vers=3,nolock,local_lock=all
32 22 0:42 / /srv/sshfs rw shared:4 - fuse.sshfs host: rw
33 22 0:43 / /srv/share rw shared:5 - cifs //host/jobs rw,nobrl
34 30 8:2 / /srv/nfs/disk rw shared:6 - xfs /dev/sdb rw
damaged line
"""


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("/srv/jobs", None),
        ("/srv/nfs/jobs", None),
        ("/srv/nfs/disk/jobs", None),
        ("/srv/nfs local/jobs", "nfs is mounted with local_lock=all"),
        ("/srv/sshfs/jobs", "file locks do not work on fuse.sshfs"),
        ("/srv/share/jobs", "cifs is mounted with nobrl"),
    ],
)
def test_a_shared_disk_works_where_locks_reach_the_others_and_is_refused_where_not(
    place: str, words: str | None
) -> None:
    problem = lock_problem(Path(place), MOUNTS)
    assert (problem is None) == (words is None)
    assert words is None or words in str(problem)


def test_two_servers_share_a_folder_and_each_video_is_read_once(model: Path, tmp_path: Path) -> None:
    with opened(tmp_path, model, "--max-jobs", "20") as first, opened(tmp_path, model, "--max-jobs", "20") as second:
        pairs = [(first, second), (second, first)] * 3
        jobs = [(submit(one, b"line\n" * 5), one, other) for one, other in pairs]
        for job, one, other in jobs:
            record = wait(job.replace(one.url, other.url), "done")  # asked of the server that did not receive it
            assert record["attempts"] == 1
            assert httpx.get(f"{job}/files/lines.txt").text.count("line") == 5
            assert httpx.delete(job.replace(one.url, other.url)).status_code == 200
            assert httpx.get(job).status_code == 404
