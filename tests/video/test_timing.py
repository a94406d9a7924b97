"""Times of frames whatever the timestamps do: a property of the placing itself, and of videos that PyAV wrote."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.video.sources.files import VideoFile
from mien.video.sources.sampling import Sampling
from mien.video.sources.timing import Timestamps
from tests.videos import write_video

STEP = 0.04
times = st.one_of(st.none(), st.floats(-1e6, 1e6), st.sampled_from([0.0, 0.04, 0.08, 95443.7177, -95443.7177]))


def placed(stated: list[float | None], *, may_splice: bool = True) -> tuple[list[float], Timestamps]:
    stamps = Timestamps(step_s=STEP, may_splice=may_splice)
    return [stamps.place(time_s) for time_s in stated], stamps


@given(st.lists(times, max_size=60), st.booleans())
def test_whatever_is_stated_times_only_go_on_and_begin_where_they_may(
    stated: list[float | None], may_splice: bool
) -> None:
    result, _ = placed(stated, may_splice=may_splice)
    assert all(later > early for early, later in pairwise(result))
    assert all(time_s >= 0 for time_s in result)
    longest = 10.0 if may_splice else 30 * 3600.0
    assert all(later - early <= longest + 1e-6 for early, later in pairwise(result))


@given(st.lists(st.floats(0.001, 9.9), min_size=1, max_size=60))
def test_times_in_order_stay_the_very_numbers(gaps: list[float]) -> None:
    stated = [0.0]
    for gap in gaps:
        stated.append(stated[-1] + gap)
    result, stamps = placed([*stated])
    assert result == stated
    assert stamps.notes() == []


@given(
    st.lists(st.integers(5, 40), min_size=2, max_size=5),
    st.lists(st.sampled_from([0.0, 1.4, 1000.0, 95443.7, 3600.0]), min_size=5, max_size=5),
)
def test_joined_recordings_follow_each_other_at_their_own_pace(lengths: list[int], starts: list[float]) -> None:
    stated = [start + number * STEP for length, start in zip(lengths, starts, strict=False) for number in range(length)]
    result, stamps = placed([*stated])
    wanted = [stated[0] if stated[0] <= 10 else 0.0]
    joints = 0
    for early, later in pairwise(stated):
        goes_on = 0 < later - early <= 10
        joints += not goes_on
        wanted.append(wanted[-1] + (later - early if goes_on else STEP))
    # Short ones, and one that begins when the last ended, may be taken for disorder: half a step less.
    clear = all(length * STEP > 1 for length in lengths)
    if clear and all(abs(later - early) > STEP / 2 for early, later in pairwise(stated)):
        assert result == pytest.approx(wanted, abs=1e-3)
        assert stamps.restarts <= joints
    else:
        assert result == pytest.approx(wanted, abs=STEP * len(lengths))


@given(st.integers(4, 30), st.floats(0.001, 0.9))
def test_one_frame_out_of_place_costs_no_other_its_time(place: int, back: float) -> None:
    stated: list[float | None] = [number * STEP for number in range(40)]
    stated[place] = max(0.0, place * STEP - STEP - back)
    result, stamps = placed(stated)
    expected = [number * STEP for number in range(40)]
    assert [*result[:place], *result[place + 1 :]] == pytest.approx([*expected[:place], *expected[place + 1 :]])
    assert "1 frame with timestamps out of order" in stamps.notes()[0]


def test_frames_without_any_timestamp_come_at_the_mean_rate() -> None:
    result, stamps = placed([None] * 5)
    assert result == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])
    assert stamps.notes() == ["5 frames without a timestamp; placed at the mean rate"]


def levels(count: int, start: int = 20) -> list[np.ndarray]:
    return [np.full((48, 64, 3), start + 4 * number, np.uint8) for number in range(count)]


@pytest.mark.parametrize("starts", [(0, 0), (5000, 0), (0, 5_000_000), (0, 500), (90_000, 1000)])
def test_joined_transport_streams_keep_every_frame_in_its_place(tmp_path: Path, starts: tuple[int, int]) -> None:
    for name, start in zip("ab", starts, strict=True):
        write_video(tmp_path / f"{name}.ts", levels(50), start_ms=start)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join((tmp_path / f"{name}.ts").read_bytes() for name in "ab"))
    video = VideoFile(joined)
    found = [frame.timestamp_s for frame in video.frames()]
    assert found == pytest.approx([number / 25 for number in range(100)], abs=0.045)
    assert len(list(VideoFile(joined).frames(Sampling(fps=5)))) == 20
    assert any("timestamps" in warning for warning in video.warnings), video.warnings
    assert not any("ends at" in warning for warning in video.warnings)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.ts", "a.mov"])
@pytest.mark.parametrize("has_sound", [False, True])
def test_a_clip_that_begins_late_does_not_end_early(tmp_path: Path, name: str, has_sound: bool) -> None:
    path = write_video(tmp_path / name, levels(25), start_ms=4000, sound="aac" if has_sound else None)
    video = VideoFile(path)
    assert len(list(video.frames())) == 25
    assert video.warnings == []


def test_a_picture_that_ends_before_its_sound_is_not_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as out:
        stream, tone = out.add_stream("libx264", rate=25), out.add_stream("pcm_s16le", rate=8000, layout="mono")
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for picture in levels(25):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode())
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 5 * 8000), np.int16), "s16", "mono")
        sound.sample_rate, sound.pts, sound.time_base = 8000, 0, Fraction(1, 8000)
        out.mux(tone.encode(sound))
        out.mux(tone.encode())
    video = VideoFile(path)
    assert len(list(video.frames())) == 25
    assert video.warnings == []
