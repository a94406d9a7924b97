"""Judging a model: predict each image once, then every metric of every protocol.

Anything with ``predict_proba(images)`` is a model here, so that what is judged is the exported file that users run. It
does not know how a model was trained, nor how results are shown.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from mien.data import protocols as rules
from mien.data.dataset import FerDataset
from mien.data.protocols import Selection
from mien.data.splits import Split
from mien.decision import Decision, DecisionRule
from mien.errors import ProtocolError, ShapeError
from mien.evaluation import metrics
from mien.evaluation.bootstrap import RESAMPLES, intervals
from mien.evaluation.metrics import FloatArray
from mien.evaluation.protocol_metrics import CLASS_METRICS, Judged, class_path
from mien.evaluation.results import OVERALL, ArgmaxMetrics, ClassMetrics, EvaluationResult, Reliability
from mien.evaluation.sampled_labels import drawn_metrics
from mien.evaluation.selective import RiskCoverage, risk_coverage
from mien.expressions import FERPLUS_LABELS, LabelSet

#: Called with the images done and the images in all.
Progress = Callable[[int, int], None]


class Predictor(Protocol):
    """Anything that can be judged."""

    def predict_proba(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.floating[Any]]:
        """Probabilities (n, classes) for gray pictures uint8 (n, 48, 48, 1)."""


@runtime_checkable
class DecidingPredictor(Predictor, Protocol):
    """A model that names expressions by a rule of its own, as :class:`mien.recognition.recognizer.Recognizer` does."""

    @property
    def decision(self) -> DecisionRule | None:
        """The rule; None names the most probable expression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOptions:
    """How to evaluate.

    Attributes:
        labels: What the columns of the model's output mean.
        resamples: Of the bootstrap; 0 leaves the intervals out.
        seed: Of the bootstrap and of the one draw of labels.
        batch_size: Images in one call of the model.
        progress: Told after each batch.
        decision: ``rule`` judges what a model names by its own rule, ``argmax`` the most probable expression.
    """

    labels: LabelSet = FERPLUS_LABELS
    resamples: int = RESAMPLES
    seed: int = 0
    batch_size: int = 256
    progress: Progress | None = None
    decision: Decision = "rule"


_DEFAULTS = EvaluationOptions()


def evaluate(
    model: Predictor,
    dataset: FerDataset,
    *,
    split: Split = "test",
    protocols: Sequence[str] = ("majority",),
    options: EvaluationOptions = _DEFAULTS,
) -> tuple[EvaluationResult, ...]:
    """All metrics of ``model`` on each of the ``protocols``, in their order.

    The test split is for a finished model: whatever is chosen is chosen on the validation split.

    Raises:
        ProtocolError: A protocol is unknown, needs votes that the data set lacks, or keeps no image.
        ShapeError: The model's output is no (n, classes) array of probabilities.
    """
    selections = [rules.select(dataset, protocol, split) for protocol in protocols]
    return evaluate_selections(model, dataset.images, selections, options=options)


def usable_protocols(dataset: FerDataset, split: Split) -> tuple[str, ...]:
    """The protocols that ``dataset`` has the votes for and that keep an image of ``split``."""
    return tuple(name for name in rules.available(dataset) if len(rules.select(dataset, name, split).indices))


def evaluate_selections(
    model: Predictor,
    images: npt.NDArray[np.uint8],
    selections: Sequence[Selection],
    *,
    options: EvaluationOptions = _DEFAULTS,
) -> tuple[EvaluationResult, ...]:
    """As :func:`evaluate` for rows that are already selected from ``images`` (N, 48, 48, 1).

    Raises:
        ProtocolError: A selection keeps no image.
        ShapeError: The model's output is no (n, classes) array of probabilities.
    """
    for selection in selections:
        if not len(selection.indices):
            raise ProtocolError(
                f"{selection.protocol}: keeps no image of the {selection.split} split",
                hint="mien data show counts them",
            )
    if not selections:
        return ()
    # Protocols share most of their rows: each image goes through the network once.
    rows = np.unique(np.concatenate([selection.indices for selection in selections]))  # (n,), ascending
    probabilities = predict_rows(model, images, rows, options=options)  # (n, 8)
    weights = _weights(model) if options.decision == "rule" else None
    return tuple(
        judge(selection, probabilities[np.searchsorted(rows, selection.indices)], weights=weights, options=options)
        for selection in selections
    )


