"""Runs that are killed or interrupted and go on, and what ``--resume`` refuses."""

import json
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import onnx
import pytest
from PIL import Image

from mien.detection.registry import build_detector
from mien.errors import CheckpointError, ConfigError, StorageError
from mien.expressions import FERPLUS_LABELS
from mien.recognition.pipeline import ExpressionPipeline, load
from mien.video.analyzer import FrameAnalyzer
from mien.video.outputs import VideoOutputs
from mien.video.record import record_video
from mien.video.results import FrameResult
from mien.video.resume import progress_file
from mien.video.settings import VideoSettings
from mien.video.sinks.table import read_rows, row_file
from mien.video.sources.cameras import PlayedLive
from mien.video.sources.files import VideoFile
from mien.video.sources.open import open_video
from mien.video.sources.sequences import ImageSequence
from mien.weights import weight_path
from tests.video.recording import DEFAULT, Killed, killed_at, record
from tests.videos import as_written, scene, write_video


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("note_every_s", [0.0, 0.05, 60.0])
def test_a_killed_run_leaves_a_readable_table_and_goes_on_to_the_same_rows(
    pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path, suffix: str, note_every_s: float
) -> None:
    whole, out = tmp_path / f"whole{suffix}", tmp_path / f"a{suffix}"
    record(pipeline, come_and_go, VideoOutputs(whole))
    with pytest.raises(Killed):
        record(pipeline, come_and_go, VideoOutputs(out), listener=killed_at(23), note_every_s=note_every_s)
    left = list(read_rows(row_file(out)))
    assert left == list(read_rows(whole))[: len(left)]
    assert left[-1]["frame"] == 23
    summary = record(pipeline, come_and_go, VideoOutputs(out), resume=True)
    assert list(read_rows(out)) == list(read_rows(whole))
    assert summary.frames == 30
    assert json.loads(progress_file(out).read_text())["complete"]
    assert suffix == ".parquet" or out.read_bytes() == whole.read_bytes()


def test_a_process_that_is_killed_loses_and_doubles_no_row(
    small_model: Path, pipeline: ExpressionPipeline, tmp_path: Path
) -> None:
    source = write_video(tmp_path / "long.mp4", (scene([(20 + n % 300, 120, 200)]) for n in range(400)))
    out, whole = tmp_path / "a.csv", tmp_path / "whole.csv"
    record(pipeline, source, VideoOutputs(whole))
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
    first = record(pipeline, come_and_go, VideoOutputs(out))
    before = out.read_bytes()
    again = record(pipeline, come_and_go, VideoOutputs(out), resume=True)
    assert out.read_bytes() == before
    assert "complete" in again.warnings[0]
    assert [track.to_dict() for track in again.tracks] == [track.to_dict() for track in first.tracks]


def test_resuming_without_an_earlier_run_begins(
    pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path
) -> None:
    assert record(pipeline, come_and_go, VideoOutputs(tmp_path / "a.csv"), resume=True).frames == 30


def test_resuming_with_other_settings_is_refused(
    pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path
) -> None:
    out = VideoOutputs(tmp_path / "a.csv")
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


def pictures(folder: Path) -> Path:
    folder.mkdir()
    for number in range(6):
        Image.fromarray(scene([(100 + 10 * number, 100, 200)])).save(folder / f"{number}.png")
    return folder


@pytest.mark.parametrize("is_complete", [False, True])
def test_resuming_pictures_at_another_rate_is_refused(
    pipeline: ExpressionPipeline, tmp_path: Path, is_complete: bool
) -> None:
    folder, out = pictures(tmp_path / "frames"), VideoOutputs(tmp_path / "a.csv")
    with nullcontext() if is_complete else pytest.raises(Killed):
        at_ten, listener = open_video(folder, rate=10), None if is_complete else killed_at(3)
        record_video(at_ten, FrameAnalyzer(pipeline, DEFAULT), out, listener=listener)
    before = (tmp_path / "a.csv").read_bytes()
    with pytest.raises(CheckpointError, match=r"rate 25\.0 instead of 10"):
        record(pipeline, folder, out, resume=True)
    assert (tmp_path / "a.csv").read_bytes() == before


