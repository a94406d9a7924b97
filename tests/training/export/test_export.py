from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from scipy.special import rel_entr

from mien.data.dataset import FerDataset
from mien.data.protocols import select
from mien.errors import CheckpointError, ConfigError, ExportMismatchError
from mien.metadata import METADATA_KEY, ModelMetadata
from mien.networks.registry import build_network, list_networks
from mien.training.config import TrainingConfig
from mien.training.export.onnx_export import FilePrecision, export_onnx, export_run
from mien.training.export.temperature import fit_temperature
from mien.training.export.verification import probe_images
from mien.training.run import train
from mien.training.runs import RunFolder


@pytest.fixture(scope="module")
def run(made_dataset: FerDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "tiny"
    train(TrainingConfig("tiny", epochs=2, batch_size=16, learning_rate=0.02), made_dataset, folder)
    return folder


def probabilities(path: Path, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    result: np.ndarray = session.run(["probabilities"], {"images": images})[0]
    return result


def divergence(votes: np.ndarray, said: np.ndarray) -> float:
    """Mean KL(votes ‖ said) in nats, by scipy."""
    return float(rel_entr(votes, said).sum(axis=1).mean())


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_the_file_says_what_the_network_says_at_every_batch_size(
    run: Path, tmp_path: Path, precision: FilePrecision
) -> None:
    network = RunFolder(run).load_network()
    metadata = ModelMetadata("mine", temperature=1.7)
    result = export_onnx(network, tmp_path / "model.onnx", metadata=metadata, precision=precision)
    images = probe_images(result.metadata.input)
    with torch.no_grad():
        expected = (network(torch.from_numpy(images)) / 1.7).softmax(1).numpy()
    tolerance = 5e-3 if precision == "float16" else 1e-5  # the weights themselves are rounded to float16
    for count in (1, 4, len(images)):
        assert np.abs(probabilities(result.path, images[:count]) - expected[:count]).max() <= tolerance
    assert result.largest_difference <= tolerance
    assert result.bytes == result.path.stat().st_size


def test_a_mirrored_file_says_the_same_of_a_face_and_its_mirror_image(run: Path, tmp_path: Path) -> None:
    result = export_run(run, tmp_path / "model.onnx", mirror=True)
    images = probe_images(result.metadata.input)
    turned = images[..., ::-1].copy()
    assert np.allclose(probabilities(result.path, images), probabilities(result.path, turned), atol=1e-6)
    network = RunFolder(run).load_network()
    with torch.no_grad():
        as_is, mirrored = network(torch.from_numpy(images)), network(torch.from_numpy(turned))
    assert np.allclose(probabilities(result.path, images), ((as_is + mirrored) / 2).softmax(1).numpy(), atol=1e-5)


def test_the_file_carries_its_record(run: Path, tmp_path: Path) -> None:
    export_run(run, tmp_path / "model.onnx", name="mine")
    properties = {p.key: p.value for p in onnx.load(tmp_path / "model.onnx").metadata_props}
    record = ModelMetadata.from_json(properties[METADATA_KEY])
    assert (record.name, record.temperature, record.input.shape) == ("mine", 1.0, (1, 48, 48))
    assert [row["epoch"] for row in record.training["history"]] == [1, 2]
    assert [str(label) for label in record.labels][:2] == ["neutral", "happiness"]
    assert record.network == "tiny"
    assert record.frames["blazeface"].width < 1
    assert "not what a person feels" in record.use_notice


def test_a_file_that_disagrees_is_not_written(tmp_path: Path) -> None:
    class Moody(torch.nn.Module):
        """Says something else while it is exported."""

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            slope = -1.0 if torch.compiler.is_exporting() else 1.0
            return images.mean((2, 3)) * torch.arange(8.0) * slope

    with pytest.raises(ExportMismatchError, match="differs from the trained one by"):
        export_onnx(Moody(), tmp_path / "model.onnx", metadata=ModelMetadata("moody"))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in list_networks() if name != "tiny"])
