"""Recipes by name, and what mien train changes and tells."""

import re
from pathlib import Path

import pytest

from mien.cli import main, training_progress
from mien.recipes import list_recipes
from mien.training.runs import RunFolder

RECIPE = 'network = "tiny"\nepochs = 3\nbatch_size = 32\nlearning_rate = 0.02\n'


def run(*arguments: str | Path) -> int:
    """Exit code of a command."""
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return int(caught.value.code or 0)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "little.toml"
    path.write_text(RECIPE)
    return path


def test_recipes_are_listed_shown_and_copied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("recipes") == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in list_recipes())
    assert run("recipes", "show", "ferplus-cnn-fast") == 0
    text = list_recipes()["ferplus-cnn-fast"].path.read_text()
    assert capsys.readouterr().out == text
    assert run("recipes", "copy", "ferplus-cnn-fast", tmp_path / "mine.toml") == 0
    assert (tmp_path / "mine.toml").read_text() == text
    assert run("recipes", "copy", "ferplus-cnn-fast", tmp_path / "mine.toml") == 2
    assert "exists already" in capsys.readouterr().err
    assert run("recipes", "copy", "research", tmp_path / "research") == 0
    assert len(list((tmp_path / "research").iterdir())) == len(list_recipes("research"))


def test_an_unknown_recipe_is_told_with_near_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "ferplus-resnt", "--data", "d", "--out", "o") == 2
    message = capsys.readouterr().err
    assert "no recipe called 'ferplus-resnt'" in message
    assert "ferplus-resnet" in message


def test_options_change_the_settings_of_a_recipe(recipe: Path, prepared: Path, tmp_path: Path) -> None:
    changes = ["--epochs", "1", "--set", "seed=5", "--set", "augmentation.flip=0.5", "--set", "target=drawn"]
    out = tmp_path / "run"
    assert run("train", recipe, "--data", prepared, "--out", out, "--precision", "32-true", *changes) == 0
    config = RunFolder(out).read_record().config
    assert (config.epochs, config.seed, config.augmentation.flip, config.target) == (1, 5, 0.5, "drawn")


def test_a_smoke_run_is_short_and_whole(prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert run("train", "ferplus-resnet", "--data", prepared, "--out", out, "--smoke", "--precision", "32-true") == 0
    config = RunFolder(out).read_record().config
    assert (config.network, config.epochs) == ("resnet", 2)
    assert "best epoch" in capsys.readouterr().out


def test_a_chain_of_a_folder_is_one_command(recipe: Path, prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "more.toml").write_text('extends = "little"\nstart = "little"\nseed = 1\n[ship]\nname = "more"\n')
    command: list[str | Path] = [
        "train",
        "--all",
        tmp_path,
        "--data",
        prepared,
        "--out",
        tmp_path / "runs",
        "--epochs",
        "1",
    ]
    assert run(*command, "--precision", "32-true") == 0
    start = RunFolder(tmp_path / "runs" / "more").read_record().start
    assert start is not None
    assert start.name == "little"
    assert (tmp_path / "runs" / "more" / "model.onnx").exists()


def test_a_mismatch_is_told_before_anything_is_measured(
    recipe: Path, prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe.write_text(RECIPE + '[[data]]\nname = "lab"\n')
    out = tmp_path / "run"
    assert run("train", recipe, "--data", prepared, "--out", out) == 2
    message = capsys.readouterr().err
    assert "the recipe also trains on lab, which is not given" in message
    assert "--data lab=FOLDER" in message
    assert run("train", recipe, "--data", f"lab={prepared}", "--out", out) == 2
    assert "0 data sets without a name, expected one" in capsys.readouterr().err
    assert not out.exists()


def test_a_recipe_and_a_chain_are_one_or_the_other(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given: list[list[str | Path]] = [[], [recipe, "--all", "shipped"]]
    for arguments in given:
        assert run("train", *arguments, "--data", "d", "--out", "o") == 2
        assert "expected one recipe, or --all GROUP" in capsys.readouterr().err
    assert run("train", "--all", "shipped", "--start", "x", "--data", "d", "--out", "o") == 2
    assert "--start and --teacher go with one recipe" in capsys.readouterr().err
    assert run("train", "ferplus-wide-mean", "--data", "d", "--out", "o") == 2
    assert "averages ferplus-wide-again" in capsys.readouterr().err


def test_without_a_terminal_lines_tell_of_pace_and_time_left(
    recipe: Path, prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_progress, "_LINE_EVERY_S", 0.0)
    assert run("train", recipe, "--data", prepared, "--out", tmp_path / "run", "--precision", "32-true") == 0
    lines = capsys.readouterr().err.splitlines()
    steps = [line for line in lines if "step" in line and "left" in line]
    assert len(steps) == 9  # three epochs of 94 faces in batches of 32
    assert re.fullmatch(r"little: epoch 2, step 1 of 3, loss [\d.]+, \d+ images/s, \d+:\d\d:\d\d left", steps[3])


def test_teachers_that_are_asked_once_tell_how_far_they_are(
    recipe: Path, prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options: list[str | Path] = ["--data", prepared, "--precision", "32-true", "--epochs", "1"]
    assert run("train", recipe, *options, "--out", tmp_path / "first") == 0
    taught: list[str | Path] = ["--set", "teacher_share=0.5", "--teacher", tmp_path / "first", "--teacher", "resnet"]
    capsys.readouterr()
    assert run("train", recipe, *options, "--out", tmp_path / "second", *taught) == 0
    assert "the teachers' probabilities, 94 of 94" in capsys.readouterr().err
    teachers = RunFolder(tmp_path / "second").read_record().teachers
    assert [teacher.name for teacher in teachers] == ["first", "resnet.onnx"]
