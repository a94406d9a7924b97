"""The tool that prints the table of targets, on made sets and a small model."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from mien.adaptation.run import adapt
from mien.data.dataset import FerDataset, write_dataset
from mien.expressions import FER2013_LABELS, FERPLUS_LABELS
from mien.metadata import HeadSpec, ModelMetadata
from mien.recognition.recognizer import load_recognizer
from tests.conftest import REPOSITORY
from tests.small_models import write_model


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("targets", REPOSITORY / "tools" / "targets.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    heads = {"intended": HeadSpec("intended_probabilities", FER2013_LABELS)}
    return write_model(tmp_path_factory.mktemp("m") / "small.onnx", ModelMetadata("small", heads=heads), seed=5)


def labeled_set(model: Path, *, faces: int, people: int, seed: int) -> FerDataset:
    """A set with single labels: mostly what the model answers, of ``people`` people with as many faces each."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (faces, 48, 48, 1)).astype(np.uint8)
    labels = load_recognizer(model, threads=1).predict_proba(images).argmax(axis=1).astype(np.uint8)
    labels[::3] = 0  # every third is called neutral
    votes = np.zeros((faces, 10), np.uint8)
    votes[np.arange(faces), labels] = 1
    manifest = {"schema": 1, "rows": faces, "splits": {}, "dropped": {}, "classes": [str(e) for e in FERPLUS_LABELS]}
    plain = FerDataset(
        images,
        np.full(faces, 2, np.uint8),  # all of them in the test split
        np.arange(faces, dtype=np.int32),
        np.full(faces, 255, np.uint8),
        votes,
        None,
        manifest,
    )
    return replace(plain, labels=labels, persons=np.array([f"{at % people:03}" for at in range(faces)]))


@pytest.fixture(scope="module")
def sets(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    for seed, name in enumerate(("lfw", "london", "imfdb")):
        dataset = labeled_set(model, faces=240, people=30, seed=seed)
        if name == "lfw":
            dataset = replace(dataset, splits=(np.arange(240) % 3).astype(np.uint8))
        write_dataset(dataset.take(np.arange(240)), folder / name)
    return folder


def table_of(text: str) -> dict[str, list[str]]:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]
    return {name: cells for name, *cells in rows}


def run(tool: ModuleType, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, list[str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["targets.py", *arguments])
        tool.main()
    return table_of(capsys.readouterr().out)


def test_the_command_prints_every_row_with_its_targets(
    tool: ModuleType, model: Path, prepared: Path, sets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = run(tool, [str(prepared), str(sets), "--model", str(model)], capsys)
    assert list(table) == list(tool.TARGETS)
    assert table["majority accuracy"][2:] == ["≥ 0.905", "0.885"]
    assert table["JS, votes"][2:] == ["≤ 0.062", "0.0665"]
    london = tool.open_dataset(sets / "london")
    named = load_recognizer(model).predict_proba(london.images).argmax(axis=1)
    assert table["London accuracy"][:2] == ["240", f"{np.mean(named == london.labels):.4f}"]


def test_an_adaptation_is_judged_on_people_that_it_has_not_seen(
    tool: ModuleType, model: Path, sets: Path, tmp_path: Path
) -> None:
    london = tool.open_dataset(sets / "london")
    first = np.isin(london.persons, [f"{number:03}" for number in range(10)])
    write_dataset(london.take(np.flatnonzero(first)), tmp_path / "ten")
    adapted = load_recognizer(adapt(model, tmp_path / "ten", tmp_path / "mine.onnx", force=True).path)
    expected = adapted.predict_proba(london.images[~first]).argmax(axis=1) == london.labels[~first]
    result = tool.judged_on_others(str(model), london)
    assert (result.n, result.accuracy) == (160, pytest.approx(expected.mean()))


def test_choosing_reads_no_set_that_is_judged_as_a_whole(
    tool: ModuleType, model: Path, prepared: Path, sets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = run(tool, [str(prepared), str(sets), "--model", str(model), "--choosing"], capsys)
    assert list(table)[-1] == "LFW mean recall"
    assert table["LFW accuracy"][0] == "80"