def _weights(model: Predictor) -> FloatArray | None:
    """The weights of the model's decision rule, (8,) in FER+ order; None without a rule."""
    rule = model.decision if isinstance(model, DecidingPredictor) else None
    if rule is None:
        return None
    by_label = dict(zip(rule.labels, rule.weights, strict=True))  # what a model cannot answer has probability 0
    return np.array([by_label.get(label, 1.0) for label in FERPLUS_LABELS])


def predict_rows(
    model: Predictor,
    images: npt.NDArray[np.uint8],
    rows: npt.NDArray[np.int64],
    *,
    options: EvaluationOptions = _DEFAULTS,
) -> FloatArray:
    """Probabilities float64 (n, 8) in FER+ order for ``rows`` of ``images``, batch by batch.

    Raises:
        ShapeError: The model's output is no (n, classes) array of probabilities.
    """
    found = np.zeros((len(rows), len(FERPLUS_LABELS)))
    columns = FERPLUS_LABELS.columns_from(options.labels)
    for start in range(0, len(rows), options.batch_size):
        batch = rows[start : start + options.batch_size]
        raw = _checked(model.predict_proba(images[batch]), shape=(len(batch), len(options.labels)))  # (b, classes)
        for target, source in enumerate(columns):
            if source is not None:
                found[start : start + len(batch), target] = raw[:, source]
        if options.progress is not None:
            options.progress(start + len(batch), len(rows))
    return found


def judge(
    selection: Selection,
    probabilities: FloatArray,
    *,
    weights: FloatArray | None = None,
    options: EvaluationOptions = _DEFAULTS,
) -> EvaluationResult:
    """All metrics of ``probabilities`` (n, 8) in FER+ order for the rows of ``selection``.

    Args:
        selection: The rows with their targets.
        probabilities: What the model says of them.
        weights: Of a decision rule, (8,) in FER+ order; None names the most probable expression.
        options: Of the intervals.
    """
    judged = Judged(selection.kind, selection.targets, probabilities, weights)
    values = {name: float(value) for name, value in judged.metrics().items()}
    return EvaluationResult(
        protocol=selection.protocol,
        split=selection.split,
        n=len(selection.indices),
        **{name: value for name, value in values.items() if "." not in name},
        per_class={
            label: ClassMetrics(**{name: values[class_path(label, name)] for name in CLASS_METRICS})
            for label in FERPLUS_LABELS
        },
        confusion_matrix=judged.confusion_matrix(),
        intervals=intervals(judged.metrics, len(selection.indices), resamples=options.resamples, seed=options.seed),
        drawn=(
            drawn_metrics(judged.targets, judged.predicted, seed=options.seed) if selection.kind == "drawn" else None
        ),
        reliability=_reliability(judged),
        abstaining=_abstaining(judged),
        argmax=_argmax(replace(judged, decision=None)),
    )


def _argmax(judged: Judged) -> ArgmaxMetrics:
    values = judged.metrics()
    return ArgmaxMetrics(**{name: float(values[name]) for name in OVERALL}, confusion_matrix=judged.confusion_matrix())


def _reliability(judged: Judged) -> Reliability | None:
    truth = judged.calibration_truth
    if truth is None:
        return None
    count, confidence, hits = metrics.calibration_bins(truth, judged.probabilities)
    filled = np.maximum(count, 1)
    return Reliability(count=count, confidence=confidence / filled, hits=hits / filled)


def _abstaining(judged: Judged) -> RiskCoverage | None:
    return None if judged.kind == "drawn" else risk_coverage(judged.truth, judged.probabilities, judged.predicted)


def _checked(output: npt.NDArray[np.floating[Any]], *, shape: tuple[int, int]) -> FloatArray:
    probabilities = np.asarray(output, np.float64)
    if probabilities.shape != shape:
        raise ShapeError(f"predict_proba gave shape {probabilities.shape}, expected {shape}")
    sums = probabilities.sum(axis=1)
    if not (np.isfinite(probabilities).all() and (probabilities >= 0).all() and np.allclose(sums, 1, atol=1e-2)):
        raise ShapeError(
            f"predict_proba gave no probabilities: values {probabilities.min():g} … {probabilities.max():g}, "
            f"sums {sums.min():g} … {sums.max():g}",
            hint="rows must be finite, not negative, and sum to 1; logits need a softmax",
        )
    return probabilities
