"""Videos as they come from elsewhere, and runs that end anywhere: nothing crashes, hangs, or is lost."""

import json
import random
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mien.errors import CheckpointError, SourceError
from mien.recognition.pipeline import ExpressionPipeline
from mien.video.outputs import VideoOutputs
from mien.video.resume import progress_file
from mien.video.sources.open import open_video
from tests.video.recording import Killed, killed_at, record
from tests.videos import scene, write_video

REPOSITORY = Path(__file__).parents[2]


def test_streams_of_a_kind_that_does_not_exist_are_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", [scene([])] * 2)
    path.write_bytes(path.read_bytes().replace(b"strf", b"junk"))
    with pytest.raises(SourceError, match=r"a\.avi: no video stream, it holds unknown"):
        open_video(path)


def test_runs_that_are_killed_at_random_moments_end_with_the_same_bytes(
    small_model: Path, pipeline: ExpressionPipeline, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    soak = request.config.getoption("--soak", default=False)
    kills, seed = (25, secrets.randbelow(10**9)) if soak else (3, 5)
    rng = random.Random(seed)  # noqa: S311 - when to kill
    source = write_video(tmp_path / "a.mp4", (scene([(20 + n % 300, 120, 200)]) for n in range(150)))
    whole = tmp_path / "whole.csv"
    record(pipeline, source, VideoOutputs(whole))
    options = ["--quiet", "--model", str(small_model), "--resume"]
    for case in range(kills):
        out = tmp_path / f"{case}.csv"
        command = [sys.executable, "-m", "mien", "video", str(source), "--out", str(out), *options]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wanted = rng.randrange(1, 150)
        while process.poll() is None and not (out.exists() and out.read_bytes().count(b"\n") >= wanted):
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert whole.read_bytes().startswith(out.read_bytes()), f"seed {seed}, case {case}"
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert out.read_bytes() == whole.read_bytes(), f"seed {seed}, case {case}"


def clip(path: Path, left: int) -> Path:
    return write_video(path, [scene([(left + n, 100, 200)]) for n in range(12)])


@pytest.mark.parametrize("is_complete", [False, True])
def test_another_video_in_the_place_of_the_first_is_not_continued(
    pipeline: ExpressionPipeline, tmp_path: Path, is_complete: bool
) -> None:
    source, out = clip(tmp_path / "a.mp4", 20), VideoOutputs(tmp_path / "t.csv")
    if is_complete:
        record(pipeline, source, out)
    else:
        with pytest.raises(Killed):
            record(pipeline, source, out, listener=killed_at(6), note_every_s=0)
    before = (tmp_path / "t.csv").read_bytes()
    clip(source, 200)
    with pytest.raises(CheckpointError, match="another video"):
        record(pipeline, source, out, resume=True)
    assert (tmp_path / "t.csv").read_bytes() == before


@pytest.mark.parametrize("changed", ["frame", "position", "memory", "identity", "schema", "checksum"])
@pytest.mark.parametrize("value", [-5, 10**12, None, "x", [], {}])
def test_a_progress_file_that_was_edited_is_refused(
    pipeline: ExpressionPipeline, begun: tuple[Path, Path, bytes, bytes], changed: str, value: object
) -> None:
    source, table, rows, note = begun
    record_of = json.loads(note)
    table.write_bytes(rows)
    progress_file(table).write_text(json.dumps(record_of | {changed: value}))
    with pytest.raises(CheckpointError, match="damaged"):
        record(pipeline, source, VideoOutputs(table), resume=True)
    assert table.read_bytes() == rows


@pytest.mark.parametrize("content", ["", "[]", "null", "3", "[" * 100_000, '{"schema": 2}', b"\xff\xfe\x00"])
def test_a_file_that_is_no_progress_is_refused(
    pipeline: ExpressionPipeline, begun: tuple[Path, Path, bytes, bytes], content: str | bytes
) -> None:
    source, table, rows, _ = begun
    table.write_bytes(rows)
    progress_file(table).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CheckpointError, match="damaged"):
        record(pipeline, source, VideoOutputs(table), resume=True)


def test_one_flipped_byte_in_a_progress_file_is_noticed(
    pipeline: ExpressionPipeline, begun: tuple[Path, Path, bytes, bytes]
) -> None:
    source, table, rows, note = begun
    for place in random.Random(3).sample(range(len(note)), 25):  # noqa: S311 - which bytes
        table.write_bytes(rows)
        changed = bytearray(note)
        changed[place] ^= 1
        progress_file(table).write_bytes(changed)
        with pytest.raises(CheckpointError):
            record(pipeline, source, VideoOutputs(table), resume=True)


def test_rows_that_do_not_fit_the_progress_are_refused(
    pipeline: ExpressionPipeline, begun: tuple[Path, Path, bytes, bytes]
) -> None:
    """A table that lost a line in its middle is as long as its end says, but ends elsewhere."""
    source, table, rows, note = begun
    lines = rows.splitlines(keepends=True)
    table.write_bytes(b"".join([*lines[:3], *lines[4:], b"x" * 2000]))
    progress_file(table).write_bytes(note)
    before = table.read_bytes()
    with pytest.raises(CheckpointError, match="does not end at byte"):
        record(pipeline, source, VideoOutputs(table), resume=True)
    assert table.read_bytes() == before


@pytest.fixture(scope="module")
def begun(pipeline: ExpressionPipeline, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, bytes, bytes]:
    """A source, its table with the rows of a run that was killed, and what it noted."""
    folder = tmp_path_factory.mktemp("begun")
    source, table = clip(folder / "a.mp4", 20), folder / "t.csv"
    with pytest.raises(Killed):
        record(pipeline, source, VideoOutputs(table), listener=killed_at(6), note_every_s=0)
    return source, table, table.read_bytes(), progress_file(table).read_bytes()
