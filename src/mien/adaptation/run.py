"""``adapt``: labeled faces and a model in, a model of one's own out, and what it gains on other faces."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from mien.adaptation.judging import (
    AdaptationMetrics,
    Faces,
    Measured,
    as_record,
    choose,
    crossed,
    fit,
    judged,
    loss_gain,
)
from mien.adaptation.labeled import LabeledFaces, counted_labels, read_labeled
from mien.adaptation.layer import features_of
from mien.adaptation.onnx_layer import add_layer, remove_layer
from mien.base_rates import BALANCED, BaseRates, Prior, read_base_rates
from mien.data.splits import Split
from mien.errors import AdaptationError, DatasetFormatError
from mien.evaluation.metrics import FloatArray
from mien.expressions import LabelSet
from mien.metadata import INTENDED, PERCEIVED, ModelMetadata
from mien.model_file import open_model, write_model
from mien.recognition.pipeline import ExpressionPipeline, load
from mien.recognition.recognizer import model_path
from mien.runtime.files import check_writable, sha256_of
from mien.version import __version__

if TYPE_CHECKING:
    from onnx import ModelProto

#: Base rates that :func:`adapt` takes besides those of :data:`mien.base_rates.Prior`: the shares of the labels.
AS_LABELED = "as-labeled"
#: What an adapted file says of itself.
DOMAIN_WARNING = (
    "Fitted to {n} labeled faces of {source}: its figures hold for faces like these, and say nothing of others. "
    "Expressions that were not labeled are named less often than before."
)
#: A face weighs at most so many times as much as one of balanced classes.
_MOST_WEIGHT = 10.0
_DEFAULT_DETECTOR = "blazeface"


@dataclass(frozen=True, slots=True)
class AdaptationResult:
    """What an adaptation came to; all figures are of faces that the layer in question had not seen.

    Attributes:
        path: The file that was written.
        labels: Number of faces of each label.
        people: Number of known persons, 0 where none is known.
        not_found: Pictures in which no face was found; they were taken whole.
        heads: On which outputs of the network the layer builds.
        strength: How strongly the layer was pulled to change nothing, chosen by cross-validation.
        before: The model as it was.
        after: Layers of the same making, each judged on the fold that it had not seen.
        gain: Fall of the log loss, with its interval.
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
        """Whether the interval of the gain leaves out that there is none."""
        return self.gain.low > 0


def adapt(  # noqa: PLR0913 - a front door; its options are keywords
    model: str | PathLike[str],
    data: str | PathLike[str],
    out: str | PathLike[str],
    *,
    prior: Prior = BALANCED,
    mapped: Mapping[str, str] | None = None,
    split: Split = "all",
    detector: str = _DEFAULT_DETECTOR,
    name: str | None = None,
    force: bool = False,
) -> AdaptationResult:
    """Fit a small layer behind a model to labeled faces and write the two as one model file.

    An adapted model is adapted anew from what it was before. The file answers by one head, names the most probable
    expression, and is used like any other.

    Args:
        model: A name that ``mien models`` lists, or the path of a model file.
        data: Labeled faces; see :func:`mien.adaptation.labeled.read_labeled`.
        out: The model file to write.
        prior: How the classes weigh: ``balanced``, ``as-labeled``, a JSON file, or rates by name.
        mapped: Label in the data to an expression, such as ``{"smiling": "happiness"}``.
        split: Of a prepared data set.
        detector: Finds the faces in pictures that are not cropped.
        name: In the metadata; the model's with ``-adapted`` by default.
        force: Write the file even where cross-validation finds no gain.

    Raises:
        DatasetNotFoundError: The labeled faces are not there.
        DatasetFormatError: They cannot be read, or are too few.
        AdaptationError: The cross-validated log loss is not lower than before; nothing was written.
        ModelFileError: The model cannot be used.
        ConfigError: The prior does not fit.
        StorageError: ``out`` cannot be written.
        MissingDependencyError: The package onnx is not installed.
    """
    check_writable(Path(out))
    path = model_path(model if isinstance(model, str) else Path(model))
    network, metadata = original(path)
    with TemporaryDirectory() as folder:  # an adapted file is read as it was before
        before_file = Path(folder) / "model.onnx"
        write_model(network, metadata, before_file)
        pipeline = load(before_file, detector)
        labeled = read_labeled(Path(data), pipeline, mapped=mapped, split=split)
        faces, before = _faces(pipeline, labeled, prior)
    rule = metadata.decision
    answers = crossed(faces)
    gain = loss_gain(before, answers, faces)
    if gain.value <= 0 and not force:
        raise AdaptationError(
            f"the cross-validated log loss would not fall ({-gain.value:+.4f}, 95 % interval {-gain.high:+.4f} to "
            f"{-gain.low:+.4f}), so nothing was written",
            hint="label more faces, or write it all the same with --force",
        )
    choice = choose(faces)
    layer = fit(faces, choice)
    used = [head for head_name, head in metadata.heads.items() if head_name in choice.heads.split("+")]
    found = AdaptationResult(
        path=Path(out),
        labels=counted_labels(labeled, metadata.labels),
        people=len(set(labeled.persons.tolist()) - {""}),
        not_found=labeled.not_found,
        heads=tuple(choice.heads.split("+")),
        strength=choice.strength,
        before=judged(before, faces, None if rule is None else rule.weights),
        after=judged(answers, faces),
        gain=gain,
        metadata=metadata,
    )
    adapted = _adapted(
        metadata,
        found,
        name=name,
        source=labeled.source,
        sha256=_first_sha256(path),
        prior=_rates(labeled, prior, metadata.labels),
    )
    add_layer(network, layer, used)
    write_model(network, adapted, Path(out))
    return replace(found, metadata=adapted)


