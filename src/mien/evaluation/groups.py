"""One model on groups of people: whether it reads them alike.

It does not say why groups differ: a set whose groups show different expressions differs by that alone.
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
from mien.evaluation.bootstrap import Interval, intervals
from mien.evaluation.metrics import FloatArray
from mien.evaluation.predictors import DEFAULT_OPTIONS, EvaluationOptions, Judgeable, predict_rows, rule_weights
from mien.evaluation.results import FEW_CASES
from mien.evaluation.run import check_kept
from mien.expressions import FERPLUS_LABELS, LabelSet


@dataclass(frozen=True, slots=True)
class GroupMetrics:
    """What was found of the people with one value, such as gender ``female``.

    Attributes:
        value: The value.
        n: Number of images.
        metrics: ``detected`` where detection was recorded, ``accuracy``, and for each expression ``probability.NAME``
            (mean) and ``share.NAME`` (of images that were named so), all in [0, 1].
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
    """Between which two groups a metric differs most, and by how much.

    Attributes:
        metric: As in :class:`GroupMetrics`.
        highest: Value with the highest metric.
        lowest: Value with the lowest.
        difference: Highest minus lowest.
        interval: Of the difference between these two; None without resamples. It does not count that the pair was
            picked from several.
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

    Probabilities are the model's own over all its expressions, also over those that the set lacks: a smile that is read
    as contempt more often in one group is what this is to show.

    Raises:
        ProtocolError: The data set has no such group, or the protocol is unknown or keeps no image.
        ShapeError: The model's output is no (n, classes) array of probabilities.
    """
    selection = rules.select(dataset, protocol, split)
    check_kept([selection])
    said = predict_rows(model, dataset.images, selection.indices, options=options)  # (n, 8)
    weights = rule_weights(model) if options.decision == "rule" else None
    named = (said if weights is None else said * weights).argmax(axis=1)  # (n,)
    per_image = {"accuracy": (named == selection.labels).astype(np.float64)}
    if dataset.found is not None:
        per_image = {"detected": np.asarray(dataset.found[selection.indices], np.float64), **per_image}
    labels = LabelSet(tuple(label for label in FERPLUS_LABELS if label in options.labels.expressions))
    for label in labels:
        column = FERPLUS_LABELS.index(label)
        per_image[f"probability.{label}"] = said[:, column]
        per_image[f"share.{label}"] = (named == column).astype(np.float64)
    return tuple(
        GroupResult(group, protocol, split, labels, *_by_value(members, per_image, options))
        for group in groups
        for members in (group_labels(dataset, group)[selection.indices],)
    )


def _by_value(
    members: npt.NDArray[np.str_], per_image: Mapping[str, FloatArray], options: EvaluationOptions
) -> tuple[tuple[GroupMetrics, ...], tuple[LargestDifference, ...]]:
    """The metrics of each value, and the largest differences; ``members`` (n,) holds the value of each image."""
    values = sorted(set(members.tolist()))
    masks = {value: (members == value).astype(np.float64) for value in values}  # each (n,)
    table = np.stack(list(per_image.values()), axis=1)  # (n, metrics)

    def means(weights: FloatArray) -> dict[str, FloatArray]:
        """Of every value all metrics (b, metrics) for weights (b, n)."""
        found = {}
        for value, mask in masks.items():
            heavy = weights * mask
            found[value] = heavy @ table / np.maximum(heavy.sum(axis=-1, keepdims=True), 1)
        return found

    names = list(per_image)
    point = {value: rows[0] for value, rows in means(np.ones((1, len(members)))).items()}
    pairs = {} if len(values) < 2 else _extremes(point, masks, names)

    def gaps(weights: FloatArray) -> dict[str, FloatArray]:
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


def _of_value(value: str, table: FloatArray, names: Sequence[str], options: EvaluationOptions) -> GroupMetrics:
    """The metrics of one value from what was found of its images, (n, metrics)."""
    n = len(table)
    spans = intervals(
        lambda weights: dict(zip(names, (weights @ table / n).T, strict=True)),
        n,
        resamples=options.resamples,
        seed=options.seed,
    )
    return GroupMetrics(value, n, dict(zip(names, table.mean(axis=0).tolist(), strict=True)), spans)


def _extremes(
    point: Mapping[str, FloatArray], masks: Mapping[str, FloatArray], names: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """For each metric the values where it is highest and lowest, among those with enough images."""
    enough = [value for value, mask in masks.items() if mask.sum() >= FEW_CASES]
    if len(enough) < 2:
        return {}
    rows = np.stack([point[value] for value in enough])  # (values, metrics)
    return {
        name: (enough[int(rows[:, at].argmax())], enough[int(rows[:, at].argmin())])
        for at, name in enumerate(names)
        if np.ptp(rows[:, at]) > 0  # equal everywhere: there is no pair to name
    }
