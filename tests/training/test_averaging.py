from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mien.data.dataset import FerDataset
from mien.errors import CheckpointError, ConfigError
from mien.recognition.recognizer import load_recognizer
from mien.training.averaging import average_runs
from mien.training.config import TrainingConfig
from mien.training.export.onnx_export import export_run
from mien.training.initialization import Initialization
from mien.training.run import train
from mien.training.runs import RunFolder

TINY = TrainingConfig("tiny", monitor="kl", epochs=2, batch_size=16, learning_rate=0.02)
Runs = tuple[Path, Path]


@pytest.fixture(scope="module")
def runs(made_dataset: FerDataset, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """A run, and one that began from it."""
    folder = tmp_path_factory.mktemp("runs")
    first, second = folder / "first", folder / "second"
    train(TINY, made_dataset, first, precision="32-true")
    train(replace(TINY, seed=1), made_dataset, second, initialization=Initialization(start=first), precision="32-true")
    return first, second


def test_weights_are_the_mean_of_all_runs(runs: Runs, tmp_path: Path) -> None:
    average_runs([*runs, runs[0]], tmp_path / "mean")
    first, second, mean = (RunFolder(run).load_network().state_dict() for run in (*runs, tmp_path / "mean"))
    weights = [name for name, values in first.items() if values.is_floating_point()]
    assert any("running_var" in name for name in weights)
    for name in weights:
        assert torch.allclose(mean[name], first[name] * 2 / 3 + second[name] / 3, atol=1e-6)
    assert any(not torch.equal(mean[name], first[name]) for name in weights)


def test_it_is_a_run_folder_that_says_what_it_is_the_mean_of(
    runs: Runs, made_dataset: FerDataset, tmp_path: Path
) -> None:
    out = tmp_path / "mean"
    average_runs(runs, out)
    record, first = RunFolder(out).read_record(), RunFolder(runs[0]).read_record()
    assert [run.name for run in record.averaged] == ["first", "second"]
    assert record.config == first.config
    assert record.best is None
    exported = export_run(out, tmp_path / "mean.onnx", dataset=made_dataset)
    training = load_recognizer(exported.path).metadata.training
    assert training["averaged"] == [run.to_dict() for run in record.averaged]
    assert exported.metadata.metrics["validation/votes"]["n"] > 0
    student = replace(TINY, teacher_share=0.5)
    train(
        student,
        made_dataset,
        tmp_path / "next",
        initialization=Initialization(start=out, teachers=(out,)),
        precision="32-true",
    )
    begun = RunFolder(tmp_path / "next").read_record().start
    assert begun is not None
    assert begun.name == "mean"


def test_it_cannot_be_resumed(runs: Runs, made_dataset: FerDataset, tmp_path: Path) -> None:
    average_runs(runs, tmp_path / "mean")
    before = (tmp_path / "mean" / "best.pt").read_bytes()
    with pytest.raises(CheckpointError, match="mean of several runs, which cannot be resumed"):
        train(TINY, made_dataset, tmp_path / "mean", resume=True)
    assert (tmp_path / "mean" / "best.pt").read_bytes() == before


def test_what_cannot_be_averaged_is_refused_and_nothing_written(runs: Runs, tmp_path: Path) -> None:
    record = RunFolder(runs[1]).read_record()
    changed = {
        "network": replace(record, config=replace(record.config, network="capstone")),
        "data": replace(record, data=replace(record.data, splits={**record.data.splits, "validation": "0"})),
    }
    other = {name: tmp_path / name for name in changed}
    for name, record in changed.items():
        RunFolder(other[name]).write_record(record)
        (other[name] / "best.pt").write_bytes((runs[1] / "best.pt").read_bytes())
    for given, message in (
        ([runs[0], other["network"]], f"{other['network']}: holds a capstone network"),
        ([runs[0], other["data"]], f"{other['data']}: was trained on other data"),
        ([runs[0], tmp_path / "nowhere"], "nowhere: not a run folder"),
    ):
        with pytest.raises(CheckpointError, match=message):
            average_runs(given, tmp_path / "mean")
    with pytest.raises(ConfigError, match="1 run to average"):
        average_runs(runs[:1], tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def test_a_folder_that_stands_there_is_kept(runs: Runs) -> None:
    with pytest.raises(CheckpointError, match="first: exists already"):
        average_runs(runs, runs[0])
    assert RunFolder(runs[0]).read_record().best
