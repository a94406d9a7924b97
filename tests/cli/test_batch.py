"""``mien batch`` as a user and as another program calls it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mien.cli.app import app
from tests.batch.made import write_pictures


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures with a face and one that is none."""
    folder = write_pictures(tmp_path_factory.mktemp("batch") / "pictures", 2)
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["batch", *map(str, arguments)])


def test_json_lines_of_progress_end_with_all_that_was_read(pictures: Path, tmp_path: Path) -> None:
    done = call(pictures, "--out", tmp_path / "job", "--workers", "1", "--progress", "json")
    assert done.exit_code == 0, done.stderr
    *lines, summary = done.stderr.splitlines()
    told = [json.loads(line) for line in lines]
    assert {key: told[-1][key] for key in ("pictures", "entries", "faces", "failed")} == {
        "pictures": 3,
        "entries": 3,
        "faces": 2,
        "failed": 1,
    }
    assert told[-1]["pictures_per_s"] >= told[-1]["faces_per_s"] > 0
    assert told[-1]["seconds_left"] == 0
    assert "3 pictures, 2 faces, 0 without a face, 1 failed (1 ImageFormatError)" in summary


def test_failures_cost_the_exit_code_only_where_that_is_wanted(pictures: Path, tmp_path: Path) -> None:
    done = call(pictures, "--out", tmp_path / "job", "--workers", "1", "--strict", "--quiet")
    assert (done.exit_code, done.stdout, done.stderr) == (5, "", "")
    again = call(pictures, "--out", tmp_path / "job", "--resume")
    assert again.exit_code == 0
    assert "nothing was left to read" in again.stderr
    counted = json.loads(call("status", tmp_path / "job", "--json").stdout)
    assert (counted["pictures"], counted["failed"], counted["done"]) == (3, 1, True)
    page = (tmp_path / "job" / "summary.html").read_text(encoding="utf-8")
    assert page.count("broken.jpg") == 1
    assert "not a picture in a known format" in page
    merged = call("merge", tmp_path / "job", "--out", tmp_path / "all.csv")
    assert "3 rows" in merged.stderr


def test_help_names_the_extra_of_the_cluster() -> None:
    assert "mien[scale]" in " ".join(call("run", "--help").stdout.replace("│", " ").split())


def test_predict_points_to_batch_for_many_pictures() -> None:
    many = CliRunner().invoke(app, ["predict", "--quiet", *["missing.png"] * 5_001])
    assert many.exit_code == 5
    assert "5,001 pictures: mien batch" in many.stderr
