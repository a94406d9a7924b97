"""Two models on the same images: what the second gains over the first, with paired bootstrap intervals.

Each resample weighs the same images for both models, so that images that are hard for both cancel in the difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mien.data import protocols as rules
from mien.data.dataset import FerDataset
from mien.data.protocols import Selection
from mien.data.splits import Split
from mien.evaluation.bootstrap import Interval, intervals
from mien.evaluation.metrics import DoubleArray
from mien.evaluation.predictors import (
    DEFAULT_OPTIONS,
    EvaluationOptions,
    Judgeable,
    predict_rows,
    rows_of_array,
    rule_weights,
)
from mien.evaluation.protocol_metrics import Judged
from mien.evaluation.results import OF_PROBABILITIES, OVERALL
from mien.evaluation.run import check_kept, judge_shared
from mien.expressions import LabelSet

#: Metrics where lower is better.
_LESS_IS_BETTER = {"misclassification", *OF_PROBABILITIES}


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of two models.

    Attributes:
        first: Of the first model.
        second: Of the second model.
        interval: Of ``second - first``; None without resamples.
        less_is_better: Whether a negative difference is in favor of the second model.
    """

    first: float
    second: float
    interval: Interval | None = None
    less_is_better: bool = False

    @property
    def difference(self) -> float:
        return self.second - self.first

    @property
    def better(self) -> str | None:
        """``first`` or ``second`` where the interval excludes 0; None where it includes 0 or is not known."""
        if self.interval is None or self.interval.low <= 0 <= self.interval.high:
            return None
        # the interval lies on one side of 0: its upper end has the sign of the difference
        return "second" if (self.interval.high < 0) == self.less_is_better else "first"

    def to_dict(self) -> dict[str, Any]:
        return {
            "first": self.first,
            "second": self.second,
            "difference": self.difference,
            "interval": None if self.interval is None else self.interval.to_list(),
            "better": self.better,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on one protocol and split.

    Attributes:
        protocol: Name of the rule.
        split: Which split.
        n: Number of images that both were judged on.
        classes: The expressions that the data set and both models have.
        metrics: By name; those that the protocol defines.
    """

    protocol: str
    split: Split
    n: int
    classes: LabelSet = field(repr=False)
    metrics: Mapping[str, Difference]

    def to_dict(self) -> dict[str, Any]:
        """Plain, unrounded numbers, ready for JSON."""
        return {
            "protocol": self.protocol,
            "split": self.split,
            "n": self.n,
            "classes": [str(label) for label in self.classes],
            "metrics": {name: difference.to_dict() for name, difference in self.metrics.items()},
        }


def compare(
    first: Judgeable,
    second: Judgeable,
    dataset: FerDataset,
    *,
    split: Split = "validation",
    protocols: Sequence[str] = ("votes", "majority"),
    options: EvaluationOptions = DEFAULT_OPTIONS,
) -> tuple[Comparison, ...]:
    """Judge two models on the same images.

    Args:
        first: A model, a function, or probabilities; see :func:`mien.evaluation.run.evaluate`.
        second: The other, in any of the same forms.
        dataset: A prepared data set.
        split: Use ``validation`` whenever something is chosen by the comparison.
        protocols: Rules to judge by.
        options: Of the bootstrap; its ``labels`` are those of models without a ``labels`` attribute.

    Raises:
        ProtocolError: A protocol is unknown, needs votes that the data set lacks, or keeps no image.
        ShapeError: An output is not an (n, classes) array of probabilities.
    """
    selections = [rules.select(dataset, protocol, split) for protocol in protocols]
    check_kept(selections)
    rows = np.unique(np.concatenate([selection.indices for selection in selections])) if selections else np.arange(0)
    sides = [_Side.of(model, dataset, split, rows, options) for model in (first, second)]
    # both are judged over the classes that both have, as a model with fewer classes has the easier task
    known = LabelSet(tuple(label for label in sides[0].labels if label in sides[1].labels.expressions))
    return tuple(_compare_on(selection, sides, rows, known=known, options=options) for selection in selections)


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """One of the two models: probabilities (n, 8) of the rows, weights (8,) of its decision rule, and its classes."""

    probabilities: DoubleArray
    weights: DoubleArray | None
    labels: LabelSet

    @classmethod
    def of(
        cls, model: Judgeable, dataset: FerDataset, split: Split, rows: np.ndarray[Any, Any], options: EvaluationOptions
    ) -> "_Side":
        if isinstance(model, np.ndarray):
            model = rows_of_array(model, dataset, split)
        own = getattr(model, "labels", None)  # a Recognizer knows its labels; functions and arrays do not
        labels = own if isinstance(own, LabelSet) else options.labels
        probabilities = predict_rows(model, dataset.images, rows, options=options.of_labels(labels))  # (n, 8)
        return cls(probabilities, rule_weights(model) if options.decision == "rule" else None, labels)


def _compare_on(
    selection: Selection,
    sides: Sequence[_Side],
    rows: np.ndarray[Any, Any],
    *,
    known: LabelSet,
    options: EvaluationOptions,
) -> Comparison:
    at = np.searchsorted(rows, selection.indices)  # (n,), positions of the selection in the sorted rows
    one, two = (judge_shared(selection, side.probabilities[at], side.weights, known=known) for side in sides)
    n = len(one.targets)
    spans = intervals(lambda weights: _gains(one, two, weights), n, resamples=options.resamples, seed=options.seed)
    before, after = one.metrics(), two.metrics()  # at equal weights
    found: dict[str, Difference] = {
        str(name): Difference(float(before[name]), float(after[name]), spans.get(name), name in _LESS_IS_BETTER)
        for name in OVERALL + OF_PROBABILITIES
        if name in before
    }
    return Comparison(selection.protocol, selection.split, n, one.labels, found)


def _gains(one: Judged, two: Judged, weights: DoubleArray) -> dict[str, DoubleArray]:
    """Second minus first, (b,) by metric, for weights (b, n) of the same images; class metrics are left out."""
    before, after = one.metrics(weights), two.metrics(weights)
    return {name: after[name] - values for name, values in before.items() if "." not in name}
