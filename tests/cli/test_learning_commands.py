"""The whole loop by commands: published files → data set → run → model file → scores → a prediction."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.cli import main
from mien.data.dataset import open_dataset
from mien.recognition.recognizer import load_recognizer

RECIPE = 'model = "tiny"\nepochs = 2\nbatch_size = 32\nlearning_rate = 0.02\n[augmentation]\nflip = 0.5\n'


def run(*arguments: str | Path) -> int:
    """Exit code of a command."""
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return int(caught.value.code or 0)


def test_the_whole_loop(fer_files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, folder, model = tmp_path / "data", tmp_path / "run", tmp_path / "tiny.onnx"
    (tmp_path / "recipe.toml").write_text(RECIPE)
    sources: list[str | Path] = [
        "--fer2013",
        fer_files / "fer2013.csv",
        "--ferplus",
        fer_files / "fer2013new.csv",
        "--labels",
        fer_files,
    ]
    assert run("data", "prepare", *sources, "--out", data) == 0
    assert "158 faces (94 train, 32 validation, 32 test)" in capsys.readouterr().out
    assert run("train", tmp_path / "recipe.toml", "--data", data, "--out", folder, "--precision", "32-true") == 0
    shown = capsys.readouterr()
    assert "best epoch" in shown.out
    assert "epoch 2: training loss" in shown.err
    assert run("average", folder, folder, "--out", tmp_path / "mean") == 0
    assert "next: mien export" in capsys.readouterr().out
    assert run("export", tmp_path / "mean", "--data", data, "--out", model, "--precision", "float16") == 0
    assert "largest difference" in capsys.readouterr().out
    assert run("evaluate", model, "--data", data, "--protocol", "votes", "--protocol", "majority", "--json") == 0
    scores = json.loads(capsys.readouterr().out)
    assert [score["protocol"] for score in scores] == ["votes", "majority"]
    face = np.asarray(open_dataset(data).images[0, :, :, 0])
    Image.fromarray(face).save(tmp_path / "face.png")
    assert run("predict", tmp_path / "face.png", "--model", model, "--detector", "whole", "--format", "json") == 0
    prediction = json.loads(capsys.readouterr().out)
    assert sum(prediction["faces"][0]["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert run("models", model, "--card") == 0
    assert json.loads(capsys.readouterr().out)["training"]["config"]["network"] == "tiny"


def test_show_and_check_tell_what_the_data_hold(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("data", "show", prepared, "--out", tmp_path) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"distribution.png", "faces.png"}
    assert "majority" in capsys.readouterr().out
    assert run("data", "check", prepared, "--json") == 0
    assert json.loads(capsys.readouterr().out)["leaked"] == {"train": 0, "validation": 1, "test": 1}
    assert run("data", "check", prepared) == 0
    assert "the data match their manifest" in capsys.readouterr().out


def test_the_layers_of_the_capstone_are_printed_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models", "capstone", "--draw", tmp_path / "capstone.svg") == 0
    printed = capsys.readouterr().out
    assert "Total parameters: 2,598,732" in printed
    assert "Trainable parameters: 2,596,836" in printed
    assert "48 × 48 × 32" in printed
    assert (tmp_path / "capstone.svg").stat().st_size > 1000


def test_the_default_model_is_known_by_its_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models", "default") == 0
    by_alias = capsys.readouterr().out
    assert run("models", str(load_recognizer().metadata.network)) == 0
    assert capsys.readouterr().out == by_alias


def test_the_core_install_lists_what_ships(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models") == 0
    whole = capsys.readouterr().out
    assert "Networks for mien train: " in whole
    monkeypatch.setattr("mien.cli.models.find_spec", lambda _: None)
    assert run("models") == 0
    core = capsys.readouterr().out
    assert whole.startswith(core)
    assert "capstone" in core
    assert "Networks" not in core


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["models", "capston"], 4, "no network called 'capston' (did you mean capstone"),
        (["data", "check", "nowhere"], 3, "nowhere: no prepared data set here"),
        (["train", "none.toml", "--data", "d", "--out", "o"], 2, "none.toml: no such file"),
        (["export", "nowhere"], 3, "nowhere: not a run folder"),
        (["export", __file__], 3, "not a run folder"),
        (["average", "nowhere", "--out", "o"], 2, "1 run to average"),
        (["train", str(Path(__file__).parent), "--data", "d", "--out", "o"], 2, "cannot be read"),
        (["models", "capstone", "--draw", "capstone.txt"], 3, "no picture format ends in '.txt'"),
        (["models", "--draw", "capstone.svg"], 2, "--draw needs the name of a network"),
    ],
)
def test_an_error_is_one_line_with_a_hint_and_its_exit_code(
    arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_debug_shows_the_trace(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--debug", "data", "check", "nowhere") == 3
    assert "Traceback" in capsys.readouterr().err
