from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from mien.data.dataset import FerDataset
from mien.errors import ExportMismatchError
from mien.metadata import METADATA_KEY, ModelMetadata
from mien.models.registry import build_model, list_models
from mien.training.calibration import calibrate, fit_temperature
from mien.training.config import TrainingConfig
from mien.training.export import export_onnx, export_run, probe_images
from mien.training.run import train
from mien.training.trained import load_network


@pytest.fixture(scope="module")
def run(made_dataset: FerDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "tiny"
    train(TrainingConfig("tiny", epochs=2, batch_size=16, learning_rate=0.02), made_dataset, folder)
    return folder


def probabilities(path: Path, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    result: np.ndarray = session.run(["probabilities"], {"images": images})[0]
    return result


@pytest.mark.parametrize("half", [False, True])
def test_the_file_says_what_the_network_says_at_every_batch_size(run: Path, tmp_path: Path, half: bool) -> None:
    result = export_run(run, tmp_path / "model.onnx", half=half, temperature=1.7)
    network, _ = load_network(run)
    images = probe_images(result.metadata.input)
    with torch.no_grad():
        expected = (network(torch.from_numpy(images)) / 1.7).softmax(1).numpy()
    tolerance = 5e-3 if half else 1e-5  # the weights themselves are rounded to float16
    for count in (1, 4, len(images)):
        assert np.abs(probabilities(result.path, images[:count]) - expected[:count]).max() <= tolerance
    assert result.largest_difference <= tolerance
    assert result.bytes == result.path.stat().st_size


def test_a_mirrored_file_says_the_same_of_a_face_and_its_mirror_image(run: Path, tmp_path: Path) -> None:
    result = export_run(run, tmp_path / "model.onnx", mirror=True)
    images = probe_images(result.metadata.input)
    turned = images[..., ::-1].copy()
    assert np.allclose(probabilities(result.path, images), probabilities(result.path, turned), atol=1e-6)
    network, _ = load_network(run)
    with torch.no_grad():
        as_is, mirrored = network(torch.from_numpy(images)), network(torch.from_numpy(turned))
    assert np.allclose(probabilities(result.path, images), ((as_is + mirrored) / 2).softmax(1).numpy(), atol=1e-5)


def test_the_file_carries_its_record(run: Path, tmp_path: Path) -> None:
    export_run(run, tmp_path / "model.onnx", name="mine", temperature=0.9, scores={"validation/votes": {"kl": 0.4}})
    properties = {p.key: p.value for p in onnx.load(tmp_path / "model.onnx").metadata_props}
    record = ModelMetadata.from_json(properties[METADATA_KEY])
    assert (record.name, record.temperature, record.input.shape) == ("mine", 0.9, (1, 48, 48))
    assert [str(label) for label in record.labels][:2] == ["neutral", "happiness"]
    assert record.training["config"]["model"] == "tiny"
    assert record.frame_for("blazeface").width < 1
    assert "not what a person feels" in record.use_notice


def test_a_file_that_disagrees_is_not_written(tmp_path: Path) -> None:
    class Moody(torch.nn.Module):
        """Says something else while it is exported."""

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            slope = -1.0 if torch.compiler.is_exporting() else 1.0
            return images.mean((2, 3)) * torch.arange(8.0) * slope

    with pytest.raises(ExportMismatchError, match="differs from the network by"):
        export_onnx(Moody(), tmp_path / "model.onnx", metadata=ModelMetadata("moody"))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in list_models() if name != "tiny"])
def test_every_network_exports_with_weights_at_half_the_size(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build_model(name)
    exported = export_onnx(network, tmp_path / "half.onnx", metadata=ModelMetadata(name), half=True)
    full_bytes = 4 * sum(parameter.numel() for parameter in network.parameters())
    assert exported.bytes < 0.6 * full_bytes


def test_the_temperature_that_made_the_logits_too_bold_is_found() -> None:
    generator = torch.Generator().manual_seed(0)
    honest = torch.randn(4000, 8, generator=generator)
    assert fit_temperature(honest * 3, honest.softmax(1)) == pytest.approx(3, rel=1e-3)
    assert fit_temperature(honest / 4, honest.softmax(1)) == pytest.approx(0.25, rel=1e-3)


def test_calibration_lowers_the_divergence_and_notes_it(run: Path, made_dataset: FerDataset) -> None:
    fitted = calibrate(run, made_dataset)
    assert fitted.scores["validation/votes"]["n"] == 32
    assert 0.05 < fitted.temperature < 20
