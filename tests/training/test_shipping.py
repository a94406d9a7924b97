"""The tool that takes runs among the shipped weights."""

import hashlib
import importlib.util
import json
from pathlib import Path

import pytest

from mien.data.dataset import FerDataset
from mien.training.config import TrainingConfig
from mien.training.export.onnx_export import export_run
from mien.training.run import train
from mien.training.runs import RunFolder
from mien.training.sources import describe_source
from mien.weights import read_manifest
from tests.conftest import REPOSITORY


def test_a_run_ships_with_its_record_and_float_weights(
    made_dataset: FerDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = importlib.util.spec_from_file_location("ship", REPOSITORY / "tools" / "ship.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    config, run = TrainingConfig("tiny", epochs=1, batch_size=32), tmp_path / "run"
    train(config, made_dataset, run, precision="32-true")
    with pytest.raises(SystemExit, match="is named tiny, expected little"):
        tool.ship("little", run, export_run(run, run / "other.onnx").path, default=True, root=tmp_path / "root")
    exported = export_run(run, run / "model.onnx", name="little")
    weights = tmp_path / "root" / "src" / "mien" / "weights"
    weights.mkdir(parents=True)
    (weights / "manifest.json").write_text(json.dumps({"old": {"kind": "model", "file": "old.onnx", "sha256": "0"}}))
    tool.ship("little", run, exported.path, default=True, root=tmp_path / "root")
    manifest = read_manifest(weights)
    assert manifest["little"].intact()
    assert manifest["default"].alias == "little"
    assert "old" in manifest
    kept = tmp_path / "root" / "weights_float" / "little.safetensors"
    record = RunFolder(tmp_path / "root" / "docs" / "runs" / "little").read_record()
    assert record.float_weights_sha256 == hashlib.sha256(kept.read_bytes()).hexdigest()
    assert record.config == config
    assert describe_source(kept).network == "tiny"
    assert "little.onnx" in capsys.readouterr().out
