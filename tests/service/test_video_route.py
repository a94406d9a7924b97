"""``/v1/video``: jobs are submitted, followed and canceled, survive a killed server, and show no half result."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from tests.conftest import REPOSITORY
from tests.service import slow_videos
from tests.service.jobs import submit, wait
from tests.service.servers import Server, running

SHORT, LONG = b"one\ntwo\nthree\n", b"line\n" * 400


def until(condition: Callable[[], object]) -> None:
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.05)
    raise TimeoutError


def opened(folder: Path, model: Path, *flags: str, **environment: str) -> AbstractContextManager[Server]:
    program = ("-m", slow_videos.__name__)
    environment["PYTHONPATH"] = os.pathsep.join((str(REPOSITORY), os.environ.get("PYTHONPATH", "")))
    return running(folder, model, "--jobs-folder", str(folder / "jobs"), *flags, program=program, **environment)


@pytest.fixture(scope="module")
def videos(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    flags = ["--max-video-bytes", "5000", "--max-jobs", "2", "--client-share", "1", "--upload-timeout-s", "1"]
    with opened(tmp_path_factory.mktemp("videos"), model, *flags) as server:
        yield server


def test_a_video_becomes_a_job_with_progress_and_results(videos: Server) -> None:
    job = submit(videos, SHORT, "../../clip.mp4")
    record = wait(job, "done")
    assert (record["name"], record["progress"], record["files"]) == ("clip.mp4", 1.0, ["lines.txt"])
    result = httpx.get(f"{job}/files/lines.txt")
    assert result.content == SHORT
    assert result.headers["content-disposition"].startswith("attachment")
    assert httpx.delete(job).status_code == 200
    assert httpx.get(job).status_code == 404


def test_a_running_job_shows_no_results_and_can_be_canceled(videos: Server) -> None:
    job = submit(videos, LONG)
    record = wait(job, "running", at_least=0.02)
    assert record["files"] == []
    assert httpx.get(f"{job}/files/lines.txt").status_code == 404
    waiting = submit(videos, SHORT)
    assert httpx.delete(job).json()["phase"] == "canceled"
    assert wait(waiting, "done")["files"] == ["lines.txt"]
    assert httpx.get(job).json()["phase"] == "canceled"


def test_a_video_that_cannot_be_read_is_a_failed_job(videos: Server) -> None:
    record = wait(submit(videos, b"one\nbroken\n"), "failed")
    assert (record["error"], record["files"]) == ("no such frame", [])


def test_more_videos_than_may_wait_are_turned_away(videos: Server) -> None:
    jobs = [submit(videos, LONG)]
    wait(jobs[0], "running")
    jobs += [submit(videos, SHORT) for _ in range(2)]
    refused = httpx.post(f"{videos.url}/v1/video", content=SHORT)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert [httpx.delete(job).status_code for job in jobs] == [200] * 3
    wait(jobs[0], "canceled")


def test_large_empty_and_cut_uploads_leave_nothing(videos: Server, tmp_path: Path) -> None:
    folder = videos.log.parent / "jobs"
    before = set(folder.iterdir())
    parts = (bytes(1000) for _ in range(10))
    uploads: list[tuple[bytes | Iterator[bytes], int]] = [(bytes(6000), 413), (parts, 413), (b"", 400)]
    for content, status in uploads:
        assert httpx.post(f"{videos.url}/v1/video", content=content).status_code == status
    with socket.create_connection(videos.address) as cut:
        cut.sendall(b"POST /v1/video HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000\r\n\r\nabc")
    with socket.create_connection(videos.address) as still:
        still.sendall(b"POST /v1/video HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000\r\n\r\nabc")
        assert still.recv(100).split()[1] == b"400"
    assert set(folder.iterdir()) <= before
    assert "Traceback" not in videos.log.read_text()


def test_a_size_that_is_announced_beyond_the_limit_is_refused_at_once(videos: Server) -> None:
    with socket.create_connection(videos.address) as client:
        client.sendall(b"POST /v1/video HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5001\r\n\r\n")
        assert client.recv(100).split()[1] == b"413"


def test_uploads_side_by_side_keep_to_the_disk_together(model: Path, tmp_path: Path) -> None:
    size, folder = 8 * 2**20, tmp_path / "jobs"
    head = f"POST /v1/video HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode()
    with (
        opened(tmp_path, model, "--max-jobs-bytes", str(11 * 2**20)) as small,
        socket.create_connection(small.address) as first,
        socket.create_connection(small.address) as second,
    ):
        first.sendall(head)
        second.sendall(head)
        until(lambda: len(list(folder.glob("*/source"))) == 2)
        first.sendall(bytes(size - 1))
        until(lambda: sum(path.stat().st_size for path in folder.glob("*/source")) > size - 2**20)
        second.sendall(bytes(4 * 2**20))
        assert second.recv(100).split()[1] == b"413"


@pytest.mark.parametrize("name", ["..", "%2e%2e", "a" * 22, "../jobs"])
def test_unknown_jobs_and_files_are_not_found(videos: Server, name: str) -> None:
    assert httpx.get(f"{videos.url}/v1/video/{name}").status_code == 404
    assert httpx.get(f"{videos.url}/v1/video/{name}/files/job.json").status_code == 404


def test_after_a_kill_the_job_is_done_again_and_whole(model: Path, tmp_path: Path) -> None:
    with opened(tmp_path, model) as first:
        job = submit(first, b"line\n" * 60)
        wait(job, "running", at_least=0.1)
        first.stop(signal.SIGKILL)
    with opened(tmp_path, model) as second:
        again = job.replace(first.url, second.url)
        record = wait(again, "done")
        assert record["attempts"] == 2
        assert httpx.get(f"{again}/files/lines.txt").text.count("line") >= 60


def test_a_job_that_kills_the_server_again_is_reported_failed(model: Path, tmp_path: Path) -> None:
    path = ""
    for _ in range(2):
        with opened(tmp_path, model) as server:
            path = path or submit(server, b"line\n" * 20_000).removeprefix(server.url)  # minutes, were it let
            wait(server.url + path, "running", at_least=0.0001)
            server.stop(signal.SIGKILL)
    with opened(tmp_path, model) as last:
        record = wait(last.url + path, "failed")
        assert "ended twice" in str(record["error"])
        assert record["files"] == []
        assert not list((tmp_path / "jobs").rglob("lines.txt"))


def test_a_full_disk_is_said_and_survived(model: Path, tmp_path: Path) -> None:
    with opened(tmp_path, model, "--max-jobs-bytes", "4000") as small:
        assert httpx.post(f"{small.url}/v1/video", content=bytes(5000)).status_code == 413
        assert wait(submit(small, SHORT), "done")


def test_results_that_outgrow_the_disk_end_the_job(model: Path, tmp_path: Path) -> None:
    with opened(tmp_path, model, "--max-jobs-bytes", "2400") as small:
        assert wait(submit(small, LONG), "failed")["error"] == "the disk space for videos is used up"


def test_a_disk_that_can_no_longer_be_written_is_said_and_survived(model: Path, tmp_path: Path) -> None:
    with opened(tmp_path, model, LARGEST_FILE="20000") as small:
        response = httpx.post(f"{small.url}/v1/video", content=bytes(50_000))
        assert (response.status_code, response.json()["error"]) == (503, "storage")
        assert list((tmp_path / "jobs").iterdir()) == []
        assert wait(submit(small, SHORT), "done")


def test_without_a_folder_no_videos_are_taken(server: Server) -> None:
    response = httpx.post(f"{server.url}/v1/video", content=SHORT)
    assert (response.status_code, response.json()["detail"]) == (404, "Videos are not accepted here")
