"""Standard output and error of the whole command in a process of its own: encodings, full disks, closed pipes."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from mien.batch import merge
from mien.batch.entries import Entry, Part
from mien.batch.manifest import JobFolder, Manifest
from mien.batch.rows import columns, write_part
from mien.cli.formats import chunks
from mien.errors import ConfigError, ImageDecodeError
from mien.expressions import FERPLUS_LABELS
from mien.metadata import ModelMetadata
from mien.recognition.results import FailedImage
from tests.photos import portrait
from tests.small_models import write_model

posix = pytest.mark.skipif(os.name != "posix", reason="shells and devices of POSIX")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("output")
    write_model(top / "small.onnx", ModelMetadata("small"))
    Image.fromarray(portrait()).save(top / "照片.png")
    Image.fromarray(portrait()).save(top / "one.png")
    return top


def shell(place: Path, arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """``mien`` with these arguments, as bash runs them; ``pipefail`` keeps the command's own exit code."""
    line = f"set -o pipefail; '{sys.executable}' -m mien {arguments}"
    return subprocess.run(
        ["/bin/bash", "-c", line],
        cwd=place,
        check=False,
        capture_output=True,
        env={**os.environ, **environment},
        timeout=120,
    )


PREDICT = "predict --model small.onnx --detector whole --quiet"


@posix
@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
@pytest.mark.parametrize("form", ["json", "csv", "table"])
def test_output_is_utf_8_whatever_the_encoding(place: Path, encoding: str, form: str) -> None:
    run = shell(place, f"{PREDICT} 照片.png --format {form}", PYTHONIOENCODING=encoding)
    assert (run.returncode, run.stderr) == (0, b"")
    assert "照片.png" in run.stdout.decode("utf-8")


@posix
@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=["stream", "locale"],
)
@pytest.mark.parametrize("command", ["", "predict", "video"])
def test_help_never_fails(place: Path, environment: dict[str, str], command: str) -> None:
    run = shell(place, f"{command} --help", **environment)
    assert (run.returncode, run.stderr) == (0, b"")
    assert "Usage" in run.stdout.decode("utf-8")


@posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (f"{PREDICT} one.png --format json > /dev/full", "No space left on device"),
        ("--help > /dev/full", "No space left on device"),
        (f"{PREDICT} one.png >&-", "Bad file descriptor"),
    ],
)
def test_a_standard_output_that_cannot_be_written_is_one_line(place: Path, arguments: str, why: str) -> None:
    run = shell(place, arguments)
    assert run.returncode == 3
    assert run.stderr.decode() == f"mien: cannot write standard output: {why}\n"


@posix
def test_a_closed_standard_output_that_is_not_needed_ends_nothing(place: Path, tmp_path: Path) -> None:
    run = shell(place, f"{PREDICT} one.png --out '{tmp_path}/faces.json' >&- 2>&-")
    assert run.returncode == 0
    assert len(json.loads((tmp_path / "faces.json").read_text())["faces"]) == 1


@posix
def test_a_reader_that_goes_away_is_silent(place: Path) -> None:
    run = shell(place, f"{PREDICT} {'one.png ' * 40} | true")
    assert (run.returncode, run.stderr) == (141, b"")


@posix
def test_control_characters_of_names_are_escapes_on_a_terminal(place: Path, tmp_path: Path) -> None:
    names = ["esc\x1b[31mred\x1b[2J.png", "two\nlines.png", "turned\u202egnp.png"]
    for name in names:
        Image.fromarray(portrait()).save(tmp_path / name)
    (tmp_path / "bad\x1b[2J\n.png").write_bytes(b"none")
    run = shell(place, f"{PREDICT} '{tmp_path}' --save '{tmp_path}/drawn'")
    told = (run.stdout + run.stderr).decode()
    assert run.returncode == 5
    assert not set(told) & {"\x1b", "\u202e"}
    for shown in (r"esc\x1b[31mred\x1b[2J.png", r"two\nlines.png", r"turned\u202egnp.png", r"bad\x1b[2J\n.png"):
        assert shown in told
    assert len(run.stdout.splitlines()) == 3 * 2  # what failed is told on standard error alone
    assert len(run.stderr.splitlines()) == 1


@posix
def test_the_last_line_says_what_was_read_and_written(place: Path, tmp_path: Path) -> None:
    arguments = f"one.png nowhere.png --out '{tmp_path}/faces.csv' --save '{tmp_path}/drawn'"
    run = shell(place, f"predict --model small.onnx --detector whole {arguments}")
    last = run.stderr.decode().splitlines()[-1]
    files = f"{tmp_path}/faces.csv, {tmp_path}/drawn/one.png"
    assert last == f"2 pictures: 1 face, 0 without a face, 1 failed; wrote {files}"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_cells_that_a_spreadsheet_would_run_are_guarded_when_asked(start: str) -> None:
    failed = FailedImage(f"{start}cmd.png", ImageDecodeError(f"{start}cmd.png: no picture"))
    for safe, mark in ((True, "'"), (False, "")):
        text = "".join(chunks([failed], "csv", FERPLUS_LABELS, single=True, excel_safe=safe))
        row = next(csv.DictReader(io.StringIO(text)))
        assert row["source"] == f"{mark}{start}cmd.png"


def test_merged_rows_of_a_batch_job_are_guarded_when_asked(tmp_path: Path) -> None:
    labels = tuple(map(str, FERPLUS_LABELS))
    entries = (Entry("=cmd.png", "image", "file", "=cmd.png"),)
    job, part = JobFolder(tmp_path / "job"), Part(0, entries)
    job.begin(Manifest((".",), part.fingerprint, 1, "0", {}, labels, {}), [part])
    write_part(
        job.part(0),
        part,
        [{"source": "=cmd.png", "error_type": "E", "error": "-1: no picture"}],
        columns(FERPLUS_LABELS),
    )
    for safe, mark in ((True, "'"), (False, "")):
        merge(job.path, tmp_path / "all.csv", excel_safe=safe)
        row = next(csv.DictReader(io.StringIO((tmp_path / "all.csv").read_text())))
        assert (row["source"], row["error"]) == (f"{mark}=cmd.png", f"{mark}-1: no picture")
    with pytest.raises(ConfigError, match="excel_safe is for CSV"):
        merge(job.path, tmp_path / "all.parquet", excel_safe=True)
