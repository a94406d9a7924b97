"""From a run folder to ``model.onnx``: a verified file that maps faces to probabilities and describes itself.

best.pt → network → temperature → trace → (float16 | 8 bit) → comparison with the network → metrics → model.onnx
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import onnx
from torch import nn

from mien.data.dataset import FerDataset
from mien.errors import CheckpointError, ConfigError, ExportMismatchError
from mien.geometry import FloatArray
from mien.metadata import ModelMetadata
from mien.model_file import write_model
from mien.preprocessing import DEFAULT_FRAMES, UPRIGHT_FROM_DEG
from mien.training.export.file_metrics import with_metrics
from mien.training.export.heads import Probabilities, head_specs
from mien.training.export.quantization import quantize
from mien.training.export.temperature import faces_of, fit_on_validation
from mien.training.export.tracing import store_as_half, trace
from mien.training.export.verification import INT8_TOLERANCE, largest_difference, total_variation
from mien.training.history import EpochMetrics
from mien.training.records import DataHashes, RunRecord
from mien.training.runs import RunFolder
from mien.version import __version__

FilePrecision = Literal["float32", "float16", "int8"]

#: Largest difference of a probability between the file and the network, for float32 and for float16 weights.
TOLERANCE, HALF_TOLERANCE = 1e-5, 5e-3
#: Training faces from which the ranges of 8-bit activations are taken.
_CALIBRATION_FACES = 1024
LICENSE = "Apache-2.0; trained on FER2013 and FER+, whose images are for research"
#: Metrics of each epoch that a file keeps, for its training curves.
_HISTORY = ("epoch", "train_loss", "loss", "train_accuracy", "accuracy", "kl", "learning_rate")


@dataclass(frozen=True, slots=True)
class ExportResult:
    """The written file, its size, and the largest difference of a probability from the network's."""

    path: Path
    bytes: int
    largest_difference: float
    metadata: ModelMetadata


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
        dataset: Temperatures, decision rules and metrics come from its validation split, the ranges of ``int8`` from
            its training split; None leaves the network uncalibrated.
        precision: See :func:`export_onnx`.
        mirror: Average each face with its mirror image inside the file: more accurate, at twice the cost.

    Raises:
        CheckpointError: ``run`` is not a run folder, its weights are damaged, or it was trained on another data set.
        ConfigError: ``int8`` without a data set, or a name that is a path.
        ExportMismatchError: The probabilities of the file differ from the network's.
        StorageError: ``out`` cannot be written.
    """
    folder = RunFolder(run)
    record, network = folder.read_record(), folder.load_network(mirror=mirror)
    if dataset is not None:
        _check_same_data(run, record, dataset)
    training = _describe_training(folder, record) | {"mirrored": mirror, "file_precision": precision}
    metadata = replace(_metadata(name or record.config.network, network, record, dataset), training=training)
    # training faces: the validation split must not influence what is measured on it
    faces = faces_of(dataset, "train", at_most=_CALIBRATION_FACES) if precision == "int8" and dataset else None
    model, difference = _convert(network, metadata, precision, faces)
    if dataset is not None:
        # measured on the finished file, quantized and all, since that is what its users run
        metadata = with_metrics(model.SerializeToString(), metadata, dataset)
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
        network: In evaluation mode; its logits are those of all heads in ``metadata``, concatenated.
        out: The file to write.
        metadata: The record that the file carries.
        precision: ``float32``; ``float16`` stores weights at half the size and computes in float32; ``int8`` stores
            and computes in 8 bit, at a quarter of the size and about three times the speed.
        faces: Training faces, float32 (n, 1, 48, 48) in [0, 1], from which ``int8`` takes the ranges of activations.

    Raises:
        ConfigError: ``int8`` without faces.
        ExportMismatchError: Probabilities differ by more than 1e-5 (``float16`` 5e-3) on random or degenerate images,
            or in 8 bit by more than .03 in total variation, on average over ``faces``.
        StorageError: ``out`` cannot be written.
    """
    model, difference = _convert(network, metadata, precision, faces)
    return _write(model, out, metadata, difference)


def _check_same_data(run: Path, record: RunRecord, dataset: FerDataset) -> None:
    if not record.data.same_splits(DataHashes.of(dataset)):
        raise CheckpointError(
            f"{run}: was trained on another data set than the one given",
            hint="give the data set of the run, of which a --smoke run took a part (export that without --data): "
            "validation faces of another one may be among its training faces",
        )


def _metadata(name: str, network: nn.Module, record: RunRecord, dataset: FerDataset | None) -> ModelMetadata:
    """The metadata of the network: heads with their temperatures, frames, license."""
    heads = head_specs(intended=record.config.intended_weight > 0)
    if dataset is not None:
        heads = fit_on_validation(network, heads, dataset)
    first, *further = heads.items()
    return ModelMetadata(
        name=name,
        frames=DEFAULT_FRAMES,
        upright_from_deg=UPRIGHT_FROM_DEG,
        temperature=first[1].temperature,
        heads=dict(further),
        version=__version__,
        license=LICENSE,
    )


def _describe_training(folder: RunFolder, record: RunRecord) -> dict[str, object]:
    return {
        **record.origin(),
        "epoch": folder.load_best()["epoch"],
        "history": _rounded(folder.read_history()),
    }


def _rounded(history: Sequence[EpochMetrics]) -> list[dict[str, float]]:
    rows = [metrics.to_dict() for metrics in history]
    # rounded: the curves need no more, and the file travels with the wheel
    return [{name: round(row[name], 5) for name in _HISTORY if name in row} for row in rows]


def _convert(
    network: nn.Module, metadata: ModelMetadata, precision: FilePrecision, faces: FloatArray | None
) -> tuple[onnx.ModelProto, float]:
    """The graph of the file, without metadata, and its largest difference from the network."""
    wrapped = Probabilities(network, metadata.heads).eval()
    model = trace(wrapped, metadata)
    if precision == "int8":
        if faces is None:
            raise ConfigError("int8 needs training faces to measure activation ranges", hint="give a data set (--data)")
        model = quantize(model, faces)
        found, difference = total_variation(wrapped, model.SerializeToString(), metadata, faces)
        allowed = INT8_TOLERANCE
    else:
        if precision == "float16":
            store_as_half(model)
        found = difference = largest_difference(wrapped, model.SerializeToString(), metadata)
        allowed = HALF_TOLERANCE if precision == "float16" else TOLERANCE
    if not found <= allowed:  # NaN is refused too
        raise ExportMismatchError(
            f"the exported {precision} network differs from the trained one by {found:.2e}, at most {allowed:.0e} is "
            "allowed",
            hint="nothing was written; the exporter does not support a layer of this network, or has a bug",
        )
    return model, difference


def _write(model: onnx.ModelProto, out: Path, metadata: ModelMetadata, difference: float) -> ExportResult:
    return ExportResult(out, write_model(model, metadata, out), difference, metadata)
