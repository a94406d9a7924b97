"""Commands end with one line on standard error that says what was read and which files were written."""

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from mien.cli.app import app
from mien.cli.last_line import print_last_line
from mien.metadata import ModelMetadata
from mien.preprocessing import DEFAULT_FRAMES
from tests.photos import portrait
from tests.small_models import write_model


def last_line(*arguments: object) -> str:
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert result.exit_code == 0, result.stderr + str(result.exception)
    line = result.stderr.splitlines()[-1]
    assert line not in result.stdout.splitlines()
    return str(line)


def test_files_are_named_and_many_of_a_folder_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_last_line("1 picture", [tmp_path / "a.csv", *(tmp_path / "drawn" / f"{n}.png" for n in range(1_200))])
    print_last_line("2 pictures", [tmp_path / "esc\x1b[31m.csv"])
    print_last_line("nothing")
    captured = capsys.readouterr()
    many, escaped, none = captured.err.splitlines()
    assert many == f"1 picture; wrote {tmp_path / 'a.csv'}, 1,200 files in {tmp_path / 'drawn'}"
    assert escaped.endswith(r"esc\x1b[31m.csv")
    assert (none, captured.out) == ("nothing", "")


@pytest.mark.parametrize(
    ("command", "ending"),
    [
        ("recipes", " recipes"),
        ("recipes show ferplus-cnn-fast", "ferplus-cnn-fast.toml"),
        ("schema", " schemas"),
        ("schema prediction", "schema prediction"),
        ("models", " networks"),
        ("models default --card", "metadata of the model"),
        ("doctor", " extras are installed"),
        ("card capstone", "capstone, with the results in the file"),
    ],
)
def test_commands_that_only_show_something(command: str, ending: str) -> None:
    pytest.importorskip("torch", reason="the networks are counted")
    assert last_line(*command.split()).endswith(ending)


def test_commands_on_data(prepared: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="judging is of the learning side")
    model = write_model(tmp_path / "small.onnx", ModelMetadata("small", frames=DEFAULT_FRAMES))
    judged = ("--data", prepared, "--split", "validation", "--resamples", 0)
    assert last_line("data", "show", prepared) == "158 faces"
    assert last_line("data", "check", prepared) == "1 data set, 0 damaged"
    assert last_line("evaluate", model, *judged).startswith(f"{model}: majority ")
    assert last_line("compare", model, model, *judged).startswith(f"{model} and {model}: ")
    written = last_line("evaluate", model, *judged, "--out", tmp_path / "report")
    assert "; wrote " in written
    assert str(tmp_path / "report") in written


def test_explain_counts_faces_and_names_its_pictures(tmp_path: Path) -> None:
    model = write_model(tmp_path / "small.onnx", ModelMetadata("small", frames=DEFAULT_FRAMES))
    Image.fromarray(portrait()).save(tmp_path / "photo.png")
    told = last_line("explain", tmp_path / "photo.png", "--save", tmp_path / "out", "--model", model)
    assert told == f"1 picture: 1 face, 0 without a face, 0 failed; wrote {tmp_path / 'out' / 'photo-1.png'}"
