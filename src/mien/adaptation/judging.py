"""What an adaptation gains on faces that it was not fitted to: nested cross-validation, by person where known.

    outer fold k:  choose strength and heads by cross-validation on the other folds, fit on them, answer fold k

so that neither the layer nor the choice of its settings has seen the faces it is judged on. It knows arrays only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.adaptation.layer import FLOOR, Layer, fit_layer
from mien.decision import decide
from mien.errors import DatasetFormatError
from mien.evaluation import metrics
from mien.evaluation.bootstrap import Interval, resample_weights
from mien.evaluation.metrics import DoubleArray, IntArray

#: Regularization strengths that are tried, and the default where cross-validation finds no certain gain from another
#: one: with 3 to 30 faces per class it was the best on two sets (docs/explanation/experiments.md, "Adaptation").
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
        mean_recall: Mean over the labels that occur of the share of their faces that are named correctly.
        js: Mean Jensen-Shannon divergence of the one-hot label and the probabilities, in nats.
        ece: Expected calibration error, in [0, 1].
        log_loss: Cross-entropy to the labels with the class weights, in nats; the fitted objective without its penalty.
    """

    accuracy: Measured
    mean_recall: Measured
    js: Measured
    ece: Measured
    log_loss: Measured

    def to_dict(self) -> dict[str, dict[str, float]]:
        """Value and interval by metric, unrounded."""
        return {name: getattr(self, name).to_dict() for name in METRICS}


#: Names of the metrics, in the order of a table.
METRICS = ("accuracy", "mean_recall", "js", "ece", "log_loss")


@dataclass(frozen=True, slots=True, eq=False)
class LabeledFeatures:
    """The inputs of the fit, one row per face.

    Attributes:
        features: Log probabilities (n, d) by the heads that they come from, such as ``perceived+intended``.
        labels: Columns of the model's labels (n,).
        persons: Person identifiers (n,), "" where unknown.
        weights: Of the faces in the loss (n,).
        classes: Number of the model's labels.
    """

    features: Mapping[str, DoubleArray]
    labels: IntArray
    persons: npt.NDArray[np.str_]
    weights: DoubleArray
    classes: int

    def at(self, kept: npt.NDArray[np.bool_]) -> "LabeledFeatures":
        """The faces where the mask (n,) is true."""
        features = {name: rows[kept] for name, rows in self.features.items()}
        return LabeledFeatures(features, self.labels[kept], self.persons[kept], self.weights[kept], self.classes)


@dataclass(frozen=True, slots=True)
class Choice:
    """How a layer is fitted: on the outputs of which heads, and with which regularization strength."""

    heads: str
    strength: float


def cross_validated(faces: LabeledFeatures) -> DoubleArray:
    """Probabilities (n, classes) of each face by layers that were chosen and fitted without it and its person.

    Raises:
        DatasetFormatError: There are too few faces for two folds.
    """
    folds = assign_folds(faces)  # (n,)
    answers = np.zeros((len(faces.labels), faces.classes))
    for fold in np.unique(folds):
        held_out, others = folds == fold, faces.at(folds != fold)
        choice = choose(others)  # an inner cross-validation: the held-out fold takes no part in the choice either
        rows = faces.features[choice.heads][held_out]  # (n in fold, d)
        answers[held_out] = fit(others, choice).probabilities(rows)
    return answers


def choose(faces: LabeledFeatures) -> Choice:
    """The heads and the strength with the lowest cross-validated log loss.

    Another choice than the first heads with the usual strength must gain more than one standard error.
    """
    usual = Choice(next(iter(faces.features)), USUAL_STRENGTH)
    choices = [Choice(heads, strength) for heads in faces.features for strength in STRENGTHS]
    losses = {choice: _held_out_losses(faces, choice) for choice in choices}  # each (n,)
    best = min(choices, key=lambda choice: float(losses[choice].sum()))
    gains = losses[usual] - losses[best]
    certain = gains.sum() > np.sqrt(len(gains)) * gains.std()  # the standard error of a sum of n terms
    return best if certain else usual


def _held_out_losses(faces: LabeledFeatures, choice: Choice) -> DoubleArray:
    """The weighted log loss of each face (n,) by layers that were fitted without its fold."""
    folds, rows = assign_folds(faces), faces.features[choice.heads]  # (n,), (n, d)
    losses = np.zeros(len(faces.labels))
    for fold in np.unique(folds):
        held_out = folds == fold
        answers = fit(faces.at(~held_out), choice).probabilities(rows[held_out])
        losses[held_out] = faces.weights[held_out] * _log_loss(answers, faces.labels[held_out])
    return losses


