"""Checkpoints after an accident or a stranger: every byte is vouched for, and a state of another kind is not taken."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mien.data.dataset import FerDataset
from mien.errors import CheckpointError
from mien.training.checkpoints import load_state, save_state
from mien.training.run import train
from mien.training.runs import ANSWERS, BEST, LAST, RECORD, RunFolder
from tests.training.test_run import TINY

STATE = {"network": {"a": torch.arange(64.0), "b": torch.zeros(2, 3)}, "epoch": 7}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "a.pt"
    save_state(STATE, path)
    return path.read_bytes()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_is_refused(checkpoint: bytes, tmp_path: Path, place: float, bit: int) -> None:
    changed = bytearray(checkpoint)
    changed[int(place * len(changed))] ^= 1 << bit
    (tmp_path / "a.pt").write_bytes(changed)
    with pytest.raises(CheckpointError, match=r"a\.pt: the checkpoint is damaged or cut short"):
        load_state(tmp_path / "a.pt")


def test_each_byte_of_the_end_counts(checkpoint: bytes, tmp_path: Path) -> None:
    for end in range(1, 120):
        changed = bytearray(checkpoint)
        changed[-end] ^= 1
        (tmp_path / "a.pt").write_bytes(changed)
        with pytest.raises(CheckpointError, match="damaged"):
            load_state(tmp_path / "a.pt")


def test_torch_reads_the_file_too(checkpoint: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(checkpoint)
    assert torch.equal(torch.load(tmp_path / "a.pt", weights_only=True)["network"]["a"], torch.arange(64.0))


def test_files_of_earlier_versions_are_read_and_flipped_weights_in_them_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.pt"
    torch.save(STATE, path)
    assert load_state(path)["epoch"] == 7
    content = path.read_bytes()
    at = content.index(torch.arange(64.0).numpy().tobytes()) + 100
    path.write_bytes(content[:at] + b"\xff" + content[at + 1 :])
    with pytest.raises(CheckpointError, match=r"checksum of .* does not match"):
        load_state(path)


@pytest.mark.parametrize("value", [[1, 2], 5, torch.zeros(3), None])
def test_a_checkpoint_of_anything_but_named_values_is_refused(tmp_path: Path, value: object) -> None:
    torch.save(value, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=f"holds {type(value).__name__}, expected named values"):
        load_state(tmp_path / "a.pt")


@pytest.fixture(scope="module")
def half_done(made_dataset: FerDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has two epochs to go."""
    from mien.training.progress import Silent

    class Interrupted(Silent):
        def finished_epoch(self, metrics: Any) -> None:
            if metrics.epoch == 2:
                raise KeyboardInterrupt

    folder = tmp_path_factory.mktemp("half") / "run"
    with pytest.raises(KeyboardInterrupt):
        train(TINY, made_dataset, folder, precision="32-true", listener=Interrupted())
    return folder


