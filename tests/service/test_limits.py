"""Limits, tokens, headers, and how the service starts and ends."""

import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest
from PIL import Image

from mien.detection.base import FollowingDetector
from mien.detection.registry import build_detector
from mien.errors import LimitError
from mien.service.inference.face_limit import limit_faces
from tests.photos import pasted
from tests.service.conftest import encoded
from tests.service.servers import Server, running

TOKEN = "correct-horse-battery"  # noqa: S105 - of the tests


@pytest.fixture(scope="module")
def strict(model: Path, tmp_path_factory: pytest.TempPathFactory) -> object:
    """A server whose limits are small."""
    flags = ["--max-body-bytes", "200000", "--max-images", "2", "--max-faces", "1", "--idle-timeout-s", "1"]
    slow = ["--upload-timeout-s", "1", "--max-in-flight", "2", "--max-streams", "1", "--client-share", "1"]
    with running(tmp_path_factory.mktemp("strict"), model, *flags, *slow, MIEN_MAX_PIXELS="2000000") as started:
        yield started


def form(*contents: bytes) -> list[tuple[str, tuple[str, bytes]]]:
    return [("files", ("p.jpg", content)) for content in contents]


def test_too_many_bytes_announced_or_not_are_refused(strict: Server) -> None:
    announced = httpx.post(f"{strict.url}/v1/predict", content=bytes(300_000))
    parts = (bytes(50_000) for _ in range(20))
    unannounced = httpx.post(f"{strict.url}/v1/predict", content=parts)
    for response in (announced, unannounced):
        assert (response.status_code, response.json()["error"]) == (413, "too_large")


def test_too_many_pictures_pixels_or_faces_are_refused(strict: Server, photo: bytes, group: bytes) -> None:
    wide = encoded(Image.new("L", (2000, 1001)), "PNG")
    for files, words in [
        (form(photo, photo, photo), "2 pictures"),
        (form(wide), "2000 × 1001"),
        (form(group), "3 faces"),
    ]:
        response = httpx.post(f"{strict.url}/v1/predict", files=files)
        assert response.status_code == 413
        assert words in response.json()["detail"]


def test_too_many_faces_are_refused_in_a_video_too() -> None:
    detector, picture = limit_faces(build_detector(), 1), pasted(220, [(80, 120), (500, 380)])
    assert isinstance(detector, FollowingDetector)
    with pytest.raises(LimitError, match="2 faces, expected at most 1"):
        detector.detect_again(picture, [], closer=False)


def wait_until_at_work(server: Server, requests: int) -> None:
    """Until so many requests are being worked on beside the one that asks for the server's count of them."""
    for _ in range(6000):
        if f"\nmien_in_flight {requests + 1}.0\n" in httpx.get(f"{server.url}/metrics").text:
            return
        time.sleep(0.01)
    raise TimeoutError(f"never {requests} at work")


def test_a_slow_upload_ends_and_frees_its_place(strict: Server, photo: bytes) -> None:
    def drip() -> int:
        with socket.create_connection(strict.address) as slow:
            slow.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n")
            slow.settimeout(0.1)
            while True:
                slow.sendall(b"x")
                with suppress(TimeoutError):
                    return int(slow.recv(4096).split()[1])

    for _ in range(20):  # a busy machine may be asked only after both uploads ended, a second later
        with ThreadPoolExecutor(2) as pool:
            drips = [pool.submit(drip) for _ in range(2)]
            wait_until_at_work(strict, 2)
            busy = httpx.post(f"{strict.url}/v1/predict", content=photo)
            assert httpx.get(f"{strict.url}/healthz").status_code == 200
            assert [each.result() for each in drips] == [400, 400]
        if busy.status_code != 200:
            break
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "1")
    assert busy.json()["error"] == "too_many_requests"
    assert httpx.post(f"{strict.url}/v1/predict", content=photo).status_code == 200


