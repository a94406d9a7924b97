"""``WS /v1/stream``: frames in, results out, old frames dropped, rules kept."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from mien.recognition.pipeline import ExpressionPipeline
from tests.service.servers import Server, running
from tests.service.test_predict_route import assert_same

TOKEN = "correct-horse-battery"  # noqa: S105 - of the tests


@pytest.fixture
def stream(server: Server) -> Iterator[ClientConnection]:
    with opened(server) as connection:
        yield connection


def opened(server: Server, *protocols: str, origin: str | None = None) -> ClientConnection:
    address = f"{server.url.replace('http', 'ws')}/v1/stream"
    return connect(address, subprotocols=list(protocols) or None, origin=origin, max_size=None, proxy=None)  # type: ignore[arg-type]


def test_a_frame_gives_the_librarys_result(stream: ClientConnection, library: ExpressionPipeline, photo: bytes) -> None:
    for number in (1, 2, 3):
        stream.send(photo)
        answer = json.loads(stream.recv(30))
        assert (answer["frame"], answer["dropped"]) == (number, 0)
        assert_same(answer, library.predict(photo).to_dict())


def test_old_frames_are_dropped_and_the_newest_is_answered(stream: ClientConnection, photo: bytes) -> None:
    for _ in range(40):
        stream.send(photo)
    answers = []
    while not answers or answers[-1]["frame"] < 40:
        answers.append(json.loads(stream.recv(30)))
    numbers = [answer["frame"] for answer in answers]
    assert numbers == sorted(set(numbers))
    assert len(answers) + answers[-1]["dropped"] == 40
    assert len(answers) < 40


def test_a_bad_frame_is_answered_and_the_stream_goes_on(stream: ClientConnection, photo: bytes) -> None:
    for content, error in [
        (b"junk", "unsupported_media"),
        (b"", "unsupported_media"),
        (photo[:3000], "unreadable_picture"),
    ]:
        stream.send(content)
        assert json.loads(stream.recv(30))["error"] == error
    stream.send(photo)
    assert len(json.loads(stream.recv(30))["faces"]) == 1


def test_text_ends_the_stream_with_a_reason(stream: ClientConnection) -> None:
    stream.send("hello")
    assert "expected bytes" in json.loads(stream.recv(30))["detail"]
    with pytest.raises(ConnectionClosed, match="1003"):
        stream.recv(30)


def test_too_large_a_frame_ends_the_stream(stream: ClientConnection) -> None:
    stream.send(bytes(2 * 2**20 + 1))
    with pytest.raises(ConnectionClosed, match="1009"):
        stream.recv(30)


def test_other_sites_pages_may_not_open_a_stream(server: Server) -> None:
    with opened(server, origin="https://evil.example") as stream:
        assert json.loads(stream.recv(30))["error"] == "unauthorized"
        with pytest.raises(ConnectionClosed, match="1008"):
            stream.recv(30)
    with opened(server, origin=server.url) as own:
        own.send(b"junk")
        assert json.loads(own.recv(30))["frame"] == 1


def test_tokens_come_as_a_protocol_and_streams_are_counted(model: Path, tmp_path: Path, photo: bytes) -> None:
    flags = ["--tokens", TOKEN, "--max-streams", "1", "--request-timeout-s", "3"]
    with running(tmp_path, model, *flags) as guarded:
        with opened(guarded, "mien.v1", "mien.token.wrong-token-it-is") as refused:
            assert refused.subprotocol == "mien.v1"
            assert json.loads(refused.recv(30))["error"] == "unauthorized"
        with opened(guarded, "mien.v1", f"mien.token.{TOKEN}") as first:
            first.send(photo)
            assert json.loads(first.recv(30))["frame"] == 1
            with opened(guarded, "mien.v1", f"mien.token.{TOKEN}") as second:
                assert json.loads(second.recv(30))["error"] == "too_many_requests"
            with pytest.raises(ConnectionClosed, match=r"1000|1001|1006"):  # silence ends it
                first.recv(30)
        with opened(guarded, "mien.v1", f"mien.token.{TOKEN}") as third:
            third.send(photo)
            assert json.loads(third.recv(30))["frame"] == 1
        assert "Traceback" not in guarded.log.read_text()
