"""From a run folder to ``model.onnx``: probabilities out, metadata inside, checked against the network it came from.

It does not know how the file is used.
"""

import logging
import tempfile
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn

from mien.data.dataset import FerDataset
from mien.errors import CheckpointError, ConfigError, ExportMismatchError
from mien.evaluation.run import EvaluationOptions, evaluate, usable_protocols
from mien.geometry import FloatArray
from mien.metadata import INPUT_NAME, METADATA_KEY, OUTPUT_NAME, InputSpec, ModelMetadata
from mien.preprocessing import DEFAULT_FRAMES, UPRIGHT_FROM_DEG
from mien.runtime.files import atomic_file
from mien.runtime.onnx import load_onnxruntime
from mien.training.config import config_from_dict
from mien.training.export.quantization import quantize
from mien.training.export.temperature import as_input, faces_of, fit_on_validation
from mien.training.runs import BEST, load_state, read_history, same_data
from mien.training.trained import load_network
from mien.version import __version__

FilePrecision = Literal["float32", "float16", "int8"]

#: Largest difference of a probability between the file and the network, and where weights are rounded to float16.
TOLERANCE, HALF_TOLERANCE = 1e-5, 5e-3
#: Largest mean total variation distance between a network and its file in 8 bit.
INT8_TOLERANCE = 0.03
#: Training faces on which 8-bit ranges are seen.
_CALIBRATION_FACES = 1024
_BATCH = 256
LICENSE = "Apache-2.0; trained on FER2013 and FER+, whose images are for research"
_OPSET = 18
#: What a file says of itself on the validation split.
_SCORED = {"votes": "kl", "drawn": "accuracy", "majority": "accuracy", "majority-v1": "accuracy"}
_HISTORY = ("epoch", "train_loss", "loss", "train_accuracy", "accuracy", "kl", "learning_rate")


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was written: the file, its size and the largest difference found against the network."""

    path: Path
    bytes: int
    largest_difference: float
    metadata: ModelMetadata


class _Probabilities(nn.Module):
    """The network with its temperature and softmax: the whole contract of the file."""

    def __init__(self, network: nn.Module, temperature: float) -> None:
        super().__init__()
        self.network, self.temperature = network, temperature

    def forward(self, images: Tensor) -> Tensor:
        probabilities: Tensor = (self.network(images) / self.temperature).softmax(dim=1)
        return probabilities


def export_run(
    run: Path,
    out: Path,
    *,
    name: str | None = None,
    dataset: FerDataset | None = None,
    precision: FilePrecision = "float32",
    mirror: bool = False,
) -> ExportResult:
    """Export the best weights of a run.

    Args:
        run: The run folder.
        out: The ``.onnx`` file to write, all or nothing.
        name: Name in the metadata; the network's by default.
        dataset: Its validation split gives the temperature and the file's scores, its training split the ranges of
            ``int8``; None leaves the network as it is.
        precision: See :func:`export_onnx`.
        mirror: Average each face with its mirror image inside the file: better, and twice the work.

    Raises:
        CheckpointError: ``run`` is no run folder, its weights are damaged, or it was trained on another data set.
        ConfigError: ``int8`` without a data set, or a name that is a path.
        ExportMismatchError: The file gives other probabilities than the network.
        StorageError: ``out`` cannot be written.
    """
    network, record = load_network(run, mirror=mirror)
    if dataset is not None and not same_data(record, dataset):
        raise CheckpointError(
            f"{run}: was trained on another data set than the one given",
            hint="give the one it was trained on: another's validation faces may be among its training faces",
        )
    metadata = ModelMetadata(
        name=name or record["config"]["model"],
        frames=DEFAULT_FRAMES,
        upright_from_deg=UPRIGHT_FROM_DEG,
        temperature=1.0 if dataset is None else fit_on_validation(network, dataset),
        training={key: record[key] for key in ("config", "data", "versions", "precision")}
        | {"recipe_sha256": config_from_dict(record["config"]).sha256}
        | {key: record[key] for key in ("start", "teachers", "averaged") if record.get(key)}
        | {"epoch": load_state(run / BEST)["epoch"], "mirrored": mirror, "file_precision": precision}
        | {"history": _history(run)},
        version=__version__,
        license=LICENSE,
    )
    ranged = faces_of(dataset, "train", at_most=_CALIBRATION_FACES) if precision == "int8" and dataset else None
    model, difference = _converted(network, metadata, precision, ranged)
    if dataset is not None:
        metadata = replace(metadata, metrics=_scores(model.SerializeToString(), dataset))
    return _write(model, out, metadata, difference)


def export_onnx(
    network: nn.Module,
    out: Path,
    *,
    metadata: ModelMetadata,
    precision: FilePrecision = "float32",
    faces: FloatArray | None = None,
) -> ExportResult:
    """Write ``network`` as an ONNX file that maps images to probabilities, for any batch size.

    Args:
        network: In evaluation mode.
        out: Where to.
        metadata: Its record.
        precision: ``float32``; ``float16`` stores weights at half the size and computes in float32; ``int8`` stores
            and computes in 8 bit, a quarter of the size and about three times as fast.
        faces: float32 (n, 1, 48, 48) in [0, 1], training faces that give ``int8`` its ranges.

    Raises:
        ConfigError: ``int8`` without faces.
        ExportMismatchError: Probabilities differ by more than 1e-5 (``float16`` 5e-3) on random or degenerate images,
            or in 8 bit by more than .03 in total variation, on average over ``faces``.
        StorageError: ``out`` cannot be written.
    """
    model, difference = _converted(network, metadata, precision, faces)
    return _write(model, out, metadata, difference)


def _converted(
    network: nn.Module, metadata: ModelMetadata, precision: FilePrecision, faces: FloatArray | None
) -> tuple[onnx.ModelProto, float]:
    """The file's content without its record, and its largest difference to the network."""
    wrapped = _Probabilities(network, metadata.temperature).eval()
    model = _trace(wrapped, metadata.input)
    if precision == "int8":
        if faces is None:
            raise ConfigError("int8 needs training faces to see its ranges on", hint="give a data set (--data)")
        model = quantize(model, faces)
        apart = np.abs(_File(model.SerializeToString()).answers(faces) - _expected(wrapped, faces))
        difference, found, allowed = float(apart.max()), float(apart.sum(axis=1).mean() / 2), INT8_TOLERANCE
    else:
        if precision == "float16":
            _store_as_half(model)
        found = difference = _largest_difference(wrapped, model.SerializeToString(), metadata.input)
        allowed = HALF_TOLERANCE if precision == "float16" else TOLERANCE
    if not found <= allowed:
        raise ExportMismatchError(
            f"the exported {precision} network differs from the trained one by {found:.2e}, at most {allowed:.0e} is "
            "allowed",
            hint="nothing was written; this is a fault of the exporter or of a layer it does not know",
        )
    return model, difference