def original(path: Path) -> "tuple[ModelProto, ModelMetadata]":
    """The network and the record of a model file, of an adapted one as they were before.

    Raises:
        ModelFileError: The file is not there, is damaged, or carries no metadata of this package.
        MissingDependencyError: The package onnx is not installed.
    """
    network, metadata = open_model(path)
    if not metadata.adaptation:
        return network, metadata
    before = ModelMetadata.from_json(json.dumps(metadata.adaptation["original"]["metadata"]), source=str(path))
    remove_layer(network, list(before.heads.values()))
    return network, before


def _faces(pipeline: ExpressionPipeline, labeled: LabeledFaces, prior: Prior) -> tuple[Faces, FloatArray]:
    """What is fitted, and the probabilities (n, classes) of the model as it is."""
    heads = pipeline.recognizer.predict_heads(labeled.crops)
    features: dict[str, FloatArray] = {PERCEIVED: features_of([heads[PERCEIVED]])}
    if INTENDED in heads:
        features[f"{PERCEIVED}+{INTENDED}"] = features_of([heads[PERCEIVED], heads[INTENDED]])
    labels = pipeline.recognizer.labels
    counts = np.bincount(labeled.labels, minlength=len(labels))
    if np.count_nonzero(counts) < 2:
        raise DatasetFormatError(f"{labeled.source}: all faces have one label, expected at least two")
    rates = np.array(_rates(labeled, prior, labels).rates)
    weights = (rates / np.maximum(counts, 1))[labeled.labels] * len(labeled.labels)  # sum to n
    weights = np.minimum(weights, _MOST_WEIGHT)  # three faces tell little of a class, however much it is to weigh
    faces = Faces(features, labeled.labels, labeled.persons, weights, len(labels))
    return faces, np.asarray(heads[PERCEIVED], np.float64)


def _rates(labeled: LabeledFaces, prior: Prior, labels: LabelSet) -> BaseRates:
    """The base rates that the adapted model learns, over the labels that occur."""
    counts = counted_labels(labeled, labels)
    if prior == AS_LABELED:
        return BaseRates.of_shares(counts, labels)
    wanted = read_base_rates(prior, labels).to_dict()
    return BaseRates.of_shares({label: wanted[label] for label in counts}, labels)


def _adapted(
    metadata: ModelMetadata, found: AdaptationResult, *, name: str | None, source: str, sha256: str, prior: BaseRates
) -> ModelMetadata:
    """The record of the adapted file: one head, no rule, and where it comes from."""
    n = sum(found.labels.values())
    record: dict[str, Any] = {
        "labels": dict(found.labels),
        "people": found.people,
        "prior": prior.to_dict(),
        "heads": list(found.heads),
        "strength": found.strength,
        "cross_validation": {"before": as_record(found.before), "after": as_record(found.after)},
        "log_loss_gain": found.gain.to_dict(),
        "warning": DOMAIN_WARNING.format(n=n, source=Path(source).name),
        "original": {"sha256": sha256, "metadata": json.loads(metadata.to_json())},
        "version": __version__,
    }
    return replace(
        metadata,
        name=name or f"{metadata.name}-adapted",
        priors=prior if all(prior.rates) else None,
        decision=None,
        heads={},
        metrics={},
        adaptation=record,
    )


def _first_sha256(path: Path) -> str:
    """Hash of the file that was adapted first."""
    _, metadata = open_model(path)
    return str(metadata.adaptation["original"]["sha256"]) if metadata.adaptation else sha256_of(path)
