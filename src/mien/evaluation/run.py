"""Judging a model: predict each image once, then compute every metric of every protocol.

    selections of rows → probabilities (n, 8) of all rows → rows and classes of each protocol → metrics, intervals

Anything with ``predict_proba(images)`` is a model here, so that the exported file that users run is what is judged.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mien.data import protocols as rules
from mien.data.dataset import FerDataset
from mien.data.protocols import Selection
from mien.data.splits import Split
from mien.errors import ProtocolError
from mien.evaluation import metrics
from mien.evaluation.bootstrap import intervals
from mien.evaluation.metrics import DoubleArray
from mien.evaluation.predictors import (
    DEFAULT_OPTIONS,
    EvaluationOptions,
    Judgeable,
    predict_rows,
    rows_of_array,
    rule_weights,
)
from mien.evaluation.protocol_metrics import CLASS_METRICS, Judged, class_path
from mien.evaluation.results import OVERALL, ArgmaxMetrics, ClassMetrics, EvaluationResult, Reliability
from mien.evaluation.sampled_labels import drawn_metrics
from mien.evaluation.selective import RiskCoverage, risk_coverage
from mien.expressions import FERPLUS_LABELS, LabelSet


def evaluate(
    model: Judgeable,
    dataset: FerDataset,
    *,
    split: Split = "test",
    protocols: Sequence[str] = ("majority",),
    options: EvaluationOptions = DEFAULT_OPTIONS,
) -> tuple[EvaluationResult, ...]:
    """All metrics of ``model`` on each of the ``protocols``, in their order.

    The test split is for a finished model; everything that is chosen is chosen on the validation split.

    Raises:
        ProtocolError: A protocol is unknown, needs votes that the data set lacks, or keeps no image.
        ShapeError: The model's output is not an (n, classes) array of probabilities.
    """
    selections = [rules.select(dataset, protocol, split) for protocol in protocols]
    if isinstance(model, np.ndarray):
        model = rows_of_array(model, dataset, split)
    return evaluate_selections(model, dataset.images, selections, options=options)


def default_protocol(dataset: FerDataset) -> str:
    """``majority`` if the data set has the second panel's votes, ``labels`` for imported sets, otherwise ``votes``."""
    if dataset.panel_votes is not None:
        return "majority"
    return "votes" if dataset.labels is None else "labels"


def default_split(dataset: FerDataset) -> Split:
    """``test``, or ``all`` for a set without one."""
    return "test" if len(dataset.split_rows("test")) else "all"


def usable_protocols(dataset: FerDataset, split: Split) -> tuple[str, ...]:
    """The protocols that ``dataset`` has the votes for and that keep an image of ``split``."""
    return tuple(name for name in rules.available(dataset) if len(rules.select(dataset, name, split).indices))


def evaluate_selections(
    model: Judgeable,
    images: npt.NDArray[np.uint8],
    selections: Sequence[Selection],
    *,
    options: EvaluationOptions = DEFAULT_OPTIONS,
) -> tuple[EvaluationResult, ...]:
    """As :func:`evaluate` for rows that are already selected from ``images`` (N, S, S, 1).

    Raises:
        ProtocolError: A selection keeps no image.
        ShapeError: The model's output is not an (n, classes) array of probabilities.
    """
    check_kept(selections)
    if not selections:
        return ()
    # Protocols share most of their rows; each image goes through the network once.
    rows = np.unique(np.concatenate([selection.indices for selection in selections]))  # (n,), ascending
    probabilities = predict_rows(model, images, rows, options=options)  # (n, 8)
    weights = rule_weights(model) if options.decision == "rule" else None
    return tuple(
        judge(selection, probabilities[np.searchsorted(rows, selection.indices)], weights=weights, options=options)
        for selection in selections
    )


def check_kept(selections: Sequence[Selection]) -> None:
    """Refuse selections without an image.

    Raises:
        ProtocolError: There is one.
    """
    for selection in selections:
        if not len(selection.indices):
            raise ProtocolError(
                f"{selection.protocol}: keeps no image of the {selection.split} split",
                hint="mien data show counts them",
            )