def test_every_network_exports_with_weights_at_half_the_size(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build_network(name)
    exported = export_onnx(network, tmp_path / "half.onnx", metadata=ModelMetadata(name), precision="float16")
    full_bytes = 4 * sum(parameter.numel() for parameter in network.parameters())
    assert exported.bytes < 0.6 * full_bytes


def test_the_temperature_that_made_the_logits_too_bold_is_found() -> None:
    generator = torch.Generator().manual_seed(0)
    honest = torch.randn(4000, 8, generator=generator)
    assert fit_temperature(honest * 3, honest.softmax(1)) == pytest.approx(3, rel=1e-3)
    assert fit_temperature(honest / 4, honest.softmax(1)) == pytest.approx(0.25, rel=1e-3)


def test_the_temperature_and_the_files_own_scores_come_from_the_validation_split(
    run: Path, made_dataset: FerDataset, tmp_path: Path
) -> None:
    as_it_is = export_run(run, tmp_path / "as_it_is.onnx")
    fitted = export_run(run, tmp_path / "fitted.onnx", dataset=made_dataset)
    rows = select(made_dataset, "votes", "validation")
    faces = made_dataset.images[rows.indices].transpose(0, 3, 1, 2).astype(np.float32) / 255
    kl, before = (divergence(rows.targets, probabilities(path, faces)) for path in (fitted.path, as_it_is.path))
    assert kl <= before
    scores = fitted.metadata.metrics
    assert scores["validation/votes"] == {"n": 32, "kl": pytest.approx(kl, abs=1e-4)}
    strict = select(made_dataset, "majority", "validation")
    right = probabilities(fitted.path, faces)[np.searchsorted(rows.indices, strict.indices)].argmax(1) == strict.labels
    assert scores["validation/majority"]["accuracy"] == pytest.approx(right.mean())


def test_another_data_set_than_the_runs_own_is_refused(run: Path, made_dataset: FerDataset, tmp_path: Path) -> None:
    splits = made_dataset.manifest["splits"] | {"validation": {"rows": 1, "sha256": "other"}}
    other = replace(made_dataset, manifest={**made_dataset.manifest, "splits": splits})
    with pytest.raises(CheckpointError, match="trained on another data set"):
        export_run(run, tmp_path / "model.onnx", dataset=other)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["../escaped", "a/b", "..", "a\\b"])
def test_a_name_that_is_a_path_is_refused(run: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="a model cannot be called"):
        export_run(run, tmp_path / "model.onnx", name=name)


def test_eight_bits_say_nearly_the_same_at_a_quarter_of_the_size(made_dataset: FerDataset, tmp_path: Path) -> None:
    """The capstone's network after an epoch: the differences are those of rounding, and every layer is in 8 bit."""
    train(TrainingConfig("capstone", epochs=1, batch_size=32, schedule="constant"), made_dataset, tmp_path / "run")
    full = export_run(tmp_path / "run", tmp_path / "full.onnx", dataset=made_dataset, mirror=True)
    small = export_run(tmp_path / "run", tmp_path / "small.onnx", dataset=made_dataset, precision="int8", mirror=True)
    assert small.bytes < 0.3 * full.bytes
    assert small.metadata.training["file_precision"] == "int8"
    weights = {tensor.name: tensor.data_type for tensor in onnx.load(small.path).graph.initializer}
    assert sum(kind == onnx.TensorProto.INT8 for kind in weights.values()) >= 8
    images = made_dataset.images[-32:].transpose(0, 3, 1, 2).astype(np.float32) / 255
    apart = np.abs(probabilities(full.path, images) - probabilities(small.path, images)).sum(axis=1) / 2
    assert 0 < apart.mean() < 0.03


def test_eight_bits_need_faces(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="int8 needs training faces"):
        export_run(run, tmp_path / "model.onnx", precision="int8")
    assert not list(tmp_path.iterdir())