def _moment(state: dict[str, Any]) -> dict[str, Any]:
    moment: dict[str, Any] = state["optimizer"]["state"][0]
    return moment


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a key gone": (lambda s: s.pop("optimizer"), "KeyError: 'optimizer'"),
    "a key more": (lambda s: s.update(more=1), "expected {network, mean, optimizer"),
    "a network of another shape": (lambda s: s["network"].update({k: torch.zeros(3) for k in s["network"]}), "network"),
    "a network in 64 bit": (lambda s: s["network"].update({k: v.double() for k, v in s["network"].items()}), "float64"),
    "a network of lists": (lambda s: s["network"].update({k: [1] for k in s["network"]}), "is 1 values"),
    "no mean": (lambda s: s.update(mean=None), "mean is None"),
    "moments of another shape": (lambda s: _moment(s).update(exp_avg=torch.zeros(1)), r"exp_avg is float32 \(1,\)"),
    "moments of no parameter": (lambda s: s["optimizer"]["state"].update({99: {}}), "KeyError: 99"),
    "moments that are numbers": (lambda s: _moment(s).update(exp_avg=0.0), r"exp_avg is 0\.0"),
    "a rate in words": (lambda s: s["optimizer"]["param_groups"][0].update(lr="0.1"), r"param_groups\.0\.lr is '0\.1'"),
    "a rate that is none": (lambda s: s["optimizer"]["param_groups"][0].update(lr=float("nan")), "lr is nan"),
    "a schedule of another kind": (lambda s: s.update(learning_rate={"best": 1.0}), "learning_rate is {best}"),
    "no history": (lambda s: s.update(history=[]), "history holds 0 epochs, expected 1 to 4"),
    "a history with a gap": (lambda s: s["history"].pop(0), "history holds 1 epochs"),
    "a longer history than the run": (lambda s: s["history"].extend(s["history"] * 9), "history holds 20 epochs"),
    "a history of other columns": (lambda s: s.update(history=[{"a": 1.0}] * 2), "KeyError: 'epoch'"),
    "a history of words": (lambda s: s["history"][0].update(kl="low"), "could not convert"),
    "a history of tensors": (lambda s: s.update(history=[torch.zeros(9)]), "an epoch is Tensor"),
    "a history that is a tensor": (lambda s: s.update(history=torch.zeros(2, 2)), "an epoch is Tensor"),
    "a count that is a tensor": (lambda s: s.update(epochs_without_gain=torch.zeros(3)), "RuntimeError"),
    "an endless epoch": (lambda s: s["history"][0].update(epoch=float("inf")), "epoch inf is no whole number"),
    "a count of gains in words": (lambda s: s.update(epochs_without_gain="0"), "history does not match"),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_state_of_another_kind_is_not_gone_on_from(
    half_done: Path, made_dataset: FerDataset, tmp_path: Path, kind: str
) -> None:
    change, words = CHANGES[kind]
    folder = RunFolder(tmp_path)
    for file in half_done.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    state = load_state(tmp_path / LAST)
    change(state)
    save_state(state, tmp_path / LAST)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(CheckpointError, match=rf"last\.pt: not a state of this run: .*{words}") as caught:
        train(TINY, made_dataset, tmp_path, resume=True)
    assert BEST in str(caught.value.hint)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    assert folder.load_best()["epoch"] >= 1


def test_best_weights_of_another_network_are_refused(half_done: Path, tmp_path: Path) -> None:
    for file in half_done.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    save_state({"network": {"a": torch.zeros(1)}, "epoch": 1}, tmp_path / BEST)
    with pytest.raises(CheckpointError, match=r"best\.pt: not the weights of tiny"):
        RunFolder(tmp_path).load_network()
    save_state({"network": [1], "epoch": 1}, tmp_path / BEST)
    with pytest.raises(CheckpointError, match=r"best\.pt: holds no weights"):
        RunFolder(tmp_path).load_network()


def test_answers_of_teachers_are_looked_at(tmp_path: Path) -> None:
    save_state({"probabilities": [1, 2]}, tmp_path / ANSWERS)
    with pytest.raises(CheckpointError, match=r"teachers\.pt: holds no probabilities"):
        RunFolder(tmp_path).load_answers()


RECORDS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "versions in a list": (lambda r: r.update(versions=[[]]), "'list' object has no attribute 'items'"),
    "a version that is a number": (lambda r: r["versions"].update(torch=2), "expected text, got 2"),
    "a precision of its own": (lambda r: r.update(precision="half"), "precision 'half', expected 32-true or bf16"),
    "threads in words": (lambda r: r.update(threads="two"), "expected a number from 0, got 'two'"),
    "epochs below none": (lambda r: r.update(epochs=-1), "expected a number from 0, got -1"),
    "a hash that is a list": (lambda r: r.update(recipe_sha256=[]), "expected text"),
    "data that is a list": (lambda r: r.update(data=["a"]), "object has no attribute"),
    "a teacher without a name": (
        lambda r: r.update(teachers=[{"name": None, "network": "", "weights_sha256": ""}]),
        "None",
    ),
    "an epoch of endless digits": (lambda r: r.update(best={"epoch": 10**400}), "too large"),
}


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_of_other_types_is_not_taken(half_done: Path, tmp_path: Path, kind: str) -> None:
    change, words = RECORDS[kind]
    record = json.loads((half_done / RECORD).read_text())
    change(record)
    (tmp_path / RECORD).write_text(json.dumps(record))
    with pytest.raises(CheckpointError, match=rf"run\.json: not the record of a run .*{words}"):
        RunFolder(tmp_path).read_record()


def test_an_endless_nest_is_no_record(tmp_path: Path) -> None:
    (tmp_path / RECORD).write_text("[" * 100_000)
    with pytest.raises(CheckpointError, match="not the record of a run"):
        RunFolder(tmp_path).read_record()
