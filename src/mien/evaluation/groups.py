"""Metrics of one model on groups of people, and the largest differences between groups.

A difference is not necessarily the model's: groups that show different expressions differ in every metric.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.data import protocols as rules
from mien.data.dataset import FerDataset
from mien.data.groups import group_labels
from mien.data.splits import Split
from mien.decision import decide
from mien.evaluation.bootstrap import Interval, intervals
from mien.evaluation.metrics import DoubleArray
from mien.evaluation.predictors import DEFAULT_OPTIONS, EvaluationOptions, Judgeable, predict_rows, rule_weights
from mien.evaluation.results import FEW_CASES
from mien.evaluation.run import check_kept
from mien.expressions import FERPLUS_LABELS, LabelSet


@dataclass(frozen=True, slots=True)
class GroupMetrics:
    """The metrics of one group, such as ``female`` of ``gender``.

    Attributes:
        value: Name of the group.
        n: Number of images.
        metrics: ``detected`` where detection was recorded, ``accuracy``, and for each expression ``probability.NAME``
            (mean) and ``share.NAME`` (share of images that are named so), all in [0, 1].
        intervals: Of the metrics, by the same names.
    """

    value: str
    n: int
    metrics: Mapping[str, float] = field(repr=False)
    intervals: Mapping[str, Interval] = field(default_factory=dict, repr=False)

    def to_dict(self) -> dict[str, Any]:
        spans = {name: interval.to_list() for name, interval in self.intervals.items()}
        return {"value": self.value, "n": self.n, "metrics": dict(self.metrics), "intervals": spans}


@dataclass(frozen=True, slots=True)
class LargestDifference:
    """The two groups between which a metric differs most.

    Attributes:
        metric: As in :class:`GroupMetrics`.
        highest: Value with the highest metric.
        lowest: Value with the lowest.
        difference: Highest minus lowest.
        interval: Of the difference between these two; None without resamples. It is too narrow where there are more
            than two groups, since the pair was selected for its difference.
    """

    metric: str
    highest: str
    lowest: str
    difference: float
    interval: Interval | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "metric": self.metric,
            "highest": self.highest,
            "lowest": self.lowest,
            "difference": self.difference,
            "interval": None if self.interval is None else self.interval.to_list(),
        }


@dataclass(frozen=True, slots=True)
class GroupResult:
    """One model on one protocol and split, by one group.

    Attributes:
        group: Such as ``gender``.
        protocol: Name of the rule.
        split: Which split.
        labels: The expressions of the metrics.
        values: Value by value.
        largest: Of each metric, among values with at least :data:`FEW_CASES` images.
    """

    group: str
    protocol: str
    split: Split
    labels: LabelSet = field(repr=False)
    values: tuple[GroupMetrics, ...] = field(repr=False)
    largest: tuple[LargestDifference, ...] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain, unrounded numbers, ready for JSON."""
        return {
            "group": self.group,
            "protocol": self.protocol,
            "split": self.split,
            "values": [value.to_dict() for value in self.values],
            "largest_differences": [difference.to_dict() for difference in self.largest],
        }