def judge(
    selection: Selection,
    probabilities: DoubleArray,
    *,
    weights: DoubleArray | None = None,
    options: EvaluationOptions = DEFAULT_OPTIONS,
) -> EvaluationResult:
    """All metrics of ``probabilities`` (n, 8) in FER+ order for the rows of ``selection``.

    Args:
        selection: The rows with their targets.
        probabilities: The model's, of these rows.
        weights: Of a decision rule, (8,) in FER+ order; None names the most probable expression.
        options: Of the intervals.
    """
    judged = judge_shared(selection, probabilities, weights, known=options.labels)  # (n, k), n and k may be smaller
    n = len(judged.targets)
    values = {name: float(value) for name, value in judged.metrics().items()}
    return EvaluationResult(
        protocol=selection.protocol,
        split=selection.split,
        n=n,
        **{name: value for name, value in values.items() if "." not in name},  # a dot marks a class metric
        per_class={
            label: ClassMetrics(**{name: values[class_path(label, name)] for name in CLASS_METRICS})
            for label in judged.labels
        },
        confusion_matrix=judged.confusion_matrix(),
        intervals=intervals(judged.metrics, n, resamples=options.resamples, seed=options.seed),
        drawn=(
            drawn_metrics(judged.targets, judged.predicted, seed=options.seed) if selection.kind == "drawn" else None
        ),
        reliability=_reliability(judged),
        abstaining=_abstaining(judged),
        argmax=_argmax(replace(judged, decision=None)),
    )


def judge_shared(
    selection: Selection, probabilities: DoubleArray, weights: DoubleArray | None, *, known: LabelSet
) -> Judged:
    """The rows and classes that both the data set and the model have, with the model's probabilities.

    A data set that lacks classes is judged over those it has: the model's probabilities (n, 8) are normalized over
    them. With single labels, faces of a class that the model lacks are left out.

    Raises:
        ProtocolError: No image is left.
    """
    lacks = selection.kind == "label" and not set(selection.classes) <= set(known)
    shared = LabelSet(tuple(e for e in selection.classes if not lacks or e in known.expressions))
    if len(shared) == len(FERPLUS_LABELS):
        return Judged(selection.kind, selection.targets, probabilities, weights)
    columns = [FERPLUS_LABELS.index(label) for label in shared]
    kept = selection.targets[:, columns].any(axis=1)  # (n,)
    if not kept.any():
        raise ProtocolError(
            f"{selection.protocol}: no image of the {selection.split} split has a label that the model knows",
            hint="--data and the model share no class",
        )
    return Judged(
        selection.kind,
        _normalized(selection.targets[kept][:, columns]),  # (n, k)
        _normalized(probabilities[kept][:, columns]),
        None if weights is None else weights[columns],
        shared,
    )


def _normalized(rows: DoubleArray) -> DoubleArray:
    """Rows (n, k) divided by their sum; uniform where the sum is 0."""
    sums = rows.sum(axis=1, keepdims=True)
    return np.where(sums > 0, rows / np.where(sums > 0, sums, 1), 1 / rows.shape[1])


def _argmax(judged: Judged) -> ArgmaxMetrics:
    values = judged.metrics()
    return ArgmaxMetrics(**{name: float(values[name]) for name in OVERALL}, confusion_matrix=judged.confusion_matrix())


def _reliability(judged: Judged) -> Reliability | None:
    truth = judged.calibration_truth
    if truth is None:
        return None
    count, confidence, hits = metrics.calibration_bins(truth, judged.probabilities)
    filled = np.maximum(count, 1)  # (bins,), avoids 0 / 0 in empty bins
    return Reliability(count=count, confidence=confidence / filled, hits=hits / filled)


def _abstaining(judged: Judged) -> RiskCoverage | None:
    return None if judged.kind == "drawn" else risk_coverage(judged.truth, judged.probabilities, judged.predicted)
