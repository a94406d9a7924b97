"""The timeline against numbers counted by hand, its memory, the plot and the report."""

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.detection.base import FaceDetection
from mien.errors import StorageError
from mien.expressions import FERPLUS_LABELS, USE_NOTICE, Expression
from mien.geometry import Box
from mien.recognition.probabilities import ExpressionProbabilities
from mien.video.results import FrameResult, TrackedFace
from mien.video.sinks.report import report_html, write_report
from mien.video.sinks.timeline import MAX_BINS, Timeline
from mien.video.sinks.timeline_plot import MAX_TRACKS, plot_timeline, timeline_figure

PICTURE = np.full((60, 80, 3), 90, np.uint8)


def scores(name: str) -> ExpressionProbabilities:
    row = np.full(8, 0.02)
    row[FERPLUS_LABELS.index(name)] = 0.86
    return ExpressionProbabilities(FERPLUS_LABELS, tuple(row.tolist()))


def frame(index: int, time_s: float, *faces: tuple[int, str]) -> FrameResult:
    read = tuple(
        TrackedFace(FaceDetection(Box(2, 10, 32, 40), 0.9), scores(name), track_id, raw_probabilities=scores(name))
        for track_id, name in faces
    )
    return FrameResult(index, time_s, (80, 60), read, image=PICTURE)


def timeline_of(frames: list[FrameResult]) -> Timeline:
    timeline = Timeline(FERPLUS_LABELS)
    for each in frames:
        timeline.add(each)
    return timeline


FRAMES = [
    frame(0, 0.0, (1, "neutral")),
    frame(1, 0.5, (1, "happiness")),
    frame(2, 1.0, (1, "happiness"), (2, "fear")),
    frame(3, 1.5),
    frame(4, 2.0, (1, "neutral")),
]


def test_the_picture_of_a_face_at_the_edge_keeps_inside_the_frame() -> None:
    (track,) = timeline_of([frame(0, 0.0, (1, "neutral"))]).tracks.values()
    assert track.picture is not None
    assert (track.picture == 90).all()


def test_seconds_shares_and_changes_are_those_counted_by_hand() -> None:
    first, second = timeline_of(FRAMES).summaries()
    assert (first.track_id, first.first_s, first.last_s, first.seconds, first.changes) == (1, 0.0, 2.0, 2.0, 2)
    assert first.shares[Expression.NEUTRAL] == first.shares[Expression.HAPPINESS] == 0.5
    assert (second.track_id, second.seconds, second.changes, second.top) == (2, 0.5, 0, "fear")
    assert first.to_dict()["shares"]["happiness"] == 0.5


def test_frames_far_apart_count_in_full_and_a_gap_between_them_does_not() -> None:
    timeline = Timeline(FERPLUS_LABELS, step_s=5.0)
    for number in range(10):
        timeline.add(frame(number, number * 5.0, (1, "neutral")))
    assert timeline.summaries()[0].seconds == pytest.approx(50)
    timeline.add(frame(10, 1000.0, (1, "neutral")))
    assert timeline.summaries()[0].seconds == pytest.approx(57.5)


def test_rows_of_a_table_give_the_same_figures() -> None:
    from_rows = Timeline(FERPLUS_LABELS)
    from_rows.add_rows(row for each in FRAMES for row in each.rows(FERPLUS_LABELS))
    assert from_rows.summaries() == timeline_of(FRAMES).summaries()
    assert from_rows.frames == 5


def test_curves_are_empty_where_a_face_was_not_seen() -> None:
    curve = timeline_of(FRAMES).curves(2)
    assert np.isnan(curve).all(axis=1).sum() == len(curve) - 1
    assert curve[10] == pytest.approx(scores("fear").row)


def test_a_long_video_needs_no_more_bins_than_a_short_one() -> None:
    timeline = Timeline(FERPLUS_LABELS)
    for number in range(40_000):
        timeline.add(frame(number, number * 0.1, (1, "neutral" if number < 20_000 else "anger")))
    assert len(timeline.curves(1)) <= MAX_BINS
    assert timeline.bin_s == pytest.approx(12.8)
    (summary,) = timeline.summaries()
    assert summary.shares[Expression.ANGER] == pytest.approx(0.5, abs=0.01)
    assert np.nansum(timeline.curves(1), axis=1) == pytest.approx(1.0)


def test_a_single_frame_has_shares_and_no_duration() -> None:
    (summary,) = timeline_of(FRAMES[:1]).summaries()
    assert (summary.seconds, summary.shares[Expression.NEUTRAL]) == (0.0, 1.0)


@pytest.mark.parametrize("frames", [[], FRAMES[3:4], FRAMES])
@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_any_video_has_a_plot(tmp_path: Path, frames: list[FrameResult], suffix: str) -> None:
    plot_timeline(timeline_of(frames), tmp_path / f"a{suffix}")
    assert (tmp_path / f"a{suffix}").stat().st_size > 1000
    if suffix == ".png":
        with Image.open(tmp_path / "a.png") as picture:
            assert picture.width > 1000


def test_a_plot_has_a_row_a_track_up_to_a_limit() -> None:
    crowd = [frame(n, n / 10, *((track, "neutral") for track in range(1, 21))) for n in range(3)]
    assert len(timeline_figure(timeline_of(crowd)).axes) == 2 * MAX_TRACKS


def test_a_plot_in_no_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"no picture format ends in '\.xyz'"):
        plot_timeline(timeline_of(FRAMES), tmp_path / "a.xyz")


class Links(HTMLParser):
    """Collects what a page would load, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        links = [value or "" for name, value in attrs if name in {"src", "href"}]
        self.loaded += [link for link in links if not link.startswith("#")]  # anchors lead within the page

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def test_the_report_holds_everything_and_loads_nothing(tmp_path: Path) -> None:
    write_report(timeline_of(FRAMES), tmp_path / "a.html", title="a <b> video", notes=["cut at 1 < 2"])
    page = Links()
    page.feed((tmp_path / "a.html").read_text(encoding="utf-8"))
    assert len(page.loaded) == 3  # the plot and two faces
    assert all(link.startswith("data:image/") for link in page.loaded)
    for words in ("Expressions in a <b> video", USE_NOTICE, "cut at 1 < 2", "5 frames read, 2.0 s, 2 tracks"):
        assert words in page.text


def test_a_report_of_nothing_is_a_report() -> None:
    assert "0 frames read" in report_html(timeline_of([]), title="none", notes=[])
