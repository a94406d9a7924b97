"""What adaptation gains on faces that did not fit it: nested cross-validation, by person where persons are known.

In each outer fold strength and heads are chosen inside the other folds, so that the figures have seen nothing of the
faces that they judge. It does not know files or networks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.adaptation.layer import FLOOR, Layer, fit_layer
from mien.decision import decide
from mien.errors import DatasetFormatError
from mien.evaluation import metrics
from mien.evaluation.bootstrap import Interval, resample_weights
from mien.evaluation.metrics import FloatArray, IntArray

#: Strengths that are tried, and the one that is taken where cross-validation cannot tell: with 3 to 30 faces a class it
#: was the best on two sets, and so few faces choose badly by themselves (docs/experiments.md).
STRENGTHS, USUAL_STRENGTH = (10.0, 30.0, 100.0, 1000.0), 30.0
FOLDS = 5
_RESAMPLES, _CONFIDENCE, _SEED = 1000, 0.95, 0


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True, slots=True)
class AdaptationMetrics:
    """What a model reaches on labeled faces.

    Attributes:
        accuracy: Share of faces whose named expression is the label.
        mean_recall: Mean over the labels that occur of the share that is found.
        js: Mean Jensen-Shannon divergence of label and probabilities, nats.
        ece: Expected calibration error.
        log_loss: Cross-entropy to the labels with the weights of the classes, nats; what is fitted.
    """

    accuracy: Measured
    mean_recall: Measured
    js: Measured
    ece: Measured
    log_loss: Measured

    def to_dict(self) -> dict[str, dict[str, float]]:
        return {name: getattr(self, name).to_dict() for name in METRICS}


#: Names of the metrics, in the order of a table.
METRICS = ("accuracy", "mean_recall", "js", "ece", "log_loss")


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """What is fitted and judged: for each choice of heads log probabilities (n, d), labels (n,), and who is shown."""

    features: Mapping[str, FloatArray]
    labels: IntArray
    persons: npt.NDArray[np.str_]
    weights: FloatArray
    classes: int

    def at(self, kept: npt.NDArray[np.bool_]) -> "Faces":
        """Some of them."""
        features = {name: rows[kept] for name, rows in self.features.items()}
        return Faces(features, self.labels[kept], self.persons[kept], self.weights[kept], self.classes)


@dataclass(frozen=True, slots=True)
class Choice:
    """How a layer is fitted: on which heads, and how strongly it is pulled to change nothing."""

    heads: str
    strength: float


def crossed(faces: Faces) -> FloatArray:
    """Probabilities (n, classes) of each face from layers that were chosen and fitted without it and its person.

    Raises:
        DatasetFormatError: There are too few faces to do that.
    """
    folds = folds_of(faces)
    answers = np.zeros((len(faces.labels), faces.classes))
    for fold in np.unique(folds):
        others = faces.at(folds != fold)
        choice = choose(others)
        layer = fit(others, choice)
        answers[folds == fold] = layer.probabilities(faces.features[choice.heads][folds == fold])
    return answers


def choose(faces: Faces) -> Choice:
    """The heads and the strength with the lowest cross-validated log loss.

    The first heads with the usual strength are left only for a gain above its standard error.
    """
    usual = Choice(next(iter(faces.features)), USUAL_STRENGTH)
    choices = [Choice(heads, strength) for heads in faces.features for strength in STRENGTHS]
    losses = {choice: _held_out_losses(faces, choice) for choice in choices}  # each (n,)
    best = min(choices, key=lambda choice: float(losses[choice].sum()))
    gains = losses[usual] - losses[best]
    certain = gains.sum() > np.sqrt(len(gains)) * gains.std()
    return best if certain else usual


def _held_out_losses(faces: Faces, choice: Choice) -> FloatArray:
    """The weighted log loss of each face (n,) by layers that were fitted without its fold."""
    folds, rows = folds_of(faces), faces.features[choice.heads]
    losses = np.zeros(len(faces.labels))
    for fold in np.unique(folds):
        kept = folds == fold
        answers = fit(faces.at(~kept), choice).probabilities(rows[kept])
        losses[kept] = faces.weights[kept] * _loss(answers, faces.labels[kept])
    return losses


def fit(faces: Faces, choice: Choice) -> Layer:
    """The layer of a choice on all ``faces``."""
    rows = faces.features[choice.heads]
    return fit_layer(rows, faces.labels, faces.weights, strength=choice.strength, classes=faces.classes)


def folds_of(faces: Faces) -> IntArray:
    """A fold (n,) for each face: all of a person in one, else each label spread over all.

    Raises:
        DatasetFormatError: There are fewer than two persons, or faces of a label in fewer than two folds.
    """
    rng = np.random.default_rng(_SEED)
    known = faces.persons != ""
    people = np.unique(faces.persons[known])
    folds = np.zeros(len(faces.labels), np.int64)
    if known.any():
        place = {person: at % FOLDS for at, person in enumerate(rng.permutation(people).tolist())}
        folds[known] = [place[person] for person in faces.persons[known].tolist()]
    for label in np.unique(faces.labels):
        members = rng.permutation(np.flatnonzero(~known & (faces.labels == label)))
        folds[members] = np.arange(len(members)) % FOLDS
    if len(np.unique(folds)) < 2:
        raise DatasetFormatError(
            f"{len(folds)} labeled faces of {len(people) or 'unknown'} people are too few to judge an adaptation",
            hint="label at least two faces a class, of at least two people where people are given",
        )
    return folds


def judged(probabilities: FloatArray, faces: Faces, decision: Sequence[float] | None = None) -> AdaptationMetrics:
    """The metrics of probabilities (n, classes), with intervals by resampling persons where known, else faces.

    Args:
        probabilities: Of the faces.
        faces: With labels and weights.
        decision: Weights of a decision rule; None names the most probable.
    """
    named, resamples = decide(probabilities, decision), _resamples(faces.persons)

    def measured(weights: FloatArray | None) -> dict[str, FloatArray]:
        matrix = metrics.confusion_matrix(faces.labels, named, weights=weights, classes=faces.classes)
        heavy = np.ones(len(named)) if weights is None else weights
        loss = (heavy * faces.weights) @ _loss(probabilities, faces.labels) / (heavy @ faces.weights)
        divergence = metrics.js_divergence(metrics.one_hot(faces.labels, faces.classes), probabilities)
        return {
            "accuracy": metrics.accuracy(matrix),
            "mean_recall": metrics.balanced_accuracy(matrix),
            "js": metrics.weighted_mean(divergence, weights),
            "ece": metrics.expected_calibration_error(
                metrics.one_hot(faces.labels, faces.classes), probabilities, weights=weights
            ),
            "log_loss": loss,
        }

    values, spread = measured(None), measured(resamples)
    ends = {name: _middle(spread[name]) for name in METRICS}
    return AdaptationMetrics(**{n: Measured(float(values[n]), ends[n].low, ends[n].high) for n in METRICS})


def loss_gain(before: FloatArray, after: FloatArray, faces: Faces) -> Measured:
    """By how much the log loss falls from ``before`` to ``after``, both (n, classes); above 0 is better."""
    gains = _loss(before, faces.labels) - _loss(after, faces.labels)  # (n,)
    resamples = _resamples(faces.persons) * faces.weights
    interval = _middle(resamples @ gains / resamples.sum(axis=1))
    return Measured(float(faces.weights @ gains / faces.weights.sum()), interval.low, interval.high)


def _loss(probabilities: FloatArray, labels: IntArray) -> FloatArray:
    taken = np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0]
    loss: FloatArray = -np.log(np.maximum(taken, FLOOR))
    return loss


def _resamples(persons: npt.NDArray[np.str_]) -> FloatArray:
    """How often each face counts in each resample, (resamples, n): whole persons are drawn where they are known."""
    units = np.where(persons == "", np.char.add("#", np.arange(len(persons)).astype(np.str_)), persons)
    names, unit = np.unique(units, return_inverse=True)
    counts = np.concatenate(list(resample_weights(len(names), resamples=_RESAMPLES, seed=_SEED)))
    drawn: FloatArray = counts[:, unit]
    return drawn


def _middle(values: FloatArray) -> Interval:
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(values, (tail, 1 - tail))
    return Interval(float(low), float(high))


def as_record(metrics_: AdaptationMetrics) -> dict[str, Any]:
    """Plain numbers for the metadata, four digits."""
    return {name: {key: round(v, 4) for key, v in m.items()} for name, m in metrics_.to_dict().items()}