@pytest.mark.parametrize(
    "beginning", [b"", b"GET / HT", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nX: "]
)
def test_headers_that_never_end_are_not_waited_for(strict: Server, beginning: bytes) -> None:
    with socket.create_connection(strict.address) as slow:
        slow.settimeout(60)
        slow.sendall(beginning)
        start = time.monotonic()
        while slow.recv(4096):
            pass
        assert time.monotonic() - start > 0.5


def test_more_connections_than_allowed_are_turned_away_in_plain_text(model: Path, tmp_path: Path) -> None:
    with running(tmp_path, model, "--max-connections", "8") as narrow, ExitStack() as idle:
        for _ in range(8):
            idle.enter_context(socket.create_connection(narrow.address))
        response = httpx.get(f"{narrow.url}/v1/model")
        assert (response.status_code, response.headers["content-type"]) == (503, "text/plain; charset=utf-8")


def test_a_client_that_leaves_in_the_middle_harms_nobody(strict: Server, photo: bytes) -> None:
    for _ in range(5):
        with socket.create_connection(strict.address) as leaving:
            head = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000\r\n\r\n"
            leaving.sendall(head + photo[:1000])
    time.sleep(0.2)
    assert httpx.post(f"{strict.url}/v1/predict", content=photo).status_code == 200
    assert "Traceback" not in strict.log.read_text()


def test_a_prediction_that_takes_too_long_is_given_up(model: Path, tmp_path: Path, group: bytes) -> None:
    with running(tmp_path, model, "--request-timeout-s", "0.001") as hasty:
        response = httpx.post(f"{hasty.url}/v1/predict", content=group)
        assert (response.status_code, response.json()["error"]) == (503, "overdue")
        assert response.headers["retry-after"]


def test_only_a_valid_token_opens(model: Path, tmp_path: Path, photo: bytes) -> None:
    with running(tmp_path, model, "--tokens", f"{'other' * 4},{TOKEN}") as guarded:
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {TOKEN}"}):
            response = httpx.post(f"{guarded.url}/v1/predict", content=photo, headers=headers)
            assert (response.status_code, response.json()["error"]) == (401, "unauthorized")
            assert response.headers["www-authenticate"] == "Bearer"
        allowed = {"authorization": f"Bearer {TOKEN}"}
        assert httpx.post(f"{guarded.url}/v1/predict", content=photo, headers=allowed).status_code == 200
        assert httpx.get(f"{guarded.url}/v1/model").status_code == 401
        assert httpx.get(f"{guarded.url}/metrics").status_code == 401
        assert httpx.get(f"{guarded.url}/healthz").status_code == 200
        assert TOKEN not in guarded.log.read_text()


def test_pages_of_other_sites_may_ask_only_where_allowed(server: Server, model: Path, tmp_path: Path) -> None:
    asking = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    closed = httpx.options(f"{server.url}/v1/predict", headers=asking)
    assert "access-control-allow-origin" not in closed.headers
    with running(tmp_path, model, MIEN_CORS_ORIGINS="https://shop.example") as opened:
        answer = httpx.options(f"{opened.url}/v1/predict", headers=asking)
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        other = httpx.options(f"{opened.url}/v1/predict", headers=asking | {"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize("path", ["/", "/v1/model", "/nowhere", "/static/app.js"])
def test_every_answer_has_the_security_headers(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


def test_the_model_tells_what_it_is_and_the_metrics_what_was_done(client: httpx.Client, photo: bytes) -> None:
    client.post("/v1/predict", content=photo)
    record = client.get("/v1/model").json()
    assert (record["name"], record["input"]["size"], len(record["labels"])) == ("small", 48, 8)
    assert len(record["sha256"]) == 64
    assert "AI Act" in record["use_notice"]
    assert 'mien_requests_total{route="/v1/predict",status="200"}' in client.get("/metrics").text


def test_sigterm_lets_running_requests_end(model: Path, tmp_path: Path) -> None:
    many = encoded(Image.fromarray(pasted(150, [(x, y) for x in range(0, 1200, 160) for y in (0, 300, 600)])), "PNG")
    with running(tmp_path, model) as leaving, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(httpx.post, f"{leaving.url}/v1/predict", files=form(*[many] * 16), timeout=60)
        wait_until_at_work(leaving, 1)
        assert leaving.stop(signal.SIGTERM) in {0, -signal.SIGTERM}
        response = asked.result()
        assert response.status_code == 200
        assert len(response.json()["results"]) == 16
        with pytest.raises(httpx.ConnectError, match="refused"):
            httpx.get(f"{leaving.url}/healthz")


def test_pictures_leave_nothing_on_disk_nor_in_the_log(model: Path, tmp_path: Path, group: bytes) -> None:
    big = group + bytes(3 * 2**20)
    with running(tmp_path, model, "--access-log", TMPDIR=str(tmp_path)) as watched:
        seen: set[str] = set()
        stop = threading.Event()

        def watch() -> None:
            while not stop.wait(0.002):
                seen.update(file.name for file in _open_files(watched) if str(tmp_path) in str(file))

        thread = threading.Thread(target=watch)
        thread.start()
        for _ in range(5):
            assert httpx.post(f"{watched.url}/v1/predict", files=[("files", ("secret.jpg", big))]).status_code == 200
        stop.set()
        thread.join()
        assert seen <= {watched.log.name}
        assert b"JFIF" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert "secret" not in watched.log.read_text()


def _open_files(server: Server) -> list[Path]:
    files = []
    for link in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with suppress(OSError):  # closed in the meantime
            files.append(link.readlink())
    return files


def test_several_workers_answer_and_add_up_their_counts(model: Path, tmp_path: Path, photo: bytes) -> None:
    with running(tmp_path, model, "--workers", "2", "--concurrency", "1") as pair:
        with ThreadPoolExecutor(8) as pool:
            codes = list(pool.map(lambda _: httpx.post(f"{pair.url}/v1/predict", content=photo).status_code, range(16)))
        assert codes == [200] * 16
        assert 'mien_requests_total{route="/v1/predict",status="200"} 16.0' in httpx.get(f"{pair.url}/metrics").text
