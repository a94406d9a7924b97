"""What is written: tables in three formats, and the annotated video."""

import csv
import shutil
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mien.errors import ConfigError, MienError, SourceError, StorageError
from mien.expressions import FERPLUS_LABELS
from mien.recognition.pipeline import ExpressionPipeline
from mien.render.style import EXPRESSION_COLORS, rgb
from mien.video.analyzer import FrameAnalyzer
from mien.video.outputs import VideoOutputs
from mien.video.record import record_video
from mien.video.results import table_columns
from mien.video.resume import progress_file
from mien.video.run import analyze_video
from mien.video.settings import VideoSettings
from mien.video.sinks.annotated import AnnotatedVideo
from mien.video.sinks.table import read_rows
from mien.video.sources.base import MAX_RATE, MIN_RATE, VideoInfo
from mien.video.sources.files import VideoFile
from mien.video.sources.open import spare_source
from mien.video.sources.sequences import ImageSequence
from tests.video.recording import opened, record
from tests.videos import as_written, scene, seconds_of, write_video

UNEVEN_MS = [0, 40, 80, 200, 211, 500, 533, 1000]


def test_the_table_has_a_row_a_face_and_one_for_a_frame_without(
    pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path
) -> None:
    record(pipeline, come_and_go, VideoOutputs(tmp_path / "a.csv"))
    with (tmp_path / "a.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == table_columns(FERPLUS_LABELS)
    assert {int(row["frame"]) for row in rows} == set(range(30))
    faces = {n: [row for row in rows if int(row["frame"]) == n] for n in range(30)}
    assert [len(faces[n]) for n in (0, 9, 15, 29)] == [1, 1, 1, 2]
    assert faces[15][0]["track_id"] == ""
    assert faces[15][0]["timestamp_s"] == "0.6"
    assert [row["track_id"] for row in faces[29]] != ["", ""]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_every_format_holds_the_librarys_numbers(
    pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"a{suffix}"
    record(pipeline, come_and_go, VideoOutputs(out))
    frames = analyze_video(come_and_go, pipeline=pipeline)
    assert list(read_rows(out)) == [as_written(row) for frame in frames for row in frame.rows(FERPLUS_LABELS)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [out.name, progress_file(out).name]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_doubtful_face_has_no_expression_in_any_table(
    pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path, suffix: str
) -> None:
    doubtful = ExpressionPipeline(pipeline.detector, pipeline.recognizer, min_confidence=1.0)
    record(doubtful, come_and_go, VideoOutputs(tmp_path / f"a{suffix}"), VideoSettings(stride=9))
    record(pipeline, come_and_go, VideoOutputs(tmp_path / f"b{suffix}"), VideoSettings(stride=9))
    named, unnamed = ([*read_rows(tmp_path / f"{name}{suffix}")] for name in "ba")
    assert any(row["expression"] for row in named)
    assert unnamed == [row | {"expression": None} for row in named]


def test_parquet_has_real_types(pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path) -> None:
    record(pipeline, come_and_go, VideoOutputs(tmp_path / "a.parquet"))
    schema = pq.read_schema(tmp_path / "a.parquet")
    kinds = [str(schema.field(name).type) for name in ("frame", "timestamp_s", "track_id", "expression", "raw_fear")]
    assert kinds == ["int64", "double", "int64", "string", "double"]


def test_an_unwritable_table_is_told(pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        record(pipeline, come_and_go, VideoOutputs(tmp_path / "file" / "a.csv"))
    with pytest.raises(ConfigError, match=r"no table format ends in '\.xlsx'"):
        record(pipeline, come_and_go, VideoOutputs(tmp_path / "a.xlsx"))


@pytest.mark.parametrize("kind", ["the file", "a symbolic link", "a hard link"])
def test_an_output_that_is_the_source_is_refused_and_the_source_stays(
    pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path, kind: str
) -> None:
    source = Path(shutil.copy(come_and_go, tmp_path / "clip.mp4"))
    output = {"the file": source}.get(kind, tmp_path / "other.mp4")
    if kind == "a symbolic link":
        output.symlink_to(source)
    elif kind == "a hard link":
        output.hardlink_to(source)
    (tmp_path / "a.csv").symlink_to(source)
    for outputs in (VideoOutputs(annotated=output), VideoOutputs(tmp_path / "a.csv"), VideoOutputs(report=output)):
        with pytest.raises(ConfigError, match="is the source itself"):
            record(pipeline, source, outputs)
    assert source.read_bytes() == come_and_go.read_bytes()


def test_an_address_of_any_length_is_no_file(tmp_path: Path) -> None:
    class Stream:
        info = VideoInfo("http://camera.example/" + "x" * 5000, live=True)

    spare_source(Stream(), tmp_path)  # type: ignore[arg-type]


def test_an_output_that_is_a_picture_of_the_source_is_refused(pipeline: ExpressionPipeline, tmp_path: Path) -> None:
    Image.fromarray(scene([])).save(tmp_path / "1.png")
    before = (tmp_path / "1.png").read_bytes()
    with pytest.raises(ConfigError, match=r"1\.png is the source itself"):
        record(pipeline, tmp_path, VideoOutputs(plot=tmp_path / "1.png"))
    assert (tmp_path / "1.png").read_bytes() == before
    record(pipeline, tmp_path, VideoOutputs(tmp_path / "a.csv"))


def test_what_can_be_known_before_reading_is_said_before_it(
    pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path
) -> None:
    one = tmp_path / "one.html"
    for outputs, message in (
        (VideoOutputs(tmp_path / "rows.csv", report=tmp_path / "report.pdf"), "a report ends in .html"),
        (VideoOutputs(tmp_path / "rows.csv", plot=tmp_path / "plot.foo"), "no picture format ends in"),
        (VideoOutputs(tmp_path / "rows.csv", plot=one, report=one), "two outputs have one name"),
        (VideoOutputs(tmp_path / "rows.csv", report=come_and_go / "in" / "report.html"), "cannot write"),
    ):
        with pytest.raises(MienError, match=message):
            record(pipeline, come_and_go, outputs)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("settings", [VideoSettings(), VideoSettings(stride=2), VideoSettings(fps=0.1)])
def test_a_face_in_pictures_far_apart_is_followed_and_its_seconds_are_all_counted(
    pipeline: ExpressionPipeline, settings: VideoSettings
) -> None:
    pictures = ImageSequence([scene([(200, 100, 200)])] * 10, rate=0.2)
    summary = record_video(pictures, FrameAnalyzer(pipeline, settings), VideoOutputs())
    (track,) = summary.tracks
    assert track.seconds == pytest.approx(50)


def test_a_drawn_video_with_another_ending_is_refused_before_an_earlier_table_is_touched(
    pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path
) -> None:
    (tmp_path / "rows.csv").write_text("earlier")
    with pytest.raises(ConfigError, match=r"ends in \.mp4"):
        record(pipeline, come_and_go, VideoOutputs(tmp_path / "rows.csv", tmp_path / "drawn.avi"))
    assert (tmp_path / "rows.csv").read_text() == "earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def sound_packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_the_annotated_video_is_h264_with_the_times_and_the_very_sound_of_the_source(
    pipeline: ExpressionPipeline, tmp_path: Path
) -> None:
    pictures = [scene([(20 + 20 * n, 120, 200)]) for n in range(len(UNEVEN_MS))]
    source = write_video(tmp_path / "in.mp4", pictures, times_ms=UNEVEN_MS, sound="aac")
    record(pipeline, source, VideoOutputs(annotated=tmp_path / "out.mp4"))
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
    times = [round(frame.timestamp_s * 1000) for frame in VideoFile(tmp_path / "out.mp4").frames()]
    assert times == UNEVEN_MS
    assert sound_packets(tmp_path / "out.mp4") == sound_packets(source)


def test_sound_that_mp4_cannot_hold_is_encoded_again(pipeline: ExpressionPipeline, tmp_path: Path) -> None:
    pictures = [scene([(20 + 8 * n, 120, 200)]) for n in range(50)]
    source = write_video(tmp_path / "in.mkv", pictures, sound="pcm_s16le")
    record(pipeline, source, VideoOutputs(annotated=tmp_path / "out.mp4"))
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.name == "aac"
        assert seconds_of(stream) == pytest.approx(49 / 25, abs=0.06)


def test_the_moov_box_comes_first_so_that_browsers_play_at_once(
    pipeline: ExpressionPipeline, pan: Path, tmp_path: Path
) -> None:
    record(pipeline, pan, VideoOutputs(annotated=tmp_path / "out.mp4"), VideoSettings(stride=4))
    content = (tmp_path / "out.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_odd_sides_and_changing_sizes_are_written_even(tmp_path: Path) -> None:
    with opened(AnnotatedVideo(tmp_path / "a.mp4")) as drawn:
        drawn.add(np.zeros((101, 77, 3), np.uint8), 0.0)
        drawn.add(np.zeros((50, 60, 3), np.uint8), 0.04)
    frames = list(VideoFile(tmp_path / "a.mp4").frames())
    assert [frame.image.shape for frame in frames] == [(100, 76, 3)] * 2


def write_flat(path: Path, size: tuple[int, int], fps: float) -> None:
    with opened(AnnotatedVideo(path), VideoInfo("made", fps)) as drawn:
        for number in range(2):
            drawn.add(np.zeros((size[1], size[0], 3), np.uint8), number / fps)


def test_frames_that_h264_cannot_hold_are_told_and_leave_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="with frames of 20000 × 64 pixels"):
        write_flat(tmp_path / "a.mp4", (20_000, 64), 25)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fps", [MIN_RATE, MAX_RATE])
def test_every_rate_that_pictures_may_have_can_be_drawn(tmp_path: Path, fps: float) -> None:
    write_flat(tmp_path / "a.mp4", (64, 48), fps)
    assert len(list(VideoFile(tmp_path / "a.mp4").frames())) == 2


def break_off(path: Path) -> None:
    with opened(AnnotatedVideo(path)) as drawn:
        drawn.add(np.zeros((100, 76, 3), np.uint8), 0.0)
        raise SourceError("gone")


def test_a_failed_annotated_video_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="gone"):
        break_off(tmp_path / "a.mp4")
    with pytest.raises(StorageError, match="no frame was read"), opened(AnnotatedVideo(tmp_path / "a.mp4")):
        pass
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigError, match=r"ends in \.mp4"):
        AnnotatedVideo(tmp_path / "a.avi")


def test_a_drawn_frame_shows_the_box_in_the_expressions_color_and_keeps_its_size(
    pipeline: ExpressionPipeline, pan: Path
) -> None:
    result = next(iter(analyze_video(pan, pipeline=pipeline)))
    drawn = np.asarray(result.plot())
    assert drawn.shape == result.image.shape
    box = result.faces[0].detection.box
    wanted = rgb(EXPRESSION_COLORS[result.faces[0].choice])
    assert tuple(drawn[round(box.bottom) - 1, round(box.center[0])]) == wanted
    assert np.array_equal(drawn[:60, :60], result.image[:60, :60])
