"""Properties of times in real containers: whatever their timestamps do, no frame loses its place, at any rate."""

from fractions import Fraction
from functools import cache
from itertools import accumulate, pairwise
from math import floor
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.video.sources.base import VideoFrame
from mien.video.sources.files import VideoFile
from mien.video.sources.sampling import Sampling

#: Milliseconds between frames; longer than a second of frames, a recording is no disorder.
STEP_MS, FRAMES = 40, 28
#: Where a recording may begin; the last wraps the 33 bits of a transport stream's clock within it.
STARTS_MS = (0, 40, 1000, 5000, 3_600_000, 95_442_700)
RATES = st.sampled_from([None, 1.0, 5.0, 7.3, 25.0, 100.0])


@cache
def recording(name: str, times_ms: tuple[int, ...], codec: str = "mpeg4") -> bytes:
    """A small video with frames at some times, each of its own shade."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        with av.open(str(path), "w") as out:
            stream = out.add_stream(codec, rate=25)
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = 32, 16, "yuvj420p" if codec == "mjpeg" else "yuv420p"
            stream.codec_context.time_base = Fraction(1, 1000)
            for number, time_ms in enumerate(times_ms):
                frame = av.VideoFrame.from_ndarray(np.full((16, 32, 3), 40 + number, np.uint8), format="rgb24")
                frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
                out.mux(stream.encode(frame))
            out.mux(stream.encode())
        return path.read_bytes()


def read(name: str, content: bytes, fps: float | None = None) -> list[VideoFrame]:
    with TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(content)
        return list(VideoFile(Path(folder) / name).frames(Sampling(fps=fps)))


def assert_taken_at(rate: float | None, name: str, content: bytes, times_s: list[float]) -> None:
    """At a lower rate the first frame of each interval is read, under its own number and time."""
    first: dict[int, tuple[int, float]] = {}
    for index, time_s in enumerate(times_s):
        first.setdefault(index if rate is None else floor(time_s * rate + 1e-6), (index, time_s))
    assert [(frame.index, frame.timestamp_s) for frame in read(name, content, rate)] == list(first.values())


@settings(max_examples=30)
@given(starts=st.lists(st.sampled_from(STARTS_MS), min_size=1, max_size=4), rate=RATES)
def test_recordings_joined_in_a_transport_stream_go_on_at_their_own_pace(starts: list[int], rate: float | None) -> None:
    parts = [recording("a.ts", tuple(start + STEP_MS * number for number in range(FRAMES))) for start in starts]
    content = b"".join(parts)
    times = [frame.timestamp_s for frame in read("a.ts", content)]
    assert len(times) == FRAMES * len(starts)
    for number, (early, later) in enumerate(pairwise(times), start=1):
        step = later - early
        if number % FRAMES:
            assert step == pytest.approx(STEP_MS / 1000, abs=2e-3)
        else:  # at a joint: a usual step, or the pause that the timestamps state
            assert 0 < step <= 10
    assert_taken_at(rate, "a.ts", content, times)


@settings(max_examples=40)
@given(
    name=st.sampled_from(["a.mkv", "a.mp4", "a.mov", "a.nut"]),
    start=st.sampled_from(STARTS_MS[:4]),
    gaps=st.lists(st.sampled_from([1, 20, 40, 40, 200, 3000, 60_000]), min_size=2, max_size=40),
    rate=RATES,
)
def test_pauses_in_a_container_with_times_are_kept(name: str, start: int, gaps: list[int], rate: float | None) -> None:
    times_ms = [*accumulate(gaps, initial=start)]
    content = recording(name, tuple(times_ms))
    times = [frame.timestamp_s for frame in read(name, content)]
    late = times[0]
    assert late in (pytest.approx(0, abs=0.05), pytest.approx(start / 1000, abs=0.05))
    assert times == pytest.approx([late + (time_ms - start) / 1000 for time_ms in times_ms], abs=2e-3)
    assert_taken_at(rate, name, content, times)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.avi", "mpeg4"), ("a.m4v", "mpeg4"), ("a.h264", "libx264"), ("a.mjpeg", "mjpeg")]
)
@settings(max_examples=10)
@given(count=st.integers(2, 60), rate=RATES)
def test_frames_without_times_come_at_the_stated_rate(name: str, codec: str, count: int, rate: float | None) -> None:
    content = recording(name, tuple(STEP_MS * number for number in range(count)), codec)
    times = [frame.timestamp_s for frame in read(name, content)]
    assert times == pytest.approx([number * STEP_MS / 1000 for number in range(count)], abs=2e-3)
    assert_taken_at(rate, name, content, times)
