"""``WS /v1/stream``: frames in, results out, old frames dropped, rules kept."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from mien.imaging import load_image
from mien.recognition.pipeline import ExpressionPipeline
from mien.video.analyzer import FrameAnalyzer
from mien.video.settings import VideoSettings
from mien.video.sources.base import VideoFrame
from tests.service.conftest import encoded
from tests.service.servers import Server, running
from tests.service.test_predict_route import assert_same
from tests.videos import scene

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


def frames(count: int) -> list[bytes]:
    """A head that moves to the right."""
    return [encoded(Image.fromarray(scene([(20 + 12 * n, 120, 200)])), "JPEG") for n in range(count)]


def answers(stream: ClientConnection, frames: list[bytes]) -> list[dict[str, Any]]:
    """One after the other, so that none is dropped."""
    given = []
    for frame in frames:
        stream.send(frame)
        given.append(json.loads(stream.recv(30)))
    return given


def test_faces_are_followed_and_smoothed_as_by_the_library(
    stream: ClientConnection, library: ExpressionPipeline
) -> None:
    sent = frames(16)
    given = answers(stream, sent)
    analyzer = FrameAnalyzer(library, VideoSettings())
    for number, (answer, content) in enumerate(zip(given, sent, strict=True), start=1):
        own = analyzer.analyze(VideoFrame(number, answer["timestamp_s"], load_image(content)))
        assert [face["track_id"] for face in answer["faces"]] == [face.track_id for face in own.faces]
        for face, expected in zip(answer["faces"], own.faces, strict=True):
            assert face["probabilities"] == pytest.approx(expected.probabilities.to_dict(), abs=1e-5)
            assert face["raw_probabilities"] == pytest.approx(expected.raw_probabilities.to_dict(), abs=1e-5)
    assert {face["track_id"] for answer in given for face in answer["faces"]} == {1}
    assert given[-1]["faces"][0]["probabilities"] != given[-1]["faces"][0]["raw_probabilities"]


def test_the_smoothing_is_set_at_any_time_and_keeps_the_tracks(stream: ClientConnection) -> None:
    sent = frames(12)
    answers(stream, sent[:9])
    stream.send(json.dumps({"smoothing_s": 0}))
    for answer in answers(stream, sent[9:]):
        (face,) = answer["faces"]
        assert face["track_id"] == 1
        assert face["probabilities"] == face["raw_probabilities"]


def test_a_camera_that_is_turned_begins_new_tracks(stream: ClientConnection, photo: bytes, group: bytes) -> None:
    for content, faces in [(photo, 1), (group, 3), (photo, 1)]:
        (answer,) = answers(stream, [content])
        assert sorted(face["track_id"] for face in answer["faces"]) == list(range(1, faces + 1))


def test_old_frames_are_dropped_and_the_newest_is_answered(stream: ClientConnection, photo: bytes) -> None:
    for _ in range(40):
        stream.send(photo)
    answers: list[dict[str, Any]] = []
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


@pytest.mark.parametrize(
    "text",
    ["hello", "", "{}", '{"smoothing_s": -1}', '{"smoothing_s": NaN}', '{"smoothing_s": true}', '{"a": 1}', "[" * 5000],
)
def test_text_that_is_no_setting_ends_the_stream_with_a_reason(server: Server, text: str) -> None:
    with opened(server) as stream:
        stream.send(text)
        expect_refusal(stream)


def expect_refusal(stream: ClientConnection) -> None:
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
