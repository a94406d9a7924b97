"""``mien predict`` from the outside: what is printed where, the formats, and the exit codes."""

import csv
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from mien.cli.predict import predict
from mien.errors import ConfigError, StorageError, UnknownDetectorError, UnknownModelError
from mien.expressions import FERPLUS_LABELS, USE_NOTICE
from mien.metadata import ModelMetadata
from mien.preprocessing import DEFAULT_FRAMES
from mien.recognition.pipeline import load
from mien.render.text import percent, rounded, significant
from tests.photos import pasted, portrait
from tests.small_models import write_model

app = typer.Typer()
app.command()(predict)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A portrait, a picture of two faces in a folder of its own, one without a face, and a file that is none."""
    top = tmp_path_factory.mktemp("pictures")
    (top / "deeper").mkdir()
    Image.fromarray(portrait()).save(top / "portrait.png")
    Image.fromarray(pasted(200, [(100, 100), (600, 300)])).save(top / "deeper" / "two.png")
    Image.fromarray(np.full((60, 80, 3), 128, np.uint8)).save(top / "deeper" / "none.png")
    (top / "notes.txt").write_text("not a picture")
    return top


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("m") / "small.onnx", ModelMetadata("small", frames=DEFAULT_FRAMES))


def run(model: Path, *arguments: object, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(app, ["--model", str(model), *map(str, arguments)], input=stdin)


def test_one_picture_is_one_object_with_the_librarys_numbers(folder: Path, model: Path) -> None:
    result = run(model, folder / "portrait.png", "--format", "json")
    assert result.exit_code == 0
    record = json.loads(result.stdout)
    assert record == rounded(load(model).predict(folder / "portrait.png").to_dict())
    assert list(record) == ["schema", "source", "width", "height", "faces"]
    assert list(record["faces"][0]["probabilities"]) == [str(label) for label in FERPLUS_LABELS]


def test_a_folder_is_a_list_in_order_of_names_and_other_files_are_left_out(folder: Path, model: Path) -> None:
    records = json.loads(run(model, folder, "--format", "json", "--quiet").stdout)
    names = ["deeper/none.png", "deeper/two.png", "portrait.png"]
    assert [record["source"] for record in records] == [str(folder / name) for name in names]
    assert [len(record["faces"]) for record in records] == [0, 2, 1]


def test_a_pattern_in_quotes_is_expanded(folder: Path, model: Path) -> None:
    result = run(model, folder / "**" / "t*.png", "--format", "jsonl", "--quiet")
    assert [json.loads(line)["source"] for line in result.stdout.splitlines()] == [str(folder / "deeper" / "two.png")]


def test_standard_input_is_a_picture(folder: Path, model: Path) -> None:
    result = run(model, "-", "--format", "json", stdin=(folder / "portrait.png").read_bytes())
    assert json.loads(result.stdout)["source"] == "-"
    assert len(json.loads(result.stdout)["faces"]) == 1


def test_no_face_is_an_empty_list_and_no_error(folder: Path, model: Path) -> None:
    result = run(model, folder / "deeper" / "none.png", "--format", "json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["faces"] == []


def test_a_bad_file_is_told_and_the_others_are_done(folder: Path, model: Path, tmp_path: Path) -> None:
    bad = [folder / "notes.txt", folder / "nowhere.jpg", tmp_path]
    result = run(model, bad[0], folder / "portrait.png", *bad[1:], "--format", "json", "--quiet")
    assert result.exit_code == 5
    records = json.loads(result.stdout)
    assert [len(record.get("faces", [])) for record in records] == [0, 1, 0, 0]
    for record, text in zip((records[0], *records[2:]), ("not a picture", "No such file", "no pictures"), strict=True):
        assert text in record["error"]
        assert record["error"] in result.stderr


def test_a_single_bad_file_is_one_object_with_its_error(folder: Path, model: Path) -> None:
    result = run(model, folder / "nowhere.jpg", "--format", "json")
    assert result.exit_code == 5
    assert "No such file" in json.loads(result.stdout)["error"]


def test_the_table_names_faces_and_expressions(folder: Path, model: Path) -> None:
    result = run(model, folder / "portrait.png", folder / "deeper" / "two.png", "--quiet")
    expected = load(model).predict(folder / "portrait.png").faces[0].probabilities
    assert f"Found 1 face in {folder / 'portrait.png'}" in result.stdout
    assert f"Found 2 faces in {folder / 'deeper' / 'two.png'}" in result.stdout
    assert f"{expected.top:<10} {percent(max(expected.values())):>4}   then " in result.stdout


def test_csv_has_a_row_a_face_and_one_for_none_and_for_an_error(folder: Path, model: Path) -> None:
    result = run(model, folder, folder / "notes.txt", "--format", "csv", "--quiet")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["face"] for row in rows] == ["", "1", "2", "1", ""]
    assert "not a picture" in rows[-1]["error"]
    sums = [sum(float(row[str(label)]) for label in FERPLUS_LABELS) for row in rows[1:4]]
    assert sums == pytest.approx([1, 1, 1], abs=1e-5)
    assert float(rows[3]["left"]) == significant(load(model).predict(portrait()).faces[0].detection.box.left)


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv", ".txt"])
def test_the_files_ending_decides_the_format(folder: Path, model: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"out{suffix}"
    result = run(model, folder / "portrait.png", "--out", out)
    assert result.exit_code == 0
    assert result.stdout == ""
    form = {".txt": "table"}.get(suffix, suffix[1:])
    assert out.read_text() == run(model, folder / "portrait.png", "--format", form).stdout


def test_an_ending_without_a_format_is_refused_before_any_work(folder: Path, model: Path, tmp_path: Path) -> None:
    result = run(model, folder, "--out", tmp_path / "out.xlsx")
    assert isinstance(result.exception, ConfigError)
    assert r"no format ends in '.xlsx'" in str(result.exception)


def test_drawn_pictures_are_saved_under_their_own_names(folder: Path, model: Path, tmp_path: Path) -> None:
    pictures = [folder / "portrait.png", folder / "deeper" / "two.png", folder / "portrait.png"]
    result = run(model, *pictures, "--save", tmp_path / "drawn")
    assert sorted(file.name for file in (tmp_path / "drawn").iterdir()) == ["portrait-2.png", "portrait.png", "two.png"]
    names = ", ".join(str(tmp_path / "drawn" / name) for name in ("portrait.png", "two.png", "portrait-2.png"))
    assert result.stderr.splitlines()[-1].endswith(f"; wrote {names}")


def test_crops_are_named_by_picture_and_number_and_never_read_again(folder: Path, model: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("one.png", "two.png"):
        Image.fromarray(portrait()).save(photos / name)
    for _ in range(2):  # the second time the crops lie in the folder that is searched
        result = run(model, photos, "--crops", photos / "faces")
        assert result.stderr.splitlines()[-1].startswith("2 pictures: 2 faces, 0 without a face, 0 failed; wrote ")
    assert sorted(file.name for file in (photos / "faces").iterdir()) == ["one-1.png", "two-1.png"]
    with Image.open(photos / "faces" / "one-1.png") as crop:
        assert (crop.size, crop.mode) == ((224, 224), "RGB")
    result = run(model, photos, "--crops", tmp_path / "a", "--save", tmp_path / "a")
    assert "--save and --crops both name" in str(result.exception)


def test_a_drawing_never_takes_the_place_of_a_picture(model: Path, tmp_path: Path) -> None:
    picture, other = tmp_path / "portrait.png", tmp_path / "other.png"
    for path in (picture, other):
        Image.fromarray(portrait()).save(path)
    before = picture.read_bytes()
    assert run(model, tmp_path, "--save", tmp_path, "--quiet").exit_code == 0
    assert (picture.read_bytes(), other.read_bytes()) == (before, before)
    drawn = {"other-2.png", "portrait-2.png"}
    assert {file.name for file in tmp_path.iterdir()} == {"other.png", "portrait.png"} | drawn


def test_a_drawing_beside_a_picture_that_is_read_replaces_nothing(model: Path, tmp_path: Path) -> None:
    Image.fromarray(portrait()).save(tmp_path / "one.jpg")
    (tmp_path / "one.png").write_text("somebody's own")
    for expected in ("one-2.png", "one-3.png"):
        assert run(model, tmp_path / "one.jpg", "--save", tmp_path).exit_code == 0
        assert (tmp_path / expected).exists()
    assert (tmp_path / "one.png").read_text() == "somebody's own"


def test_drawings_in_a_searched_pattern_are_not_read_the_next_time(model: Path, tmp_path: Path) -> None:
    Image.fromarray(portrait()).save(tmp_path / "one.png")
    for _ in range(2):
        read = run(model, tmp_path / "**" / "*.png", "--save", tmp_path / "drawn", "--format", "json")
        assert [picture["source"] for picture in json.loads(read.stdout)] == [str(tmp_path / "one.png")]


def test_drawings_in_a_searched_folder_are_not_read_the_next_time(model: Path, tmp_path: Path) -> None:
    Image.fromarray(portrait()).save(tmp_path / "one.png")
    for _ in range(2):
        assert len(json.loads(run(model, tmp_path, "--save", tmp_path / "drawn", "--format", "json").stdout)) == 1
        assert [path.name for path in (tmp_path / "drawn").iterdir()] == ["one.png"]
    named = run(model, tmp_path / "drawn", "--save", tmp_path / "drawn", "--format", "json")
    assert len(json.loads(named.stdout)) == 1
    assert len(list((tmp_path / "drawn").iterdir())) == 2


def test_the_output_is_never_one_of_the_pictures(model: Path, tmp_path: Path) -> None:
    Image.fromarray(portrait()).save(tmp_path / "one.png")
    before = (tmp_path / "one.png").read_bytes()
    result = run(model, tmp_path, "--out", tmp_path / "one.png", "--format", "csv")
    assert isinstance(result.exception, ConfigError)
    assert (tmp_path / "one.png").read_bytes() == before


def test_a_place_that_cannot_be_written_is_said_before_any_work(folder: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = run(model, folder, "--out", tmp_path / "file" / "faces.csv", "--save", tmp_path / "drawn")
    assert isinstance(result.exception, StorageError)
    assert not (tmp_path / "drawn").exists()


def test_addresses_are_not_fetched(model: Path) -> None:
    result = run(model, "https://example.org/a.jpg", "--format", "json")
    assert json.loads(result.stdout)["source"] == "https://example.org/a.jpg"
    assert "addresses are not fetched" in result.stderr


@pytest.mark.parametrize("ending", [".csv", ".json", ".jsonl", ".txt"])
def test_a_name_that_is_no_utf_8_is_shown_as_far_as_it_can_be(model: Path, tmp_path: Path, ending: str) -> None:
    named = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    Image.fromarray(portrait()).save(named)
    assert run(model, tmp_path, "--out", tmp_path / f"faces{ending}", "--quiet").exit_code == 0
    assert "caf\ufffd.jpg" in (tmp_path / f"faces{ending}").read_text(encoding="utf-8").replace("\\ufffd", "\ufffd")


def test_the_progress_bar_stays_off_standard_output(folder: Path, model: Path) -> None:
    loud, quiet = run(model, folder, "--format", "jsonl"), run(model, folder, "--format", "jsonl", "--quiet")
    assert loud.stdout == quiet.stdout
    assert quiet.stderr == ""


def test_unknown_names_are_refused(folder: Path) -> None:
    runner = CliRunner()
    wrong_model = runner.invoke(app, [str(folder), "--model", "capstoen"])
    assert isinstance(wrong_model.exception, UnknownModelError)


def test_an_unknown_detector_is_refused(folder: Path, model: Path) -> None:
    result = run(model, folder, "--detector", "blaze")
    assert isinstance(result.exception, UnknownDetectorError)


def test_the_help_states_the_use_notice() -> None:
    text = " ".join(CliRunner().invoke(app, ["--help"]).stdout.replace("│", " ").split())
    assert USE_NOTICE in text


def test_pictures_with_more_pixels_than_asked_for_are_refused(folder: Path, model: Path) -> None:
    with Image.open(folder / "portrait.png") as picture:
        pixels = picture.width * picture.height
    refused = run(model, folder / "portrait.png", "--max-pixels", pixels - 1, "--format", "json")
    assert refused.exit_code == 5
    assert f"{pixels:,} pixels, expected at most {pixels - 1:,}" in json.loads(refused.stdout)["error"]
    assert "--max-pixels" in refused.stderr
    assert run(model, folder / "portrait.png", "--max-pixels", pixels, "--format", "json").exit_code == 0


def test_many_pictures_are_pointed_to_the_batch_command(model: Path, tmp_path: Path) -> None:
    for number in range(5_001):
        (tmp_path / f"{number}.jpg").touch()
    told = run(model, tmp_path, "--format", "jsonl").stderr
    assert "5,001 pictures: mien batch reads them on all cores" in told
    assert "5001 pictures: 0 faces, 0 without a face, 5,001 failed" in told


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes, which nobody writes to")
def test_a_picture_that_hangs_is_one_error_row_of_several(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "c.png"):
        Image.new("RGB", (90, 90), "gray").save(folder / name)
    os.mkfifo(folder / "b.png")
    names = [str(folder / name) for name in ("a.png", "b.png", "c.png")]
    done = run(model, *names, "--time-limit", "3", "--format", "jsonl")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["source"] for row in rows] == names
    assert [row.get("error") is None for row in rows] == [True, False, True]
    assert rows[1]["error"].endswith("/b.png: decoding takes longer than 3 s")  # a long name is shortened
    assert done.exit_code == 5


@pytest.mark.parametrize(
    "name", ["a" * 5000, "iVBORw0KGgo" * 100, "a" * 300 + "*.png", "x/" * 3000, "\x1b[2J.png", " "]
)
def test_a_name_that_no_file_has_is_one_short_row_beside_the_others(folder: Path, model: Path, name: str) -> None:
    result = run(model, folder / "portrait.png", name, "--format", "jsonl")
    assert result.exit_code == 5
    good, bad = map(json.loads, result.stdout.splitlines())
    assert len(good["faces"]) == 1
    assert len(bad["error"]) < 160
    assert run(model, name).exit_code == 5
