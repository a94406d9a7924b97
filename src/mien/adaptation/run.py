"""``adapt``: from labeled faces and a model to an adapted model file, with its gain on faces it was not fitted to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mien.adaptation.faces import LabeledFaces
from mien.adaptation.judging import (
    AdaptationMetrics,
    Choice,
    LabeledFeatures,
    Measured,
    choose,
    cross_validated,
    fit,
    loss_gain,
    measure,
)
from mien.adaptation.labeled import read_labeled
from mien.adaptation.layer import features_of
from mien.adaptation.onnx_layer import add_layer, remove_layer
from mien.base_rates import BALANCED, BaseRates, Prior, read_base_rates
from mien.data.splits import Split
from mien.detection.registry import DEFAULT_DETECTOR
from mien.errors import AdaptationError, DatasetFormatError
from mien.evaluation.metrics import DoubleArray
from mien.expressions import LabelSet
from mien.metadata import INTENDED, PERCEIVED, ModelMetadata
from mien.model_file import open_model, write_model
from mien.recognition.pipeline import load
from mien.recognition.recognizer import model_path
from mien.runtime.files import check_writable, sha256_of
from mien.version import __version__

if TYPE_CHECKING:
    from onnx import ModelProto

#: A value of ``prior`` besides those of :data:`mien.base_rates.Prior`: the shares of the labels.
AS_LABELED = "as-labeled"
#: The notice in the metadata of every adapted file.
DOMAIN_WARNING = (
    "Fitted to {n} labeled faces of {source}: its metrics hold for faces like these and not for others. "
    "Expressions without a label are named less often than before."
)
#: Upper bound of a face's weight, in weights of a face of balanced classes.
_MAX_WEIGHT = 10.0


@dataclass(frozen=True, slots=True)
class AdaptationResult:
    """The result of an adaptation; each metric is of faces that the layer in question was not fitted to.

    Attributes:
        path: The file that was written.
        labels: Number of faces of each label.
        people: Number of known persons, 0 where none is known.
        not_found: Number of pictures in which no face was detected; the whole picture was used.
        heads: The outputs of the network that the layer reads.
        strength: The regularization strength, chosen by cross-validation.
        before: The model as it was.
        after: Layers fitted in the same way, each judged on the fold that was held out.
        gain: Decrease of the log loss, with its interval.
        metadata: Of the written file.
    """

    path: Path
    labels: Mapping[str, int]
    people: int
    not_found: int
    heads: tuple[str, ...]
    strength: float
    before: AdaptationMetrics
    after: AdaptationMetrics
    gain: Measured
    metadata: ModelMetadata

    @property
    def certain(self) -> bool:
        """Whether the whole interval of the gain lies above 0."""
        return self.gain.low > 0


def adapt(  # noqa: PLR0913 - all but the first three are keywords
    model: str | PathLike[str],
    data: str | PathLike[str],
    out: str | PathLike[str],
    *,
    prior: Prior = BALANCED,
    mapped: Mapping[str, str] | None = None,
    split: Split = "all",
    dataset: str | PathLike[str] | None = None,
    detector: str = DEFAULT_DETECTOR,
    name: str | None = None,
    force: bool = False,
) -> AdaptationResult:
    """Fit a small layer behind a model to labeled faces and write both as one model file.

    An adapted model is adapted anew from the model before its adaptation. The file has one head, names the most
    probable expression, and is used like any other.

    Args:
        model: A name that ``mien models`` lists, or the path of a model file.
        data: Labeled faces; see :func:`mien.adaptation.labeled.read_labeled`.
        out: The model file to write.
        prior: Class weights: ``balanced``, ``as-labeled``, a JSON file, or rates by name.
        mapped: Label in the data to an expression, such as ``{"smiling": "happiness"}``.
        split: Of a prepared data set.
        dataset: The prepared data set that a ``decisions.csv`` belongs to.
        detector: Finds the faces in pictures that are not cropped.
        name: In the metadata; the model's with ``-adapted`` by default.
        force: Write the file even where cross-validation finds no gain.

    Raises:
        DatasetNotFoundError: The labeled faces do not exist.
        DatasetFormatError: They cannot be read, or are too few.
        AdaptationError: The cross-validated log loss does not decrease; nothing was written.
        ModelFileError: The model cannot be used.
        ConfigError: The prior does not fit the labels, or ``dataset`` does not go with ``data``.
        StorageError: ``out`` cannot be written.
        MissingDependencyError: The package onnx is not installed.
    """
    check_writable(Path(out))
    path = model_path(model if isinstance(model, str) else Path(model))
    network, metadata = original(path)
    data_of = None if dataset is None else Path(dataset)
    labeled, outputs = _read_faces(network, metadata, Path(data), detector, mapped=mapped, split=split, dataset=data_of)
    rates = _rates(labeled, prior, metadata.labels)
    faces = _features(labeled, outputs, rates)
    result = _judge(faces, outputs[PERCEIVED], labeled, metadata, Path(out))
    if result.gain.value <= 0 and not force:
        raise _no_gain(result.gain)
    layer = fit(faces, Choice("+".join(result.heads), result.strength))  # on all faces
    add_layer(network, layer, [metadata.heads[head] for head in result.heads])
    record = _record(result, rates, Path(labeled.source).name, metadata, _original_sha256(path))
    adapted = _adapted(metadata, rates, record, name or f"{metadata.name}-adapted")
    write_model(network, adapted, Path(out))
    return replace(result, metadata=adapted)


def original(path: Path) -> "tuple[ModelProto, ModelMetadata]":
    """The network and the record of a model file; of an adapted file as they were before its adaptation.

    Raises:
        ModelFileError: The file does not exist, is damaged, or carries no metadata of this package.
        MissingDependencyError: The package onnx is not installed.
    """
    network, metadata = open_model(path)
    if not metadata.adaptation:
        return network, metadata
    before = ModelMetadata.from_json(json.dumps(metadata.adaptation["original"]["metadata"]), source=str(path))
    remove_layer(network, list(before.heads.values()))
    return network, before


def _read_faces(
    network: "ModelProto",
    metadata: ModelMetadata,
    data: Path,
    detector: str,
    *,
    mapped: Mapping[str, str] | None,
    split: Split,
    dataset: Path | None,
) -> tuple[LabeledFaces, Mapping[str, npt.NDArray[np.float32]]]:
    """The labeled faces, and the probabilities (n, labels) of each head of the model before any adaptation."""
    with TemporaryDirectory() as folder:  # a session is opened from a file, and the given one may be an adapted one
        file = Path(folder) / "model.onnx"
        write_model(network, metadata, file)
        pipeline = load(file, detector)
        labeled = read_labeled(data, pipeline, mapped=mapped, split=split, dataset=dataset)
        return labeled, pipeline.recognizer.predict_heads(labeled.crops)


def _rates(labeled: LabeledFaces, prior: Prior, labels: LabelSet) -> BaseRates:
    """The base rates that the adapted model assumes, over the labels that occur."""
    counts = labeled.count_labels(labels)
    if prior == AS_LABELED:
        return BaseRates.of_shares(counts, labels)
    wanted = read_base_rates(prior, labels).to_dict()
    return BaseRates.of_shares({label: wanted[label] for label in counts}, labels)


def _features(
    labeled: LabeledFaces, outputs: Mapping[str, npt.NDArray[np.float32]], rates: BaseRates
) -> LabeledFeatures:
    """The log probabilities of the heads, one and both, with labels and weights."""
    features: dict[str, DoubleArray] = {PERCEIVED: features_of([outputs[PERCEIVED]])}  # (n, 8)
    if INTENDED in outputs:
        features[f"{PERCEIVED}+{INTENDED}"] = features_of([outputs[PERCEIVED], outputs[INTENDED]])  # (n, 15)
    n, classes = len(labeled.labels), len(rates.labels)
    counts = np.bincount(labeled.labels, minlength=classes)  # (classes,)
    if np.count_nonzero(counts) < 2:
        raise DatasetFormatError(f"{labeled.source}: all faces have one label, expected at least two")
    weights = (np.array(rates.rates) / np.maximum(counts, 1))[labeled.labels] * n  # (n,), sum to n
    # three faces are weak evidence about a class, whatever its base rate
    weights = np.minimum(weights, _MAX_WEIGHT)
    return LabeledFeatures(features, labeled.labels, labeled.persons, weights, classes)


def _judge(
    faces: LabeledFeatures,
    perceived: npt.NDArray[np.float32],
    labeled: LabeledFaces,
    metadata: ModelMetadata,
    out: Path,
) -> AdaptationResult:
    """Cross-validate the layer against the model as it is, and choose heads and strength for the final fit."""
    before = np.asarray(perceived, np.float64)  # (n, classes)
    after = cross_validated(faces)  # (n, classes)
    choice = choose(faces)
    return AdaptationResult(
        path=out,
        labels=labeled.count_labels(metadata.labels),
        people=len(set(labeled.persons.tolist()) - {""}),
        not_found=labeled.not_found,
        heads=tuple(choice.heads.split("+")),
        strength=choice.strength,
        before=measure(before, faces, None if metadata.decision is None else metadata.decision.weights),
        after=measure(after, faces),
        gain=loss_gain(before, after, faces),
        metadata=metadata,
    )


def _no_gain(gain: Measured) -> AdaptationError:
    return AdaptationError(
        f"the cross-validated log loss would not decrease ({-gain.value:+.4f}, 95 % interval {-gain.high:+.4f} to "
        f"{-gain.low:+.4f}), so nothing was written",
        hint="label more faces, or write the file anyway with --force",
    )


def _record(
    result: AdaptationResult, rates: BaseRates, source: str, metadata: ModelMetadata, sha256: str
) -> dict[str, Any]:
    """What the adapted file says about its adaptation; ``original`` makes it possible to undo and to repeat it."""
    return {
        "labels": dict(result.labels),
        "people": result.people,
        "prior": rates.to_dict(),
        "heads": list(result.heads),
        "strength": result.strength,
        "cross_validation": {"before": _four_digits(result.before), "after": _four_digits(result.after)},
        "log_loss_gain": result.gain.to_dict(),
        "warning": DOMAIN_WARNING.format(n=sum(result.labels.values()), source=source),
        "original": {"sha256": sha256, "metadata": json.loads(metadata.to_json())},
        "version": __version__,
    }


def _adapted(metadata: ModelMetadata, rates: BaseRates, record: Mapping[str, Any], name: str) -> ModelMetadata:
    """The metadata of the adapted file: one head, no decision rule, and no metrics, which were of the original."""
    priors = rates if all(rates.rates) else None
    return replace(metadata, name=name, priors=priors, decision=None, heads={}, metrics={}, adaptation=record)


def _four_digits(found: AdaptationMetrics) -> dict[str, dict[str, float]]:
    return {name: {key: round(v, 4) for key, v in of.items()} for name, of in found.to_dict().items()}


def _original_sha256(path: Path) -> str:
    """Hash of the file before any adaptation."""
    _, metadata = open_model(path)
    return str(metadata.adaptation["original"]["sha256"]) if metadata.adaptation else sha256_of(path)
