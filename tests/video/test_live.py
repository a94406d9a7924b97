"""Live reading with a recording as the camera: frames are dropped and never queued, and the page shows the newest."""

import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from threading import active_count
from urllib.parse import urlsplit

import numpy as np
import pytest

from mien.detection.base import FaceDetection
from mien.errors import ConfigError, SourceError
from mien.geometry import ByteArray
from mien.recognition.pipeline import ExpressionPipeline
from mien.video.analyzer import FrameAnalyzer, VideoSettings
from mien.video.cameras import PlayedLive
from mien.video.live import LiveReading
from mien.video.page import LivePage
from mien.video.results import FrameResult
from mien.video.run import analyze_video
from mien.video.sequences import ImageSequence
from mien.video.threads import Newest, ahead
from tests.videos import scene

FRAME_S = 0.04


class SlowDetector:
    """Finds nothing, and takes its time."""

    name = "blazeface"

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def detect(self, image: ByteArray) -> tuple[FaceDetection, ...]:
        time.sleep(self.seconds)
        return ()


def camera(frames: int) -> PlayedLive:
    return PlayedLive(ImageSequence([np.full((48, 64, 3), n % 255, np.uint8) for n in range(frames)], rate=1 / FRAME_S))


def reading_with(
    pipeline: ExpressionPipeline, seconds: float, frames: int = 50
) -> tuple[LiveReading, list[FrameResult]]:
    slow = ExpressionPipeline(SlowDetector(seconds), pipeline.recognizer)
    written: list[FrameResult] = []
    analyzer = FrameAnalyzer(slow, VideoSettings(detect_every=1))
    return LiveReading(camera(frames), analyzer, listener=written.append), written


def test_under_overload_old_frames_are_dropped_and_the_delay_does_not_grow(pipeline: ExpressionPipeline) -> None:
    compute_s = 3 * FRAME_S
    reading, written = reading_with(pipeline, compute_s)
    delays = [reading.note_shown(result) / 1000 for result in reading]
    assert 10 <= len(written) <= 20
    assert reading.read == len(written)
    assert reading.dropped == 50 - len(written)
    assert [result.index for result in written] == sorted({result.index for result in written})
    assert float(np.median(delays)) < 2 * FRAME_S + compute_s
    assert float(np.median(delays[-5:])) < 2 * FRAME_S + compute_s  # at the end as at the start
    assert reading.delay_ms() == pytest.approx(1000 * float(np.median(delays)))


def test_without_overload_no_frame_is_dropped(pipeline: ExpressionPipeline) -> None:
    reading, written = reading_with(pipeline, 0.001, frames=25)
    for result in reading:
        reading.note_shown(result)
    assert reading.dropped <= 2  # a busy machine may stumble once
    assert len(written) >= 23
    assert reading.fps == pytest.approx(25, rel=0.25)


def test_a_slow_display_does_not_slow_the_reading(pipeline: ExpressionPipeline) -> None:
    reading, written = reading_with(pipeline, 0.001, frames=25)
    shown = 0
    for _ in reading:
        time.sleep(4 * FRAME_S)
        shown += 1
    assert shown < 12
    assert len(written) >= 22


def test_a_live_source_gives_its_newest_frames_to_the_library_too(pipeline: ExpressionPipeline) -> None:
    slow = ExpressionPipeline(SlowDetector(0.1), pipeline.recognizer)
    results = list(analyze_video(camera(25), pipeline=slow, settings=VideoSettings(detect_every=1)))
    assert 5 <= len(results) <= 13
    assert all(result.captured_s is not None for result in results)


def counted(numbers: int, fail_at: int = -1) -> Iterator[int]:
    for number in range(numbers):
        if number == fail_at:
            raise SourceError("gone")
        yield number


def test_reading_ahead_keeps_the_order_and_passes_errors_on() -> None:
    assert list(ahead(counted(50))) == list(range(50))
    seen = []
    with pytest.raises(SourceError, match="gone"):
        seen.extend(ahead(counted(9, fail_at=5)))
    with pytest.raises(SourceError, match="gone"):
        list(Newest(counted(9, fail_at=5)))


def test_leaving_early_ends_the_thread() -> None:
    before = active_count()
    for number in ahead(counted(1000)):
        if number == 3:
            break
    for _ in Newest(counted(1000)):
        break
    time.sleep(0.05)
    assert active_count() == before


def test_the_page_shows_the_newest_picture() -> None:
    with LivePage() as page:
        with urllib.request.urlopen(page.address) as answer:
            assert b'<img src="live"' in answer.read()
        page.show(scene([], (64, 48)))
        page.show(np.full((48, 64, 3), 255, np.uint8))
        with urllib.request.urlopen(f"{page.address}live") as stream:
            assert stream.headers["Content-Type"].startswith("multipart/x-mixed-replace")
            assert stream.readline().strip() == b"--frame"
            assert stream.readline().strip() == b"Content-Type: image/jpeg"
            length = int(stream.readline().split(b":")[1])
            stream.readline()
            assert stream.read(length)[:2] == b"\xff\xd8"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{page.address}other")


def answer_to(page: LivePage, path: str, host: str | None) -> int:
    """The status of a request for ``path`` with a Host header of one's choice."""
    connection = HTTPConnection("127.0.0.1", urlsplit(page.address).port, timeout=10)
    connection.putrequest("GET", path, skip_host=True)
    if host is not None:
        connection.putheader("Host", host)
    connection.endheaders()
    with closing(connection):
        return connection.getresponse().status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:8000", 200),
        ("evil.example:8000", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost@evil.example", 403),
        ("[", 403),
        ("", 403),
        (None, 403),
    ],
)
def test_the_page_answers_to_names_of_this_machine_alone(host: str | None, status: int) -> None:
    with LivePage() as page:
        page.show(scene([], (64, 48)))
        for name in ("", "live"):
            assert answer_to(page, f"{urlsplit(page.address).path}{name}", host) == status


@pytest.mark.parametrize("path", ["/", "/live", "/guessed/", "/guessed/live"])
def test_the_page_shows_nothing_to_who_does_not_know_its_address(path: str) -> None:
    with LivePage() as page, LivePage() as other:
        page.show(scene([], (64, 48)))
        assert answer_to(page, path, "127.0.0.1") == 404
        assert answer_to(page, urlsplit(other.address).path, "127.0.0.1") == 404


def test_a_taken_port_is_told() -> None:
    with LivePage() as page, pytest.raises(SourceError, match="port"):
        LivePage(urlsplit(page.address).port or 0)


@pytest.mark.parametrize("port", [-1, 65_536, 99_999])
def test_a_port_that_is_none_is_refused(port: int) -> None:
    with pytest.raises(ConfigError, match=f"port is {port}, expected 0 to 65535"):
        LivePage(port)


def test_played_frames_come_when_they_are_due() -> None:
    start = time.monotonic()
    taken = [frame.captured_s - start for frame in camera(10).frames()]  # type: ignore[operator]
    assert taken[-1] - taken[0] == pytest.approx(9 * FRAME_S, abs=0.03)


def test_a_recording_is_read_live_to_its_end(pipeline: ExpressionPipeline, pan: Path) -> None:
    from mien.video.sources import VideoFile

    reading = LiveReading(PlayedLive(VideoFile(pan)), FrameAnalyzer(pipeline, VideoSettings()))
    results = list(reading)
    assert results[-1].index >= 38
    assert reading.read + reading.dropped == 40