def evaluate_groups(
    model: Judgeable,
    dataset: FerDataset,
    groups: Sequence[str],
    *,
    split: Split = "test",
    protocol: str = "labels",
    options: EvaluationOptions = DEFAULT_OPTIONS,
) -> tuple[GroupResult, ...]:
    """Judge ``model`` on the people of each value of each group.

    Probabilities are over all expressions of the model, including those that the data set lacks: otherwise a smile that
    is taken for contempt more often in one group would not show.

    Raises:
        ProtocolError: The data set has no such group, or the protocol is unknown or keeps no image.
        ShapeError: The model's output is not an (n, classes) array of probabilities.
    """
    selection = rules.select(dataset, protocol, split)
    check_kept([selection])
    probabilities = predict_rows(model, dataset.images, selection.indices, options=options)  # (n, 8)
    weights = rule_weights(model) if options.decision == "rule" else None
    named = decide(probabilities, weights)  # (n,)
    # Every metric here is a mean over images: each is a column (n,) of the table in _by_value.
    per_image = {"accuracy": (named == selection.labels).astype(np.float64)}
    if dataset.found is not None:
        per_image = {"detected": np.asarray(dataset.found[selection.indices], np.float64), **per_image}
    labels = LabelSet(tuple(label for label in FERPLUS_LABELS if label in options.labels.expressions))
    for label in labels:
        column = FERPLUS_LABELS.index(label)
        per_image[f"probability.{label}"] = probabilities[:, column]
        per_image[f"share.{label}"] = (named == column).astype(np.float64)
    return tuple(
        GroupResult(group, protocol, split, labels, *_by_value(members, per_image, options))
        for group in groups
        for members in (group_labels(dataset, group)[selection.indices],)
    )


def _by_value(
    members: npt.NDArray[np.str_], per_image: Mapping[str, DoubleArray], options: EvaluationOptions
) -> tuple[tuple[GroupMetrics, ...], tuple[LargestDifference, ...]]:
    """The metrics of each value, and the largest differences; ``members`` (n,) holds the value of each image."""
    values = sorted(set(members.tolist()))
    # groups are resampled together, so that the interval of a difference includes the spread of both
    masks = {value: (members == value).astype(np.float64) for value in values}  # each (n,)
    table = np.stack(list(per_image.values()), axis=1)  # (n, metrics)

    def means(weights: DoubleArray) -> dict[str, DoubleArray]:
        """All metrics (b, metrics) of each group, for weights (b, n) of all images."""
        found = {}
        for value, mask in masks.items():
            of_group = weights * mask  # (b, n); a resample may leave a small group empty, hence the maximum
            found[value] = of_group @ table / np.maximum(of_group.sum(axis=-1, keepdims=True), 1)
        return found

    names = list(per_image)
    point = {value: rows[0] for value, rows in means(np.ones((1, len(members)))).items()}
    pairs = {} if len(values) < 2 else _extremes(point, masks, names)

    def gaps(weights: DoubleArray) -> dict[str, DoubleArray]:
        found = means(weights)
        return {
            name: found[high][:, names.index(name)] - found[low][:, names.index(name)]
            for name, (high, low) in pairs.items()
        }

    spans = intervals(gaps, len(members), resamples=options.resamples, seed=options.seed) if pairs else {}
    metrics = tuple(_of_value(value, table[members == value], names, options) for value in values)
    largest = tuple(
        LargestDifference(
            name,
            high,
            low,
            float(point[high][names.index(name)] - point[low][names.index(name)]),
            spans.get(name),
        )
        for name, (high, low) in pairs.items()
    )
    return metrics, largest


def _of_value(value: str, table: DoubleArray, names: Sequence[str], options: EvaluationOptions) -> GroupMetrics:
    """The metrics of one group from the values of its images, (n, metrics)."""
    n = len(table)
    spans = intervals(
        lambda weights: dict(zip(names, (weights @ table / n).T, strict=True)),
        n,
        resamples=options.resamples,
        seed=options.seed,
    )
    return GroupMetrics(value, n, dict(zip(names, table.mean(axis=0).tolist(), strict=True)), spans)


def _extremes(
    point: Mapping[str, DoubleArray], masks: Mapping[str, DoubleArray], names: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """For each metric the groups where it is highest and lowest, among those with at least ``FEW_CASES`` images."""
    enough = [value for value, mask in masks.items() if mask.sum() >= FEW_CASES]
    if len(enough) < 2:
        return {}
    rows = np.stack([point[value] for value in enough])  # (values, metrics)
    return {
        name: (enough[int(rows[:, at].argmax())], enough[int(rows[:, at].argmin())])
        for at, name in enumerate(names)
        if np.ptp(rows[:, at]) > 0  # equal everywhere: there is no pair to name
    }