def fit(faces: LabeledFeatures, choice: Choice) -> Layer:
    """The layer of a choice on all ``faces``."""
    rows = faces.features[choice.heads]
    return fit_layer(rows, faces.labels, faces.weights, strength=choice.strength, classes=faces.classes)


def assign_folds(faces: LabeledFeatures) -> IntArray:
    """The fold of each face (n,): all faces of a person share one; those without a person are stratified by label.

    Raises:
        DatasetFormatError: There are fewer than two persons, or faces of a label in fewer than two folds.
    """
    rng = np.random.default_rng(_SEED)
    known = faces.persons != ""
    people = np.unique(faces.persons[known])
    folds = np.zeros(len(faces.labels), np.int64)
    if known.any():
        fold_of = {person: at % FOLDS for at, person in enumerate(rng.permutation(people).tolist())}
        folds[known] = [fold_of[person] for person in faces.persons[known].tolist()]
    for label in np.unique(faces.labels):
        members = rng.permutation(np.flatnonzero(~known & (faces.labels == label)))
        folds[members] = np.arange(len(members)) % FOLDS
    if len(np.unique(folds)) < 2:
        raise DatasetFormatError(
            f"{len(folds)} labeled faces of {len(people) or 'unknown'} people are too few to judge an adaptation",
            hint="label at least two faces per class, of at least two people where people are given",
        )
    return folds


def measure(
    probabilities: DoubleArray, faces: LabeledFeatures, decision: Sequence[float] | None = None
) -> AdaptationMetrics:
    """The metrics of probabilities (n, classes), with intervals by resampling persons where known, otherwise faces.

    Args:
        probabilities: Of the faces.
        faces: With labels and weights.
        decision: Weights of a decision rule; None names the most probable expression.
    """
    named, resamples = decide(probabilities, decision), _resamples(faces.persons)  # (n,), (resamples, n)
    truth = metrics.one_hot(faces.labels, faces.classes)  # (n, classes)
    divergence = metrics.js_divergence(truth, probabilities)  # (n,)

    def measured(weights: DoubleArray | None) -> dict[str, DoubleArray]:
        """Each metric with the leading axes of ``weights``, (n,) or (resamples, n)."""
        matrix = metrics.confusion_matrix(faces.labels, named, weights=weights, classes=faces.classes)
        counts = np.ones(len(named)) if weights is None else weights
        loss = (counts * faces.weights) @ _log_loss(probabilities, faces.labels) / (counts @ faces.weights)
        return {
            "accuracy": metrics.accuracy(matrix),
            "mean_recall": metrics.balanced_accuracy(matrix),
            "js": metrics.weighted_mean(divergence, weights),
            "ece": metrics.expected_calibration_error(truth, probabilities, weights=weights),
            "log_loss": loss,
        }

    values, spread = measured(None), measured(resamples)
    ends = {name: _interval(spread[name]) for name in METRICS}
    return AdaptationMetrics(**{n: Measured(float(values[n]), ends[n].low, ends[n].high) for n in METRICS})


def loss_gain(before: DoubleArray, after: DoubleArray, faces: LabeledFeatures) -> Measured:
    """The decrease of the weighted log loss from ``before`` to ``after``, both (n, classes); above 0 is better."""
    gains = _log_loss(before, faces.labels) - _log_loss(after, faces.labels)  # (n,)
    resamples = _resamples(faces.persons) * faces.weights  # (resamples, n)
    interval = _interval(resamples @ gains / resamples.sum(axis=1))  # paired: both models on the same resamples
    return Measured(float(faces.weights @ gains / faces.weights.sum()), interval.low, interval.high)


def _log_loss(probabilities: DoubleArray, labels: IntArray) -> DoubleArray:
    """Of each face (n,), in nats."""
    of_label = np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0]  # (n,)
    loss: DoubleArray = -np.log(np.maximum(of_label, FLOOR))
    return loss


def _resamples(persons: npt.NDArray[np.str_]) -> DoubleArray:
    """How often each face counts in each resample, (resamples, n); known persons are resampled as a whole."""
    # a face without a person is a unit of its own; "#" keeps its number from being taken for a person's name
    units = np.where(persons == "", np.char.add("#", np.arange(len(persons)).astype(np.str_)), persons)
    names, unit = np.unique(units, return_inverse=True)  # (units,), (n,)
    counts = np.concatenate(list(resample_weights(len(names), resamples=_RESAMPLES, seed=_SEED)))  # (resamples, units)
    of_face: DoubleArray = counts[:, unit]  # (resamples, n)
    return of_face


def _interval(values: DoubleArray) -> Interval:
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(values, (tail, 1 - tail))
    return Interval(float(low), float(high))
