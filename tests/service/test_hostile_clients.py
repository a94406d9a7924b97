"""Clients that try to break the service: whatever they send, the next request is answered."""

import json
import socket
import struct
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from mien.errors import RequestError
from mien.service.http.uploads import _check_rate
from tests.service.conftest import encoded
from tests.service.servers import Server, running

HEAD = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def attacked(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    flags = ["--idle-timeout-s", "2", "--max-in-flight", "16", "--max-body-bytes", "2000000", "--upload-timeout-s", "2"]
    folder = tmp_path_factory.mktemp("attacked")
    with running(folder, model, *flags, "--jobs-folder", str(folder / "jobs")) as server:
        yield server


@pytest.fixture(autouse=True)
def goes_on(attacked: Server, photo: bytes) -> Iterator[None]:
    """After each attack a picture is read, and the log has no traceback."""
    yield
    response = httpx.post(f"{attacked.url}/v1/predict", content=photo, timeout=30)
    assert (response.status_code, len(response.json()["results"][0]["faces"])) == (200, 1)
    assert "Traceback" not in attacked.log.read_text()


def raw(server: Server, request: bytes, wait_s: float = 60) -> bytes:
    """What a request that is sent as it is gets."""
    with socket.create_connection(server.address) as client:
        client.settimeout(wait_s)
        answer = b""
        with suppress(OSError):
            client.sendall(request)
            while part := client.recv(65536):
                answer += part
        return answer


def test_300_uploads_at_once_are_read_or_turned_away(attacked: Server, photo: bytes) -> None:
    def upload(_: int) -> int:
        return httpx.post(f"{attacked.url}/v1/predict", content=photo, timeout=60).status_code

    with ThreadPoolExecutor(300) as pool:
        codes = list(pool.map(upload, range(300)))
    assert set(codes) <= {200, 429, 503}
    assert codes.count(200) >= 8


@pytest.mark.parametrize(
    ("body", "statuses"),
    [
        (b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx", {b"400", b"413"}),
        (b"Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n", {b"400"}),
        (b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", {b"400"}),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", {b"400"}),
        (b"Content-Length: 99999999999999999999999\r\n\r\nx", {b"400", b"413"}),
        (b"Content-Length: -1\r\n\r\nx", {b"400"}),
        (b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", {b"400"}),
        (b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b", {b"415"}),
        (b"X: " + b"y" * 200_000 + b"\r\n\r\n", {b"400"}),
        (b"X: " + b"y\r\nX: " * 50_000 + b"\r\n\r\n", {b"400"}),
    ],
)
def test_broken_framing_is_refused(attacked: Server, body: bytes, statuses: set[bytes]) -> None:
    assert raw(attacked, HEAD + body).split(b" ")[1] in statuses


@pytest.mark.parametrize("chunk", [1_000, 100_000])
def test_a_chunked_body_beyond_the_limit_is_cut_off(attacked: Server, chunk: int) -> None:
    response = httpx.post(f"{attacked.url}/v1/predict", content=(bytes(chunk) for _ in range(3_000_000 // chunk)))
    assert (response.status_code, response.json()["error"]) == (413, "too_large")


@pytest.mark.parametrize("seed", range(4))
def test_garbage_instead_of_http_is_refused(attacked: Server, seed: int) -> None:
    noise = np.random.default_rng(seed).bytes(3000)
    assert raw(attacked, noise, wait_s=5)[:12] in {b"HTTP/1.1 400", b""}


@pytest.mark.parametrize("seed", range(6))
def test_websocket_garbage_closes_the_socket(attacked: Server, seed: int) -> None:
    key = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    hello = (
        b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n" + key + b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    noise = np.random.default_rng(seed).bytes(2000)
    lying = b"\x82\xff" + struct.pack(">Q", 2**62) + bytes(100)  # a frame that announces an enormous length
    for garbage in (noise, lying, b"\xff" * 100, b"\x89\xfe\xff\xff" + bytes(100)):
        with socket.create_connection(attacked.address) as client:
            client.settimeout(60)
            client.sendall(hello)
            assert client.recv(4096).startswith(b"HTTP/1.1 101")
            client.settimeout(5)
            with suppress(OSError):
                client.sendall(garbage)
                while client.recv(65536):
                    pass


@pytest.mark.parametrize(
    "content",
    [b"", bytes(1000), np.random.default_rng(17).bytes(5000), b"\xff\xd8\xff" + bytes(100)],
    ids=["nothing", "zeros", "noise", "begins as a JPEG"],
)
def test_frames_that_are_no_pictures_are_answered(attacked: Server, content: bytes, photo: bytes) -> None:
    with connect(f"{attacked.url.replace('http', 'ws')}/v1/stream", proxy=None) as stream:
        stream.send(content)
        assert json.loads(stream.recv(20))["error"] in {"unsupported_media", "unreadable_picture"}
        stream.send(photo)
        assert len(json.loads(stream.recv(20))["faces"]) == 1


def test_a_stream_of_many_messages_at_once_ends_orderly(attacked: Server, photo: bytes) -> None:
    with connect(f"{attacked.url.replace('http', 'ws')}/v1/stream", proxy=None) as stream:
        for _ in range(200):
            stream.send(photo)
        stream.send("}" * 100_000)
        with pytest.raises(ConnectionClosed, match="1003"):
            list(iter(lambda: stream.recv(20), None))


PATHS = [
    "/static/../app.py",
    "/static/..%2fapp.py",
    "/static/%2e%2e/%2e%2e/settings.py",
    "/static/....//app.py",
    "/static//etc/passwd",
    "/static/%00",
    "/static/index.html%00.js",
    "//etc/passwd",
    "/v1/video/..%2f..%2f",
    "/v1/video/%2e%2e/files/job.json",
    "/v1/video/" + "a" * 22 + "/files/..%2fjob.json",
    "/v1/video/" + "a" * 5000,
]


@pytest.mark.parametrize("path", PATHS)
def test_paths_that_climb_find_nothing(attacked: Server, path: str) -> None:
    answer = raw(attacked, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer.split(b" ")[1] in {b"404", b"400"}
    assert b"import" not in answer


@pytest.mark.parametrize("name", ["a\r\nSet-Cookie: x=1.jpg", "a\nb.jpg", "a\x1b[31m.jpg", "\u202egpj.exe", "a\x00b"])
def test_line_ends_and_control_characters_in_names_go(attacked: Server, photo: bytes, name: str) -> None:
    body = b"--x\r\nContent-Disposition: form-data; name=files; filename*=utf-8''" + _quoted(name)
    body += b"\r\n\r\n" + photo + b"\r\n--x--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=x"}
    response = httpx.post(f"{attacked.url}/v1/predict", content=body, headers=headers)
    assert "set-cookie" not in response.headers
    shown = response.json()["results"][0]["source"] if response.status_code == 200 else response.json()["detail"]
    assert shown.isprintable()
    job = httpx.post(f"{attacked.url}/v1/video", params={"name": name}, content=b"x")
    assert "set-cookie" not in job.headers
    assert job.json()["name"].isprintable()
    httpx.delete(f"{attacked.url}/v1/video/{job.json()['id']}")


def _quoted(name: str) -> bytes:
    return "".join(f"%{byte:02X}" for byte in name.encode()).encode()


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A picture of 64 × 64 with these chunks before its pixels."""
    whole = encoded(Image.new("RGB", (64, 64), "gray"), "PNG")
    made = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return whole[:33] + made + whole[33:]


BOMB = zlib.compress(bytes(200_000_000), 9)


@pytest.mark.parametrize(
    "chunks",
    [
        [(b"zTXt", b"Comment\0\0" + BOMB)],
        [(b"iTXt", b"Comment\0\1\0\0\0" + BOMB)],
        [(b"iCCP", b"profile\0\0" + BOMB)],
        [(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(900_000), 9))] * 200,
        [(b"tEXt", b"k\0v")] * 20_000,
    ],
    ids=["zTXt", "iTXt", "iCCP", "many zTXt", "many tEXt"],
)
def test_metadata_that_unpacks_to_hundreds_of_megabytes_takes_no_memory(
    attacked: Server, chunks: list[tuple[bytes, bytes]]
) -> None:
    before = attacked.resident_mib()
    response = httpx.post(f"{attacked.url}/v1/predict", content=png(*chunks), timeout=30)
    assert response.status_code in {200, 413, 422}
    assert attacked.resident_mib() - before < 60


def test_a_picture_whose_decoding_takes_too_long_is_given_up(model: Path, tmp_path: Path, photo: bytes) -> None:
    slow = BytesIO()
    Image.effect_noise((5000, 5000), 50).convert("RGB").save(slow, "WEBP", lossless=True, quality=0, method=0)
    with running(tmp_path, model, "--decode-timeout-s", "0.25", "--concurrency", "2") as server:
        time.sleep(1)  # the workers have started
        with ThreadPoolExecutor(8) as pool:
            post = partial(httpx.post, f"{server.url}/v1/predict", content=slow.getvalue(), timeout=60)
            sent = [pool.submit(post) for _ in range(4)]
            assert httpx.post(f"{server.url}/v1/predict", content=photo, timeout=60).status_code == 200
            for each in sent:
                response = each.result()
                assert (response.status_code, response.json()["error"]) == (422, "unreadable_picture")
                assert "decoding takes longer than 0.25 s" in response.json()["detail"]


def test_an_upload_is_judged_by_its_rate_after_a_slow_start() -> None:
    _check_rate(1, 4.9, 1024)
    _check_rate(1, 600, 0)
    _check_rate(60_000, 60, 1024)
    with pytest.raises(RequestError, match=r"too slow: 100 bytes/s, expected at least 1,024"):
        _check_rate(6_000, 60, 1024)


@pytest.mark.slow
def test_a_dripping_video_is_ended_by_its_rate(attacked: Server) -> None:
    with socket.create_connection(attacked.address) as slow:
        slow.sendall(b"POST /v1/video HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500000\r\n\r\n")
        slow.settimeout(0.2)
        for _ in range(100):
            slow.sendall(b"x" * 10)
            with suppress(TimeoutError):
                answer = slow.recv(4096)
                break
        slow.settimeout(60)
        while part := slow.recv(4096):  # the body may come behind the headers
            answer += part
    assert answer.split()[1] == b"400"
    assert b"too slow" in answer
    jobs = attacked.log.parent / "jobs"
    assert not [path for path in jobs.iterdir() if (path / "source").exists()]


@pytest.mark.parametrize(
    ("content", "headers", "words"),
    [
        (b'{"image": "aGVsbG8="}', {"content-type": "application/json"}, ""),
        (b"x" * 10, {"content-encoding": "gzip"}, "uncompressed"),
        (b"", {}, "field 'files'"),
    ],
)
def test_what_is_sent_by_mistake_is_answered_with_what_to_do(
    attacked: Server, content: bytes, headers: dict[str, str], words: str
) -> None:
    response = httpx.post(f"{attacked.url}/v1/predict", content=content, headers=headers)
    assert response.status_code in {400, 415}
    assert words in (response.json()["hint"] or "")


@pytest.mark.parametrize("field", ["image", "file", "files[]", "photo" * 40])
def test_another_form_field_is_answered_with_the_right_one(attacked: Server, photo: bytes, field: str) -> None:
    response = httpx.post(f"{attacked.url}/v1/predict", files={field: ("a.jpg", photo)})
    assert response.status_code == 400
    assert "curl -F files=@photo.jpg" in response.json()["hint"]
    text = httpx.post(f"{attacked.url}/v1/predict", data={field: "aGVsbG8="}, files={"files": ("a.jpg", photo)})
    assert text.status_code == 400
    assert "field 'files'" in text.json()["hint"]
