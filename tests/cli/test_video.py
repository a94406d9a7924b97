"""``mien video`` and ``mien webcam`` from the outside: what is printed where, the files, and the exit codes."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
import webbrowser
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from mien.cli import video as video_module
from mien.cli import webcam as webcam_module
from mien.cli.app import main
from mien.cli.video import video
from mien.cli.webcam import webcam
from mien.errors import CheckpointError, ConfigError, StorageError
from mien.expressions import FERPLUS_LABELS, USE_NOTICE
from mien.metadata import ModelMetadata
from mien.preprocessing import DEFAULT_FRAMES
from mien.recognition.pipeline import load
from mien.video.live import LiveReading
from mien.video.results import FrameResult
from mien.video.run import analyze_video
from mien.video.sinks.table import read_rows
from mien.video.sources.files import VideoFile
from tests.small_models import write_model
from tests.video.recording import killed_at
from tests.video.steps import EndedAtOnce, Steps
from tests.videos import as_written, scene, write_video

app = typer.Typer()
app.command("video")(video)
app.command("webcam")(webcam)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("m") / "small.onnx", ModelMetadata("small", frames=DEFAULT_FRAMES))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pictures = (scene([(40 + 6 * n, 120, 200)]) for n in range(25))
    return write_video(tmp_path_factory.mktemp("v") / "clip.mp4", pictures, sound="aac")


def run(model: Path, command: str, *arguments: object) -> Result:
    return CliRunner().invoke(app, [command, "--model", str(model), *map(str, arguments)])


def test_the_tracks_are_printed_and_warnings_stay_off_standard_output(clip: Path, model: Path) -> None:
    result = run(model, "video", clip, "--quiet")
    assert result.exit_code == 0
    first, second = result.stdout.splitlines()
    assert first == f"{clip}: 25 frames, 1.0 s, 1 face followed"
    assert second.startswith("    1     1.0 s  (0.0 to 1.0 s)  ")
    assert result.stderr.strip() == "25 frames, 1 face"  # some versions of rich end the bar with an empty line


def test_rows_on_standard_output_are_the_librarys(clip: Path, model: Path) -> None:
    result = run(model, "video", clip, "--out", "-", "--stride", "5", "--quiet")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    from mien.video.settings import VideoSettings

    frames = analyze_video(clip, pipeline=load(model, threads=1), settings=VideoSettings(stride=5))
    assert rows == [as_written(row) for frame in frames for row in frame.rows(FERPLUS_LABELS)]


def test_everything_is_written_in_one_pass(clip: Path, model: Path, tmp_path: Path) -> None:
    names = ["a.csv", "a.mp4", "a.png", "a.html"]
    options = [item for pair in zip(("--out", "--save", "--plot", "--report"), names, strict=True) for item in pair]
    paths = [tmp_path / item if "." in item else item for item in options]
    result = run(model, "video", clip, *paths, "--profile", "--quiet")
    assert result.exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == {*names, "a.csv.progress.json"}
    assert result.stderr.splitlines()[-1] == f"25 frames, 1 face; wrote {', '.join(str(tmp_path / n) for n in names)}"
    assert len(list(VideoFile(tmp_path / "a.mp4").frames())) == 25
    for stage in ("read", "detect", "track", "crop", "recognize", "write table", "write annotated", "write timeline"):
        assert f"{stage} " in result.stderr


def test_a_table_that_is_complete_is_left_alone_by_resume(clip: Path, model: Path, tmp_path: Path) -> None:
    run(model, "video", clip, "--out", tmp_path / "a.csv", "--quiet")
    result = run(model, "video", clip, "--out", tmp_path / "a.csv", "--resume", "--quiet")
    assert result.exit_code == 0
    assert "the table is complete" in result.stderr


def test_a_complete_table_of_another_detector_is_refused_by_resume(clip: Path, model: Path, tmp_path: Path) -> None:
    options = ["--out", tmp_path / "a.csv", "--stride", "9", "--quiet"]
    run(model, "video", clip, *options, "--detector", "whole")
    assert len((tmp_path / "a.csv.progress.json").read_bytes()) < 1000
    result = run(model, "video", clip, *options, "--resume")
    assert isinstance(result.exception, CheckpointError)
    assert "detector centerface instead of whole" in str(result.exception)


@pytest.mark.parametrize(
    ("names", "is_told"), [([], False), (["--out", "a.csv"], True), (["--out", "a.csv", "--save", "a.mp4"], False)]
)
def test_resuming_is_proposed_where_it_is_possible(
    clip: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], is_told: bool
) -> None:
    monkeypatch.setattr(video_module._Progress, "step", lambda _, result: killed_at(3, by=KeyboardInterrupt)(result))
    result = run(model, "video", clip, *(tmp_path / name if "." in name else name for name in names), "--quiet")
    assert result.exit_code == 130
    assert "interrupted" in result.stderr
    assert ("--resume continues the table" in result.stderr) is is_told


def test_an_unknown_ending_is_refused_before_any_work(clip: Path, model: Path, tmp_path: Path) -> None:
    result = run(model, "video", clip, "--out", tmp_path / "a.xlsx")
    assert isinstance(result.exception, ConfigError)


@pytest.mark.parametrize(("command", "rows"), [("video", "--out"), ("webcam", "--jsonl")], ids=["video", "webcam"])
def test_a_drawn_video_with_another_ending_leaves_earlier_rows_as_they_were(
    clip: Path, model: Path, tmp_path: Path, command: str, rows: str
) -> None:
    (tmp_path / "a.jsonl").write_text("earlier")
    source = [clip] if command == "video" else ["--camera", clip]
    result = run(model, command, *source, rows, tmp_path / "a.jsonl", "--save", tmp_path / "a.avi", "--quiet")
    assert isinstance(result.exception, ConfigError)
    assert (tmp_path / "a.jsonl").read_text() == "earlier"


@pytest.mark.parametrize(("command", "code", "words"), [("video", 130, "interrupted"), ("webcam", 0, "the keyboard")])
def test_an_end_before_the_first_frame_leaves_no_drawn_video(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, code: int, words: str
) -> None:
    monkeypatch.setattr(video_module, "open_video", lambda *_, **__: EndedAtOnce())
    monkeypatch.setattr(webcam_module, "_open", lambda _: EndedAtOnce())
    source = ["any"] if command == "video" else []
    result = run(model, command, *source, "--save", tmp_path / "a.mp4", "--quiet")
    assert result.exit_code == code
    assert words in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_no_unicode_can_be_told_and_reported(clip: Path, model: Path, tmp_path: Path) -> None:
    source = shutil.copy(clip, tmp_path / os.fsdecode(b"caf\xe9.mp4"))
    result = run(model, "video", source, "--stride", "9", "--report", tmp_path / "a.html", "--quiet")
    assert result.exit_code == 0
    assert "/caf\ufffd.mp4: 3 frames" in result.stdout
    assert "Expressions in caf\ufffd.mp4" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_a_file_that_is_no_video_ends_with_code_5(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(SystemExit, match="5"):
        main(["video", str(tmp_path / "a.mp4")])
    assert "cannot be read as a video" in capsys.readouterr().err


def test_without_pyav_the_extra_is_named(tmp_path: Path) -> None:
    code = "import sys; sys.modules['av'] = None; from mien.cli import main; main(['video', 'a.mp4'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 6
    assert "pip install 'mien[video]'" in done.stderr


@pytest.mark.parametrize(
    ("module", "extra", "options"),
    [("pyarrow", "tables", ["--out", "a.parquet"]), ("matplotlib", "plots", ["--plot", "a.png"])],
)
def test_an_absent_extra_is_told_before_the_video_is_read(
    clip: Path, model: Path, tmp_path: Path, module: str, extra: str, options: list[str]
) -> None:
    arguments = ["video", str(clip), "--model", str(model), *options]
    code = f"import sys; sys.modules['{module}'] = None; from mien.cli import main; main({arguments!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 6
    assert f"pip install 'mien[{extra}]'" in done.stderr


def test_a_recording_is_played_live_into_json_lines_and_a_video(clip: Path, model: Path, tmp_path: Path) -> None:
    """How many frames are read depends on the machine; the last one is, as none comes that it is dropped for."""
    result = run(model, "webcam", "--camera", clip, "--jsonl", tmp_path / "a.jsonl", "--save", tmp_path / "a.mp4")
    assert result.exit_code == 0
    frames: list[Any] = [row["frame"] for row in read_rows(tmp_path / "a.jsonl")]
    assert frames == sorted(set(frames))
    assert frames[-1] == 24
    drawn = [round(frame.timestamp_s * 25) for frame in VideoFile(tmp_path / "a.mp4").frames()]
    assert set(drawn) <= set(frames)
    assert drawn[-1] == 24
    told = re.search(r"(\d+) frames read, (\d+) dropped, delay p50 \d+ ms", result.stderr)
    assert told is not None
    assert (int(told[1]), int(told[1]) + int(told[2])) == (len(frames), 25)


@pytest.mark.parametrize("option", ["--save", "--jsonl"])
def test_a_recording_that_is_played_is_not_written_over(clip: Path, model: Path, tmp_path: Path, option: str) -> None:
    own = Path(shutil.copy(clip, tmp_path / "own.mp4"))
    result = run(model, "webcam", "--camera", own, option, own, "--quiet")
    assert isinstance(result.exception, ConfigError)
    assert own.read_bytes() == clip.read_bytes()


def test_rows_go_into_a_folder_that_is_made_and_a_place_that_is_none_is_told(
    clip: Path, model: Path, tmp_path: Path
) -> None:
    options = ["--camera", clip, "--quiet", "--seconds", "0"]
    assert run(model, "webcam", *options, "--jsonl", tmp_path / "new" / "a.jsonl").exit_code == 0
    assert next(read_rows(tmp_path / "new" / "a.jsonl"))["frame"] == 0
    result = run(model, "webcam", *options, "--jsonl", tmp_path / "new" / "a.jsonl" / "b.jsonl")
    assert isinstance(result.exception, StorageError)


def test_live_rows_go_to_standard_output_alone(clip: Path, model: Path) -> None:
    result = run(model, "webcam", "--camera", clip, "--jsonl", "-", "--quiet")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert {row["track_id"] for row in rows} == {1}
    assert rows[-1]["frame"] == 24


class ReadInStep(LiveReading):
    """Lets the source go on by a frame for each result that was shown."""

    def __init__(self, source: Steps, *arguments: Any, **options: Any) -> None:
        super().__init__(source, *arguments, **options)
        self._source = source

    def __iter__(self) -> Iterator[FrameResult]:
        results = super().__iter__()  # held, as closing it waits for the source, which ends first
        try:
            for result in results:  # noqa: UP028 - as that would close it first
                yield result
        finally:
            self._source.end()

    def note_shown(self, result: FrameResult) -> float:
        self._source.go_on()
        return super().note_shown(result)


def test_a_live_reading_ends_after_the_seconds_asked_for(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Steps(100)
    monkeypatch.setattr(webcam_module, "_open", lambda _: source)
    monkeypatch.setattr(webcam_module, "LiveReading", ReadInStep)
    result = run(model, "webcam", "--jsonl", "-", "--quiet", "--seconds", "0.4")
    assert result.exit_code == 0
    frames = [json.loads(line)["frame"] for line in result.stdout.splitlines()]
    assert frames in (list(range(11)), list(range(12)))  # the next one may be read while the last one is shown


def test_the_live_picture_is_opened_in_the_browser(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second and last frame comes when a viewer has the picture of the first."""
    source = Steps(2, scene([(40, 120, 200)]))
    readers: list[Thread] = []
    parts: list[bytes] = []

    def visit(address: str) -> None:
        stream = urllib.request.urlopen(f"{address}live")

        def read() -> None:
            with stream:
                parts.extend(stream.readline() for _ in range(4))
                parts.append(stream.read(int(parts[2].split(b":")[1])))
                source.go_on()

        readers.append(Thread(target=read, daemon=True))
        readers[0].start()

    monkeypatch.setattr(webbrowser, "open", visit)
    monkeypatch.setattr(webcam_module, "_open", lambda _: source)
    result = run(model, "webcam", "--show", "--quiet")
    readers[0].join()
    assert result.exit_code == 0
    assert "live picture: http://127.0.0.1:" in result.stderr
    assert b"image/jpeg" in parts[1]
    with Image.open(BytesIO(parts[4])) as picture:
        assert picture.size == (640, 480)


@pytest.mark.parametrize("command", ["video", "webcam"])
def test_the_help_states_the_use_notice(command: str) -> None:
    text = " ".join(CliRunner().invoke(app, [command, "--help"]).stdout.replace("│", " ").split())
    assert USE_NOTICE in text
