"""What is written: tables in three formats, runs that are killed and go on, and the annotated video."""

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mien.errors import CheckpointError, ConfigError, SourceError, StorageError
from mien.expressions import FERPLUS_LABELS
from mien.recognition.pipeline import ExpressionPipeline
from mien.video.analyzer import FrameAnalyzer, VideoSettings
from mien.video.annotated import AnnotatedVideo
from mien.video.drawing import draw_frame, track_colour
from mien.video.open import open_video, spare_source
from mien.video.record import Outputs, VideoSummary, record_video
from mien.video.results import FrameResult, table_columns
from mien.video.resume import progress_file
from mien.video.run import analyze_video
from mien.video.sources import VideoFile, VideoInfo
from mien.video.tables import read_rows, row_file
from tests.videos import scene, write_video

DEFAULT = VideoSettings()
UNEVEN_MS = [0, 40, 80, 200, 211, 500, 533, 1000]


@pytest.fixture(scope="module")
def come_and_go(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 frames: ten with a head, ten without, ten with two."""
    empty = scene([])
    pictures = [scene([(200, 100, 200)])] * 10 + [empty] * 10 + [scene([(60, 100, 200), (360, 100, 200)])] * 10
    return write_video(tmp_path_factory.mktemp("videos") / "come.mp4", pictures)


def record(
    pipeline: ExpressionPipeline,
    source: Path,
    outputs: Outputs,
    settings: VideoSettings = DEFAULT,
    **options: object,
) -> VideoSummary:
    return record_video(open_video(source), FrameAnalyzer(pipeline, settings), outputs, **options)  # type: ignore[arg-type]


class Killed(BaseException):
    """Stands for the end of the process in the middle of a run."""


def killed_at(index: int) -> object:
    def listener(result: FrameResult) -> None:
        if result.index == index:
            raise Killed

    return listener


def test_the_table_has_a_row_a_face_and_one_for_a_frame_without(
    pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path
) -> None:
    record(pipeline, come_and_go, Outputs(tmp_path / "a.csv"))
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
    record(pipeline, come_and_go, Outputs(out))
    expected = [row for frame in analyze_video(come_and_go, pipeline=pipeline) for row in frame.rows(FERPLUS_LABELS)]
    assert list(read_rows(out)) == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == [out.name]


def test_parquet_has_real_types(pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path) -> None:
    record(pipeline, come_and_go, Outputs(tmp_path / "a.parquet"))
    schema = pq.read_schema(tmp_path / "a.parquet")
    kinds = [str(schema.field(name).type) for name in ("frame", "timestamp_s", "track_id", "expression", "raw_fear")]
    assert kinds == ["int64", "double", "int64", "string", "double"]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("note_every_s", [0.0, 0.05, 60.0])
def test_a_killed_run_leaves_a_readable_table_and_goes_on_to_the_same_rows(
    pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path, suffix: str, note_every_s: float
) -> None:
    whole, out = tmp_path / f"whole{suffix}", tmp_path / f"a{suffix}"
    record(pipeline, come_and_go, Outputs(whole))
    with pytest.raises(Killed):
        record(pipeline, come_and_go, Outputs(out), listener=killed_at(23), note_every_s=note_every_s)
    left = list(read_rows(row_file(out)))
    assert left == list(read_rows(whole))[: len(left)]
    assert left[-1]["frame"] == 23
    summary = record(pipeline, come_and_go, Outputs(out), resume=True)
    assert list(read_rows(out)) == list(read_rows(whole))
    assert summary.frames == 30
    assert not progress_file(out).exists()
    assert suffix == ".parquet" or out.read_bytes() == whole.read_bytes()


def test_a_process_that_is_killed_loses_and_doubles_no_row(
    small_model: Path, pipeline: ExpressionPipeline, tmp_path: Path
) -> None:
    source = write_video(tmp_path / "long.mp4", (scene([(20 + n % 300, 120, 200)]) for n in range(400)))
    out, whole = tmp_path / "a.csv", tmp_path / "whole.csv"
    record(pipeline, source, Outputs(whole))
    command = [
        sys.executable,
        "-m",
        "mien",
        "video",
        str(source),
        "--out",
        str(out),
        "--quiet",
        "--model",
        str(small_model),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not (out.exists() and out.read_bytes().count(b"\n") > 60):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = out.read_bytes()
    assert left.endswith(b"\n")
    assert whole.read_bytes().startswith(left)
    assert len(left) < whole.stat().st_size
    subprocess.run([*command, "--resume"], check=True, stdout=subprocess.DEVNULL)
    assert out.read_bytes() == whole.read_bytes()


def test_resuming_a_complete_table_changes_nothing(
    pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path
) -> None:
    out = tmp_path / "a.parquet"
    first = record(pipeline, come_and_go, Outputs(out))
    before = out.read_bytes()
    again = record(pipeline, come_and_go, Outputs(out), resume=True)
    assert out.read_bytes() == before
    assert "complete" in again.problems[0]
    assert [track.to_dict() for track in again.tracks] == [track.to_dict() for track in first.tracks]


def test_resuming_without_an_earlier_run_begins(
    pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path
) -> None:
    assert record(pipeline, come_and_go, Outputs(tmp_path / "a.csv"), resume=True).frames == 30


def test_resuming_with_other_settings_is_refused(
    pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path
) -> None:
    out = Outputs(tmp_path / "a.csv")
    with pytest.raises(Killed):
        record(pipeline, come_and_go, out, listener=killed_at(5))
    with pytest.raises(CheckpointError, match="stride 2 instead of 1"):
        record(pipeline, come_and_go, out, VideoSettings(stride=2), resume=True)
    (tmp_path / "a.csv").write_text("")
    with pytest.raises(CheckpointError, match="0 bytes of rows, expected at least"):
        record(pipeline, come_and_go, out, resume=True)
    progress_file(tmp_path / "a.csv").write_text("{}")
    with pytest.raises(CheckpointError, match="damaged"):
        record(pipeline, come_and_go, out, resume=True)


@pytest.mark.parametrize(
    ("outputs", "words"),
    [(Outputs(), "resuming needs the table"), (Outputs(Path("a.csv"), Path("a.mp4")), "cannot be taken up again")],
)
def test_what_cannot_be_resumed_is_refused(
    pipeline: ExpressionPipeline, come_and_go: Path, outputs: Outputs, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        record(pipeline, come_and_go, outputs, resume=True)


def test_an_interruption_by_the_keyboard_keeps_what_is_there(
    pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path
) -> None:
    def stop(result: FrameResult) -> None:
        if result.index == 12:
            raise KeyboardInterrupt

    outputs = Outputs(tmp_path / "a.csv", tmp_path / "a.mp4")
    summary = record(pipeline, come_and_go, outputs, listener=stop)
    assert (summary.stopped, summary.frames) == (True, 13)
    assert len(list(VideoFile(tmp_path / "a.mp4").frames())) == 13
    record(pipeline, come_and_go, Outputs(tmp_path / "a.csv"), resume=True)
    assert {row["frame"] for row in read_rows(tmp_path / "a.csv")} == set(range(30))


def test_an_unwritable_table_is_told(pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        record(pipeline, come_and_go, Outputs(tmp_path / "file" / "a.csv"))
    with pytest.raises(ConfigError, match=r"no table format ends in '\.xlsx'"):
        record(pipeline, come_and_go, Outputs(tmp_path / "a.xlsx"))


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
    for outputs in (Outputs(annotated=output), Outputs(tmp_path / "a.csv"), Outputs(report=output)):
        with pytest.raises(ConfigError, match="is what is read"):
            record(pipeline, source, outputs)
    assert source.read_bytes() == come_and_go.read_bytes()


def test_an_address_of_any_length_is_no_file(tmp_path: Path) -> None:
    class Stream:
        info = VideoInfo("http://camera.example/" + "x" * 5000, live=True)

    spare_source(Stream(), tmp_path)  # type: ignore[arg-type]


def test_an_output_that_is_a_picture_of_the_source_is_refused(pipeline: ExpressionPipeline, tmp_path: Path) -> None:
    Image.fromarray(scene([])).save(tmp_path / "1.png")
    before = (tmp_path / "1.png").read_bytes()
    with pytest.raises(ConfigError, match=r"1\.png is what is read"):
        record(pipeline, tmp_path, Outputs(plot=tmp_path / "1.png"))
    assert (tmp_path / "1.png").read_bytes() == before
    record(pipeline, tmp_path, Outputs(tmp_path / "a.csv"))


def sound_packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_the_annotated_video_is_h264_with_the_times_and_the_very_sound_of_the_source(
    pipeline: ExpressionPipeline, tmp_path: Path
) -> None:
    pictures = [scene([(20 + 20 * n, 120, 200)]) for n in range(len(UNEVEN_MS))]
    source = write_video(tmp_path / "in.mp4", pictures, times_ms=UNEVEN_MS, sound="aac")
    record(pipeline, source, Outputs(annotated=tmp_path / "out.mp4"))
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
    times = [round(frame.timestamp_s * 1000) for frame in VideoFile(tmp_path / "out.mp4").frames()]
    assert times == UNEVEN_MS
    assert sound_packets(tmp_path / "out.mp4") == sound_packets(source)


def test_sound_that_mp4_cannot_hold_is_encoded_again(pipeline: ExpressionPipeline, tmp_path: Path) -> None:
    pictures = [scene([(20 + 8 * n, 120, 200)]) for n in range(50)]
    source = write_video(tmp_path / "in.mkv", pictures, sound="pcm_s16le")
    record(pipeline, source, Outputs(annotated=tmp_path / "out.mp4"))
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.name == "aac"
        assert float(stream.duration * stream.time_base) == pytest.approx(49 / 25, abs=0.06)


def test_the_moov_box_comes_first_so_that_browsers_play_at_once(
    pipeline: ExpressionPipeline, pan: Path, tmp_path: Path
) -> None:
    record(pipeline, pan, Outputs(annotated=tmp_path / "out.mp4"), VideoSettings(stride=4))
    content = (tmp_path / "out.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_odd_sides_and_changing_sizes_are_written_even(tmp_path: Path) -> None:
    with AnnotatedVideo(tmp_path / "a.mp4", VideoInfo("made", 25)) as drawn:
        drawn.write(np.zeros((101, 77, 3), np.uint8), 0.0)
        drawn.write(np.zeros((50, 60, 3), np.uint8), 0.04)
    frames = list(VideoFile(tmp_path / "a.mp4").frames())
    assert [frame.image.shape for frame in frames] == [(100, 76, 3)] * 2


def break_off(path: Path) -> None:
    with AnnotatedVideo(path, VideoInfo("made", 25)) as drawn:
        drawn.write(np.zeros((100, 76, 3), np.uint8), 0.0)
        raise SourceError("gone")


def test_a_failed_annotated_video_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="gone"):
        break_off(tmp_path / "a.mp4")
    with pytest.raises(StorageError, match="no frame was read"), AnnotatedVideo(tmp_path / "a.mp4", VideoInfo("made")):
        pass
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigError, match=r"ends in \.mp4"):
        AnnotatedVideo(tmp_path / "a.avi", VideoInfo("made"))


def test_a_drawn_frame_shows_the_box_in_the_tracks_colour_and_keeps_its_size(
    pipeline: ExpressionPipeline, pan: Path
) -> None:
    result = next(iter(analyze_video(pan, pipeline=pipeline)))
    drawn = draw_frame(result)
    assert drawn.shape == result.image.shape
    box = result.faces[0].detection.box
    wanted = tuple(bytes.fromhex(track_colour(1)[1:]))
    assert tuple(drawn[round(box.bottom) - 1, round(box.center[0])]) == wanted
    assert np.array_equal(drawn[:60, :60], result.image[:60, :60])


def test_progress_is_plain_json(pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        record(pipeline, come_and_go, Outputs(tmp_path / "a.csv"), listener=killed_at(5), note_every_s=0)
    note = json.loads(progress_file(tmp_path / "a.csv").read_text())
    assert (note["frame"], note["position"]) == (5, (tmp_path / "a.csv").stat().st_size)