@pytest.mark.parametrize("is_complete", [False, True])
def test_resuming_with_another_file_of_the_detector_is_refused(
    pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path, is_complete: bool
) -> None:
    out, file = VideoOutputs(tmp_path / "a.csv"), tmp_path / "faces.onnx"
    shipped = weight_path("centerface", kind="detector").read_bytes()
    file.write_bytes(shipped)
    with nullcontext() if is_complete else pytest.raises(Killed):
        listener = None if is_complete else killed_at(3)
        record(with_detector(pipeline, file), come_and_go, out, listener=listener)
    model = onnx.load_from_string(shipped)
    model.producer_name = "another file of the same network"
    onnx.save(model, file)
    with pytest.raises(CheckpointError, match="begun with other settings: another file of the detector"):
        record(with_detector(pipeline, file), come_and_go, out, resume=True)
    record(pipeline, come_and_go, out, resume=True)  # the file's name does not matter, its content does


def with_detector(pipeline: ExpressionPipeline, file: Path) -> ExpressionPipeline:
    return ExpressionPipeline(build_detector(file=file, threads=1), pipeline.recognizer)


def test_resuming_with_another_network_or_another_confidence_is_refused_in_words(
    pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path
) -> None:
    out, settings = VideoOutputs(tmp_path / "a.csv"), VideoSettings(stride=9)
    record(pipeline, come_and_go, out, settings)
    with pytest.raises(CheckpointError, match=r"begun with other settings: another model$"):
        record(load(threads=1), come_and_go, out, settings, resume=True)
    doubtful = ExpressionPipeline(pipeline.detector, pipeline.recognizer, min_confidence=0.5)
    with pytest.raises(CheckpointError, match=r"min_confidence 0\.5 instead of 0\.0$"):
        record(doubtful, come_and_go, out, settings, resume=True)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_another_video_and_other_settings_do_not_fit_a_complete_table(
    pipeline: ExpressionPipeline, come_and_go: Path, pan: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"a{suffix}"
    record(pipeline, come_and_go, VideoOutputs(out), VideoSettings(stride=5))
    before = out.read_bytes()
    with pytest.raises(CheckpointError, match=r"source .*pan\.mp4 instead of .*come\.mp4"):
        record(pipeline, pan, VideoOutputs(out), VideoSettings(stride=5), resume=True)
    with pytest.raises(CheckpointError, match="stride 1 instead of 5"):
        record(pipeline, come_and_go, VideoOutputs(out), resume=True)
    assert out.read_bytes() == before
    out.write_bytes(before + b"\n")
    with pytest.raises(CheckpointError, match="changed since it was complete"):
        record(pipeline, come_and_go, VideoOutputs(out), VideoSettings(stride=5), resume=True)
    out.unlink()
    assert record(pipeline, come_and_go, VideoOutputs(out), VideoSettings(stride=5), resume=True).frames == 6
    assert list(read_rows(out))[-1]["frame"] == 25


@pytest.mark.parametrize("content", ["", "source,width,height,face\np.jpg,64,48,1\n"])
def test_a_table_of_which_nothing_is_known_is_not_resumed(
    pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path, content: str
) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(CheckpointError, match="no progress file beside the table"):
        record(pipeline, come_and_go, VideoOutputs(tmp_path / "a.csv"), resume=True)
    assert (tmp_path / "a.csv").read_text() == content


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_table_with_other_columns_is_not_cut_to_length(
    pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"a{suffix}"
    with pytest.raises(Killed):
        record(pipeline, come_and_go, VideoOutputs(out), listener=killed_at(9), note_every_s=0)
    out.write_text("source,width,height\n" * 1000)
    with pytest.raises(CheckpointError, match="its columns differ"):
        record(pipeline, come_and_go, VideoOutputs(out), resume=True)
    assert out.read_text() == "source,width,height\n" * 1000
    out.unlink()
    with pytest.raises(CheckpointError, match="0 bytes of rows, expected at least"):
        record(pipeline, come_and_go, VideoOutputs(out), resume=True)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_rows_that_are_not_rows_are_reported_as_damage(
    pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path, suffix: str
) -> None:
    for is_complete, name in ((False, "a"), (True, "b")):
        out = tmp_path / f"{name}{suffix}"
        with nullcontext() if is_complete else pytest.raises(Killed):
            record(
                pipeline, come_and_go, VideoOutputs(out), listener=None if is_complete else killed_at(9), note_every_s=0
            )
        content = out.read_bytes()
        middle = content.index(b"\n", content.index(b"\n") + 1) + 1
        out.write_bytes(content[:middle] + b"x" * 20 + content[middle + 20 :])
        with pytest.raises(CheckpointError, match="damaged"):
            record(pipeline, come_and_go, VideoOutputs(out), resume=True)


def test_rows_that_cannot_be_read_are_told_so(tmp_path: Path) -> None:
    for suffix in (".csv", ".parquet"):
        with pytest.raises(StorageError, match=r"cannot read .*No such file"):
            list(read_rows(tmp_path / f"none{suffix}"))


@pytest.mark.parametrize(
    ("outputs", "words"),
    [(VideoOutputs(), "resuming needs the table"), (VideoOutputs(Path("a.csv"), Path("a.mp4")), "cannot be resumed")],
)
def test_what_cannot_be_resumed_is_refused(
    pipeline: ExpressionPipeline, come_and_go: Path, outputs: VideoOutputs, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        record(pipeline, come_and_go, outputs, resume=True)


def test_an_interruption_by_the_keyboard_keeps_what_is_there(
    pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path
) -> None:
    outputs = VideoOutputs(tmp_path / "a.csv", tmp_path / "a.mp4")
    summary = record(pipeline, come_and_go, outputs, listener=killed_at(12, by=KeyboardInterrupt))
    assert (summary.stopped, summary.frames) == (True, 13)
    assert len(list(VideoFile(tmp_path / "a.mp4").frames())) == 13
    record(pipeline, come_and_go, VideoOutputs(tmp_path / "a.csv"), resume=True)
    assert {row["frame"] for row in read_rows(tmp_path / "a.csv")} == set(range(30))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("is_drawn", [False, True])
def test_a_live_table_is_whole_when_the_keyboard_ends_it(
    pipeline: ExpressionPipeline, tmp_path: Path, suffix: str, is_drawn: bool
) -> None:
    shown: list[FrameResult] = []

    def stop(result: FrameResult) -> None:
        shown.append(result)
        raise KeyboardInterrupt

    live = PlayedLive(ImageSequence([scene([(200, 100, 200)])] * 50, rate=200))
    names = [f"a{suffix}", *["a.mp4"] * is_drawn]
    outputs = VideoOutputs(tmp_path / names[0], tmp_path / "a.mp4" if is_drawn else None)
    summary = record_video(live, FrameAnalyzer(pipeline, DEFAULT), outputs, listener=stop)
    assert (summary.stopped, summary.resumable) == (True, False)
    assert {path.name for path in tmp_path.iterdir()} == {*names, progress_file(tmp_path / names[0]).name}
    assert list(read_rows(tmp_path / names[0]))[:1] == [as_written(row) for row in shown[0].rows(FERPLUS_LABELS)]


@pytest.mark.parametrize(
    ("names", "is_resumable"), [((None, None), False), (("a.csv", None), True), (("a.csv", "a.mp4"), False)]
)
def test_a_run_that_was_interrupted_says_whether_it_can_be_resumed(
    pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path, names: tuple[str | None, ...], is_resumable: bool
) -> None:
    def stop(_: FrameResult) -> None:
        raise KeyboardInterrupt

    outputs = VideoOutputs(*(name and tmp_path / name for name in names))  # type: ignore[arg-type]
    assert record(pipeline, come_and_go, outputs, listener=stop).resumable is is_resumable
    assert record(pipeline, come_and_go, VideoOutputs(tmp_path / "b.csv")).resumable is False


def test_progress_is_plain_json(pipeline: ExpressionPipeline, come_and_go: Path, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        record(pipeline, come_and_go, VideoOutputs(tmp_path / "a.csv"), listener=killed_at(5), note_every_s=0)
    note = json.loads(progress_file(tmp_path / "a.csv").read_text())
    assert (note["frame"], note["position"]) == (5, (tmp_path / "a.csv").stat().st_size)
