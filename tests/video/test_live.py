"""Live reading of a source that comes step by step: frames are dropped, never queued, and the page shows the newest."""

import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path
from threading import Condition, Semaphore
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from mien.detection.base import Detector, FaceDetection
from mien.errors import ConfigError, SourceError
from mien.geometry import ByteArray
from mien.recognition.pipeline import ExpressionPipeline
from mien.video.analyzer import FrameAnalyzer
from mien.video.live import LiveReading
from mien.video.results import FrameResult
from mien.video.run import analyze_video
from mien.video.settings import VideoSettings
from mien.video.sinks.page import LivePage
from mien.video.sources.cameras import PlayedLive
from mien.video.sources.files import VideoFile
from mien.video.sources.sequences import ImageSequence
from mien.video.threads import Newest, ahead
from tests.video.recording import opened
from tests.video.steps import FRAME_S, PATIENCE_S, SlowDetector, Steps
from tests.videos import scene

FACELESS = VideoSettings(detect_every=1)


def reading_with(
    pipeline: ExpressionPipeline, detector: Detector, source: Steps, listener: Callable[[FrameResult], None]
) -> LiveReading:
    analyzer = FrameAnalyzer(ExpressionPipeline(detector, pipeline.recognizer), FACELESS)
    return LiveReading(source, analyzer, listener=listener, now=source.now)


class ShownFirst(SlowDetector):
    """Begins with a frame when the result of the one before has been shown."""

    def __init__(self, source: Steps, steps: int) -> None:
        super().__init__(source, steps)
        self.shown = Semaphore(1)

    def detect(self, image: ByteArray) -> tuple[FaceDetection, ...]:
        assert self.shown.acquire(timeout=PATIENCE_S)
        return super().detect(image)


@pytest.mark.parametrize(("steps", "dropped"), [(3, 32), (1, 0)])
def test_under_overload_old_frames_are_dropped_and_the_delay_does_not_grow(
    pipeline: ExpressionPipeline, steps: int, dropped: int
) -> None:
    """A frame that takes three frames' time to read costs two others; one that takes its own time costs none."""
    source = Steps(49)
    written: list[FrameResult] = []
    detector = ShownFirst(source, steps)
    reading = reading_with(pipeline, detector, source, written.append)
    delays = []
    for result in reading:
        delays.append(reading.note_shown(result))
        detector.shown.release()
    assert [result.index for result in written] == list(range(0, 49, steps))
    assert (reading.read, reading.dropped) == (len(written), dropped)
    assert delays == pytest.approx([1000 * steps * FRAME_S] * len(written))  # at the end as at the start
    assert reading.delay_ms() == pytest.approx(1000 * steps * FRAME_S)
    assert reading.fps == pytest.approx(25 / steps)


def test_a_slow_display_does_not_slow_the_reading(pipeline: ExpressionPipeline) -> None:
    """Each result is shown until four more are read; the newest at that time comes next, or the one before it."""
    source, written, changed = Steps(25), [], Condition()

    def write(result: FrameResult) -> None:
        with changed:
            written.append(result.index)
            changed.notify_all()

    def is_written(index: int) -> bool:
        return written[-1] >= index

    shown = []
    for result in reading_with(pipeline, SlowDetector(source, 1), source, write):
        shown.append(result.index)
        with changed:
            assert changed.wait_for(partial(is_written, min(result.index + 4, 24)), PATIENCE_S)
    assert written == list(range(25))
    assert shown[-1] == 24
    assert all(later - early >= 3 for early, later in pairwise(shown) if later < 23)


def test_a_live_source_gives_its_newest_frames_to_the_library_too(pipeline: ExpressionPipeline) -> None:
    source = Steps(25)
    slow = ExpressionPipeline(SlowDetector(source, 3), pipeline.recognizer)
    results = list(analyze_video(source, pipeline=slow, settings=FACELESS))
    assert [result.index for result in results] == list(range(0, 25, 3))
    assert [result.captured_s for result in results] == [result.index * FRAME_S for result in results]


def counted(numbers: int, fail_at: int = -1) -> Iterator[int]:
    for number in range(numbers):
        if number == fail_at:
            raise SourceError("gone")
        yield number


def test_reading_ahead_keeps_the_order_and_passes_errors_on() -> None:
    assert list(ahead(counted(50))) == list(range(50))
    seen: list[int] = []
    with pytest.raises(SourceError, match="gone"):
        seen.extend(ahead(counted(9, fail_at=5)))
    with pytest.raises(SourceError, match="gone"):
        list(Newest(counted(9, fail_at=5)))


def test_leaving_early_ends_the_thread() -> None:
    before = set(threading.enumerate())
    with closing(ahead(counted(1000))) as items:
        assert [next(items) for _ in range(4)] == [0, 1, 2, 3]
        assert set(threading.enumerate()) - before
    assert not set(threading.enumerate()) - before
    newest = iter(Newest(counted(1000)))
    next(newest)
    newest.close()  # type: ignore[attr-defined]
    assert not set(threading.enumerate()) - before


def test_the_page_shows_the_newest_picture() -> None:
    with opened(LivePage()) as page:
        with urllib.request.urlopen(page.address) as answer:
            assert b'<img src="live"' in answer.read()
        page.show(Image.fromarray(scene([], (64, 48))))
        page.show(Image.new("RGB", (64, 48), "white"))
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
    with opened(LivePage()) as page:
        page.show(Image.fromarray(scene([], (64, 48))))
        for name in ("", "live"):
            assert answer_to(page, f"{urlsplit(page.address).path}{name}", host) == status


@pytest.mark.parametrize("path", ["/", "/live", "/guessed/", "/guessed/live"])
def test_the_page_shows_nothing_to_who_does_not_know_its_address(path: str) -> None:
    with opened(LivePage()) as page, opened(LivePage()) as other:
        page.show(Image.fromarray(scene([], (64, 48))))
        assert answer_to(page, path, "127.0.0.1") == 404
        assert answer_to(page, urlsplit(other.address).path, "127.0.0.1") == 404


def test_a_taken_port_is_told() -> None:
    with opened(LivePage()) as page, pytest.raises(SourceError, match="port"):
        LivePage(urlsplit(page.address).port or 0)


@pytest.mark.parametrize("port", [-1, 65_536, 99_999])
def test_a_port_that_is_none_is_refused(port: int) -> None:
    with pytest.raises(ConfigError, match=f"port is {port}, expected 0 to 65535"):
        LivePage(port)


class PlayersClock:
    """Time that passes only while someone waits."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        assert seconds >= 0
        self.seconds += seconds


def test_played_frames_come_when_they_are_due_and_after_a_late_one_as_before() -> None:
    clock = PlayersClock()
    pictures = ImageSequence([np.zeros((48, 64, 3), np.uint8)] * 10, rate=1 / FRAME_S)
    taken = []
    for frame in PlayedLive(pictures, now=clock.now, wait=clock.wait).frames():
        taken.append(frame.captured_s)
        clock.seconds += 2.5 * FRAME_S if frame.index == 3 else 0.0
    due = [100 + FRAME_S * number for number in range(10)]
    due[4:6] = [100 + 5.5 * FRAME_S] * 2
    assert taken == pytest.approx(due)


def test_a_recording_is_read_live_to_its_end(pipeline: ExpressionPipeline, pan: Path) -> None:
    reading = LiveReading(PlayedLive(VideoFile(pan)), FrameAnalyzer(pipeline, VideoSettings()))
    results = list(reading)
    assert results[-1].index == 39  # nothing comes after it that it could be dropped for
    assert reading.read + reading.dropped == 40