def _write(model: onnx.ModelProto, out: Path, metadata: ModelMetadata, difference: float) -> ExportResult:
    onnx.helper.set_model_props(model, {METADATA_KEY: metadata.to_json()})
    content = model.SerializeToString()
    with atomic_file(out) as temporary:
        temporary.write_bytes(content)
    return ExportResult(out, len(content), difference, metadata)


def _history(run: Path) -> list[dict[str, float]]:
    """The figures of each epoch, rounded: what the curves of the model are drawn from."""
    return [{name: round(row[name], 5) for name in _HISTORY} for row in read_history(run)]


def probe_images(spec: InputSpec, *, count: int = 64) -> npt.NDArray[np.float32]:
    """Random images and degenerate ones (black, white, gray, one bright pixel), float32 (count + 4, 1, size, size)."""
    random = np.random.default_rng(0).uniform(spec.low, spec.high, (count, *spec.shape))
    flat = [np.full(spec.shape, value) for value in (spec.low, spec.high, (spec.low + spec.high) / 2)]
    spot = np.full(spec.shape, spec.low)
    spot[:, 0, 0] = spec.high
    return np.concatenate([random, np.stack([*flat, spot])]).astype(np.float32)


def _trace(wrapped: nn.Module, spec: InputSpec) -> onnx.ModelProto:
    example = torch.rand(2, *spec.shape)
    batch = torch.export.Dim("batch", min=1)
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # the exporter deprecates parts of itself while it runs,
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # and misses torchvision, which nothing here needs
        path = Path(folder) / "traced.onnx"
        program = torch.onnx.export(
            wrapped,
            (example,),
            dynamo=True,
            opset_version=_OPSET,
            input_names=[INPUT_NAME],
            output_names=[OUTPUT_NAME],
            dynamic_shapes=({0: batch},),
            verbose=False,
        )
        if program is None:
            raise ExportMismatchError(
                "the exporter gave no program", hint="report the network and the version of torch"
            )
        program.save(str(path), external_data=False)
        return onnx.load(path)


def _largest_difference(wrapped: nn.Module, content: bytes, spec: InputSpec) -> float:
    images = probe_images(spec)
    expected = _expected(wrapped, images)
    file = _File(content)
    one_by_one, together = file.answers(images[-8:], batch=1), file.answers(images)
    return float(max(np.abs(together - expected).max(), np.abs(one_by_one - expected[-8:]).max()))


class _File:
    """A file's content as something that can be asked and judged."""

    def __init__(self, content: bytes) -> None:
        self._session = load_onnxruntime().InferenceSession(content, providers=["CPUExecutionProvider"])

    def answers(self, images: FloatArray, *, batch: int = _BATCH) -> FloatArray:
        """What it says of float32 (n, 1, 48, 48), ``batch`` at a time."""
        parts = [images[at : at + batch] for at in range(0, len(images), batch)]
        return np.concatenate([self._session.run([OUTPUT_NAME], {INPUT_NAME: part})[0] for part in parts])

    def predict_proba(self, images: npt.NDArray[np.uint8]) -> FloatArray:
        return self.answers(as_input(images))


def _scores(content: bytes, dataset: FerDataset) -> dict[str, dict[str, float]]:
    """The file's own figures on the validation split, by protocol."""
    protocols = [name for name in usable_protocols(dataset, "validation") if name in _SCORED]
    options = EvaluationOptions(resamples=0)
    results = evaluate(_File(content), dataset, split="validation", protocols=protocols, options=options)
    return {
        f"validation/{result.protocol}": {"n": result.n, (name := _SCORED[result.protocol]): getattr(result, name)}
        for result in results
    }


@torch.no_grad()
def _expected(wrapped: nn.Module, images: FloatArray) -> FloatArray:
    """What the network says of them."""
    parts: list[FloatArray] = [wrapped(batch).numpy() for batch in torch.split(torch.from_numpy(images), _BATCH)]
    return np.concatenate(parts)


def _store_as_half(model: onnx.ModelProto) -> None:
    """Store weight tensors as float16 with a cast behind each, which runtimes fold away when they load the file."""
    graph = model.graph
    casts = []
    for tensor in list(graph.initializer):
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim < 2:
            continue
        graph.initializer.remove(tensor)
        stored = f"{tensor.name}_half"
        graph.initializer.append(onnx.numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(onnx.helper.make_node("Cast", [stored], [tensor.name], to=onnx.TensorProto.FLOAT))
    for node in reversed(casts):
        graph.node.insert(0, node)
    for value in [v for v in graph.value_info if v.name in {name for node in casts for name in node.output}]:
        graph.value_info.remove(value)
