"""Beginning with files and learning from them."""

import hashlib
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from mien.data.dataset import FerDataset
from mien.errors import CheckpointError, ModelFileError
from mien.expressions import FER2013_LABELS, FERPLUS_LABELS
from mien.metadata import INTENDED_OUTPUT_NAME, HeadSpec, ModelMetadata
from mien.model_file import open_model, write_model
from mien.networks.mirrored import Mirrored
from mien.networks.registry import build_network
from mien.training.config import TrainingConfig
from mien.training.distillation import Teachers
from mien.training.export.onnx_export import FilePrecision, export_onnx, export_run
from mien.training.export.temperature import as_input
from mien.training.initialization import Initialization
from mien.training.model_files import read_network
from mien.training.run import train
from mien.training.runs import RunFolder
from mien.training.sources import describe_source, find_weights, load_float_weights, save_float_weights
from tests.conftest import REPOSITORY

RESNET = TrainingConfig("resnet", epochs=1, batch_size=32, learning_rate=1e-3, schedule="constant")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def faces() -> Tensor:
    return torch.rand(64, 1, 48, 48, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def run(made_dataset: FerDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "resnet"
    train(RESNET, made_dataset, folder, precision="32-true")
    return folder


@pytest.fixture(scope="module")
def file(run: Path, made_dataset: FerDataset) -> Path:
    """As the shipped files are: 8 bit, mirrored, calibrated."""
    return export_run(run, run / "model.onnx", dataset=made_dataset, precision="int8", mirror=True).path


def answers(path: Path, images: Tensor) -> Tensor:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(["probabilities"], {"images": images.numpy()})[0])


def logits_of(network: nn.Module, faces: Tensor) -> Tensor:
    with torch.no_grad():
        logits: Tensor = network(faces)
    return logits


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("name", ["tiny", "capstone", "densenet"])
def test_a_network_comes_back_from_its_file(name: str, precision: FilePrecision, faces: Tensor, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build_network(name)
    with torch.no_grad():
        for parameter in network.parameters():  # weights that no two layers share, as after training
            parameter.add_(torch.randn(parameter.shape) * 0.02)
    network(faces)  # batch norms learn something of their inputs
    path = tmp_path / "model.onnx"
    metadata = ModelMetadata(name, training={"config": {"network": name}}, temperature=1.4)
    export_onnx(network.eval(), path, metadata=metadata, precision=precision)
    again = read_network(path, faces)
    tolerance = 1e-5 if precision == "float32" else 2e-2
    assert torch.allclose(logits_of(again, faces), logits_of(network, faces), atol=tolerance)


def test_an_8_bit_file_comes_back_and_trains_on(file: Path, made_dataset: FerDataset) -> None:
    rows = made_dataset.split_rows("train")
    seen = torch.from_numpy(made_dataset.images[rows]).permute(0, 3, 1, 2) / 255
    network = read_network(file, seen)
    with torch.no_grad():
        said = Mirrored(network)(seen)
    by_file = answers(file, seen)
    _, metadata = open_model(file)
    assert (said / metadata.temperature).softmax(1).sub(by_file).abs().sum(1).mean() / 2 < 0.02
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    before = [norm.running_var.clone() for norm in norms if norm.running_var is not None]
    for norm in norms:
        norm.momentum = 1.0
    network.train()(seen)
    for norm, kept in zip(norms, before, strict=True):
        assert norm.running_var is not None
        # statistics of the same faces, measured by torch itself: as they were measured from the file
        assert torch.allclose(norm.running_var, kept, rtol=0.25, atol=1e-3)


def test_a_run_begins_with_a_file_and_names_it(file: Path, made_dataset: FerDataset, tmp_path: Path) -> None:
    still = replace(RESNET, network="resnet-wide", learning_rate=1e-12)
    train(still, made_dataset, tmp_path / "run", initialization=Initialization(file), precision="32-true")
    record = RunFolder(tmp_path / "run").read_record()
    assert record.start is not None
    assert (record.start.name, record.start.network) == ("model.onnx", "resnet")
    assert record.start.weights_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_file_teaches_as_it_answers(file: Path, run: Path, faces: Tensor) -> None:
    assert torch.allclose(Teachers([file], CPU)(faces), answers(file, faces), atol=1e-6)
    assert torch.allclose(Teachers([file], CPU, mirror=True)(faces), answers(file, faces), atol=1e-6)
    with_run = Teachers([file, run], CPU)(faces)
    network = RunFolder(run).load_network()
    expected = (answers(file, faces) + logits_of(network, faces).softmax(1)) / 2
    assert torch.allclose(with_run, expected, atol=1e-5)


def test_a_file_that_does_not_mirror_is_mirrored_for_fixed_teaching(run: Path, faces: Tensor, tmp_path: Path) -> None:
    path = export_run(run, tmp_path / "plain.onnx").path
    expected = logits_of(RunFolder(run).load_network(mirror=True), faces).softmax(1)
    assert torch.allclose(Teachers([path], CPU, mirror=True)(faces), expected, atol=1e-4)


def test_a_run_learns_from_a_file(file: Path, made_dataset: FerDataset, tmp_path: Path) -> None:
    config = replace(RESNET, network="tiny", teacher_share=0.5)
    for teaching in ("fixed", "consistent"):
        folder = tmp_path / teaching
        taught = replace(config, teaching=teaching)
        train(taught, made_dataset, folder, initialization=Initialization(teachers=(file,)), precision="32-true")
        assert RunFolder(folder).read_record().teachers == (describe_source(file),)


def test_float_weights_are_the_networks_in_16_bit(run: Path, faces: Tensor, made_dataset: FerDataset) -> None:
    path = run / "weights.safetensors"
    sha256 = save_float_weights(RunFolder(run), path)
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    network, again = RunFolder(run).load_network(), load_float_weights(path)
    assert np.allclose(logits_of(again, faces), logits_of(network, faces), atol=2e-2)
    assert path.stat().st_size < 0.52 * sum(4 * p.numel() for p in network.parameters()) + 100_000
    begun = Initialization(path).begin(RESNET).network
    assert torch.equal(logits_of(begun.eval(), faces), logits_of(again, faces))
    assert describe_source(path).recipe_sha256 == RESNET.sha256
    assert torch.allclose(Teachers([path], CPU)(faces), logits_of(again, faces).softmax(1), atol=1e-5)


def test_a_head_that_was_added_to_the_file_comes_back_as_rows_of_the_last_layer(
    file: Path, made_dataset: FerDataset, tmp_path: Path
) -> None:
    model, metadata = open_model(file)
    faces = torch.from_numpy(as_input(made_dataset.images[:64]))
    one = read_network(file, faces)
    features = [layer for layer in one.modules() if isinstance(layer, nn.Linear)][-1].in_features
    layer = nn.Linear(features, 7)
    runpy.run_path(str(REPOSITORY / "tools" / "intended_head.py"))["graft"](model, layer, temperature=0.5)
    heads = dict(metadata.heads) | {"intended": HeadSpec(INTENDED_OUTPUT_NAME, FER2013_LABELS, 0.5)}
    write_model(model, replace(metadata, heads=heads), tmp_path / "two.onnx")
    both = read_network(tmp_path / "two.onnx", faces)
    logits = logits_of(both, faces)
    assert torch.allclose(logits[:, :8], logits_of(one, faces), atol=1e-5)
    session = onnxruntime.InferenceSession(str(tmp_path / "two.onnx"), providers=["CPUExecutionProvider"])
    said = session.run([INTENDED_OUTPUT_NAME], {"images": faces.numpy()})[0]
    meant = logits_of(Mirrored(both), faces)[:, 8:] / 0.5
    assert torch.allclose(meant.softmax(1), torch.from_numpy(said), atol=0.004)  # 8-bit features
    assert not torch.allclose((meant * 0.5).softmax(1), torch.from_numpy(said), atol=0.004)


def test_files_that_are_something_else_are_refused(run: Path, faces: Tensor, tmp_path: Path) -> None:
    for name in ("bad.onnx", "bad.safetensors"):
        (tmp_path / name).write_bytes(b"\x00" * 100)
    with pytest.raises(ModelFileError, match=r"bad\.onnx: "):
        read_network(tmp_path / "bad.onnx", faces)
    with pytest.raises(CheckpointError, match="not the weights of a network of mien"):
        load_float_weights(tmp_path / "bad.safetensors")
    nameless = export_onnx(RunFolder(run).load_network(), tmp_path / "x.onnx", metadata=ModelMetadata("x")).path
    with pytest.raises(CheckpointError, match="do not name the network"):
        read_network(nameless, faces)
    other = ModelMetadata("x", training={"config": {"network": "capstone"}})
    wrong = export_onnx(RunFolder(run).load_network(), tmp_path / "y.onnx", metadata=other).path
    with pytest.raises(CheckpointError, match="holds no weights for"):
        read_network(wrong, faces)
    with pytest.raises(CheckpointError, match="not a run folder, a file or a shipped model"):
        find_weights("nowhere")


def test_a_network_with_layers_of_another_kind_cannot_be_read_back(faces: Tensor, tmp_path: Path) -> None:
    path = tmp_path / "vit.onnx"
    metadata = ModelMetadata("vit", training={"config": {"network": "vit"}})
    export_onnx(build_network("vit").eval(), path, metadata=metadata)
    with pytest.raises(CheckpointError, match="cannot be read from a model file"):
        read_network(path, faces)


def test_a_file_that_answers_otherwise_is_refused(faces: Tensor, tmp_path: Path) -> None:
    """A record with another temperature than the one inside stands for a file that somebody changed."""
    network, path = build_network("tiny").eval(), tmp_path / "model.onnx"
    metadata = ModelMetadata("tiny", training={"config": {"network": "tiny"}}, labels=FERPLUS_LABELS)
    export_onnx(network, path, metadata=metadata)
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.name.endswith("logits.bias"):
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.full(8, 9.0, np.float32) * np.arange(8), tensor.name))
    onnx.helper.set_model_props(model, {"mien": replace(metadata, temperature=30.0).to_json()})
    onnx.save(model, path)
    with pytest.raises(CheckpointError, match="differs from the file by"):
        read_network(path, faces)


def test_a_shipped_model_is_named_and_comes_back() -> None:
    path = find_weights("resnet")
    assert describe_source(path).network == "resnet"


def test_an_exported_file_names_no_paths(file: Path) -> None:
    content = file.read_bytes()
    assert str(REPOSITORY).encode() not in content
    assert b"stack_trace" not in content
