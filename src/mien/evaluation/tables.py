"""Tables of results: the summary, values and intervals, the classes, the capstone's comparison, published results.

A table is rows of text, which Markdown, HTML pages and the terminal show.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from mien.evaluation.bootstrap import Interval
from mien.evaluation.comparison import Comparison
from mien.evaluation.groups import GroupMetrics, GroupResult
from mien.evaluation.peers import PeerResult
from mien.evaluation.protocol_metrics import class_path
from mien.evaluation.published import CAPSTONE_CNN, CAPSTONE_NAIVE, PublishedResult, published_for
from mien.evaluation.results import FEW_CASES, OF_PROBABILITIES, OVERALL, EvaluationResult
from mien.evaluation.sampled_labels import LabelMetrics
from mien.evaluation.selective import THRESHOLDS
from mien.render.tables import Table

#: How tables name the metrics.
TITLES: Final[Mapping[str, str]] = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "balanced_accuracy": "balanced accuracy",
    "misclassification": "misclassification",
    "kl": "KL(votes ‖ model), nats",
    "js": "Jensen-Shannon, nats",
    "cross_entropy": "cross-entropy to the votes, nats",
    "ece": "calibration error",
}
#: Columns of the summary, with titles short enough for a terminal.
_SUMMARY: Final[Mapping[str, str]] = {"accuracy": "accuracy", "macro_f1": "macro-F1", "js": "JS", "ece": "ECE"}
_COMPARED: Final[Mapping[str, str]] = {"accuracy": "accuracy", "macro_f1": "macro-F1", "kl": "KL", **_SUMMARY}
#: Marks an interval from few images.
_MARK: Final = "†"
_MARK_NOTE: Final = f"{_MARK} rests on fewer than {FEW_CASES} images"


def summary_table(results: Mapping[str, Sequence[EvaluationResult]]) -> Table:
    """One row for each protocol and model, with the most important metrics.

    Args:
        results: By the name of the model; the models are judged by the same protocols.
    """
    return _side_by_side(results, f"Summary of {', '.join(results)}", _SUMMARY)


def metrics_of_models(results: Mapping[str, Sequence[EvaluationResult]]) -> Table:
    """As :func:`summary_table`, with KL in addition."""
    return _side_by_side(results, "Every protocol, with 95 % bootstrap intervals", _COMPARED)


def metrics_table(result: EvaluationResult) -> Table:
    """Every overall metric with its 95 % interval."""
    rows = [
        (TITLES[name], _number(getattr(result, name)), _interval(result, name))
        for name in OVERALL + OF_PROBABILITIES
        if getattr(result, name) is not None
    ]
    # without a decision rule the two matrices are equal, and the rows would repeat the first two
    if result.argmax is not None and not np.array_equal(result.argmax.confusion_matrix, result.confusion_matrix):
        plain = (("accuracy", result.argmax.accuracy), ("macro_f1", result.argmax.macro_f1))
        rows += [(f"{TITLES[name]} of the most probable", _number(value), "") for name, value in plain]
    if result.drawn is not None:
        drawn = result.drawn
        rows += [
            ("standard deviation of the accuracy over draws", _number(drawn.standard_deviation), ""),
            ("ceiling of the accuracy (votes known)", _number(drawn.ceiling.accuracy), ""),
            ("ceiling of macro-F1 (votes known)", _number(drawn.ceiling.macro_f1), ""),
            (f"accuracy on one draw (seed {drawn.seed})", _number(drawn.seeded_draw.accuracy), ""),
            (f"macro-F1 on one draw (seed {drawn.seed})", _number(drawn.seeded_draw.macro_f1), ""),
        ]
    title = f"{result.protocol}, {result.split} split, {result.n:,} images"
    return Table(title, ("metric", "value", "95 % interval"), tuple(rows), _mark_note(rows))


def class_table(result: EvaluationResult) -> Table:
    """Precision, recall and F1 of each class with their intervals, and its support."""
    rows = []
    for label, of_class in result.per_class.items():
        cells = [
            f"{_number(getattr(of_class, name))} {_interval(result, class_path(label, name))}".strip()
            for name in ("precision", "recall", "f1")
        ]
        rows.append((label, *cells, f"{of_class.support:.0f}"))
    header = ("expression", "precision", "recall", "F1", "images")
    return Table(f"{result.protocol}, by expression", header, tuple(rows), _mark_note(rows))


def abstaining_table(result: EvaluationResult) -> Table | None:
    """Coverage and accuracy for some thresholds of ``mien predict --min-confidence``."""
    if result.abstaining is None:
        return None
    rows = [(f"{threshold:g}", *map(_number, result.abstaining.at(threshold))) for threshold in THRESHOLDS]
    return Table(f"{result.protocol}, abstaining", ("min confidence", "answered", "accuracy of those"), tuple(rows))


def capstone_table(naive: EvaluationResult, model: EvaluationResult | None) -> Table:
    """The capstone's table, naive predictor and model, beside the values of its report; for results on drawn labels.

    Raises:
        ValueError: A result is not of drawn labels.
    """
    columns: list[tuple[str, PublishedResult | LabelMetrics]] = [
        (f"naive, {CAPSTONE_NAIVE.reference}", CAPSTONE_NAIVE),
        *_expected_and_drawn("naive", naive),
        (f"CNN, {CAPSTONE_CNN.reference}", CAPSTONE_CNN),
    ]
    if model is not None:
        columns += _expected_and_drawn("model", model)
    rows = tuple(
        (TITLES[name], *(_as_given(getattr(column, name), column) for _, column in columns))
        for name in ("accuracy", "macro_f1", "misclassification")
    )
    rule = f"{naive.protocol}, {naive.split} split; the report's values are one draw of the test split"
    return Table(f"The capstone's table ({rule})", ("metric", *(title for title, _ in columns)), rows)


def comparison_table(comparison: Comparison, first: str, second: str) -> Table:
    """Two models side by side, with the difference, its interval, and which one is better where it excludes 0."""
    rows = []
    for name, found in comparison.metrics.items():
        span = found.interval
        shown = "" if span is None else f"[{span.low:+.4f}, {span.high:+.4f}]"
        better = {"first": first, "second": second, None: "no clear one"}[found.better]  # None: 0 is in the interval
        values = (_number(found.first), _number(found.second), f"{found.difference:+.4f}")
        rows.append((TITLES[name], *values, shown, better))
    title = f"{comparison.protocol}, {comparison.split} split, {comparison.n:,} images"
    return Table(title, ("metric", first, second, "difference", "95 % interval", "better"), tuple(rows))


def group_tables(result: GroupResult) -> Iterator[Table]:
    """Accuracy of each value, mean probability and share of each expression, and the largest differences."""
    where = f"{result.protocol} by {result.group}"
    plain = [name for name in result.values[0].metrics if "." not in name]
    rows = [(v.value, f"{v.n:,}", *(_of_group(v, name) for name in plain)) for v in result.values]
    yield Table(f"{where}, {result.split} split", (result.group, "images", *plain), tuple(rows), _mark_note(rows))
    for kind, title in (("probability", "mean probability"), ("share", "share of faces named")):
        shown = [(str(label), *(_of_group(v, f"{kind}.{label}") for v in result.values)) for label in result.labels]
        header = ("expression", *(v.value for v in result.values))
        yield Table(f"{where}: {title}", header, tuple(shown), _mark_note(shown))
    if result.largest:
        ordered = sorted(result.largest, key=lambda gap: -gap.difference)
        gaps = tuple(
            (gap.metric.replace(".", " of "), gap.highest, gap.lowest, f"{gap.difference:.4f}", _span(gap.interval))
            for gap in ordered
        )
        note = f"among groups of at least {FEW_CASES} images; intervals ignore that the pair was selected"
        header = ("metric", "highest", "lowest", "difference", "95 % interval")
        yield Table(f"{where}: largest differences", header, gaps, note)


def across_sets_table(results: Mapping[str, Mapping[str, EvaluationResult]], peers: Sequence[PeerResult] = ()) -> Table:
    """One row per data set, one column per model: accuracy, and mean recall of expressions with enough images.

    Args:
        results: By data set, then by model; every set was judged with the same models.
        peers: Of other packages, one column each after the models; sets that are not in ``results`` are left out.
    """
    models = list(next(iter(results.values())))
    # dict.fromkeys: each package once, in the order of the file
    packages = list(dict.fromkeys(peer.package for peer in peers if peer.set in results))
    by_place = {(peer.package, peer.set): peer for peer in peers}
    rows = []
    for name, by_model in results.items():
        first = next(iter(by_model.values()))
        cells = [
            f"{with_interval(by_model[model], 'accuracy')}; {_mean_recall(by_model[model]):.3f}" for model in models
        ]
        cells += [_of_peer(by_place.get((package, name)), first.n) for package in packages]
        rows.append((name, first.protocol, first.split, f"{first.n:,}", f"{len(first.per_class)}", *cells))
    note = f"accuracy with its 95 % interval; mean recall of the expressions with at least {FEW_CASES} images"
    header = ("set", "protocol", "split", "faces", "classes", *models, *packages)
    return Table("Across sets", header, tuple(rows), note)


def _of_peer(peer: PeerResult | None, faces: int) -> str:
    """Accuracy and mean recall as measured elsewhere, with the number of faces if it differs from ours."""
    if peer is None:
        return "—"
    recall = "" if peer.mean_recall is None else f"; {peer.mean_recall:.3f}"
    return _number(peer.accuracy) + recall + ("" if peer.faces == faces else f" (of {peer.faces:,})")


def _mean_recall(result: EvaluationResult) -> float:
    found = [of_class.recall for of_class in result.per_class.values() if of_class.support >= FEW_CASES]
    return sum(found) / len(found) if found else 0.0


def _of_group(value: GroupMetrics, name: str) -> str:
    mark = _MARK if value.n < FEW_CASES else ""
    span = value.intervals.get(name)
    return f"{value.metrics[name]:.3f}" + ("" if span is None else f" {_span(span)}{mark}")


def _span(interval: Interval | None) -> str:
    return "" if interval is None else f"[{interval.low:.3f}, {interval.high:.3f}]"


def leaderboard_table(results: Mapping[str, EvaluationResult]) -> Table | None:
    """Published results of the protocol together with ours, by decreasing accuracy; None if none is published.

    Args:
        results: By the name of the model, all of one protocol and split.
    """
    protocol, split = next((result.protocol, result.split) for result in results.values())
    published = published_for(protocol)
    if not published or split != "test":  # published values are of the test split
        return None
    # (accuracy, cells): sorted by the number, as published values are printed with different digits
    rows: list[tuple[float, tuple[str, ...]]] = [
        (row.accuracy, (row.method, _with_spread(row), _number(row.macro_f1), row.trained, row.reference))
        for row in published
    ]
    rows += [
        (result.accuracy, (name, with_interval(result, "accuracy"), _number(result.macro_f1), "see its card", "here"))
        for name, result in results.items()
    ]
    ordered = tuple(cells for _, cells in sorted(rows, key=lambda row: -row[0]))
    note = "± is a standard deviation over runs, brackets are a 95 % interval over images; mien models NAME --card"
    header = ("method", "accuracy", "macro-F1", "trained on", "source")
    return Table(f"{protocol}: published results, {split} split", header, ordered, note)


def with_interval(result: EvaluationResult, name: str) -> str:
    """An overall metric with its interval in brackets, for tables of several models."""
    return f"{_number(getattr(result, name))} {_interval(result, name)}".strip()


def _side_by_side(results: Mapping[str, Sequence[EvaluationResult]], title: str, metrics: Mapping[str, str]) -> Table:
    several = len(results) > 1
    rows = [
        (result.protocol, *((name,) if several else ()), f"{result.n:,}", *(with_interval(result, m) for m in metrics))
        for of_protocol in zip(*results.values(), strict=True)
        for name, result in zip(results, of_protocol, strict=True)
    ]
    every = [result for of_model in results.values() for result in of_model]
    splits = {result.split for result in every}
    where = f", {splits.pop()} split" if len(splits) == 1 else ""
    header = ("protocol", *(("model",) if several else ()), "images", *metrics.values())
    return Table(title + where, header, tuple(rows), _note_on_rare(every))


def _expected_and_drawn(title: str, result: EvaluationResult) -> list[tuple[str, LabelMetrics]]:
    if result.drawn is None:
        raise ValueError(f"the capstone's table is about drawn labels, got a result of {result.protocol!r}")
    expected = LabelMetrics(result.accuracy, result.macro_f1)
    return [(f"{title}, expected", expected), (f"{title}, one draw", result.drawn.seeded_draw)]


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.4f}"


def _as_given(value: float | None, column: PublishedResult | LabelMetrics) -> str:
    """A published value with as many digits as were published."""
    return f"{value:g}" if isinstance(column, PublishedResult) and value is not None else _number(value)


def _with_spread(row: PublishedResult) -> str:
    return f"{row.accuracy:g}" + ("" if row.spread is None else f" ± {row.spread:g}")


def _interval(result: EvaluationResult, path: str) -> str:
    interval: Interval | None = result.intervals.get(path)
    if interval is None:
        return ""
    return _span(interval) + (_MARK if path in result.few_cases else "")


def _mark_note(rows: Sequence[Sequence[str]]) -> str:
    return _MARK_NOTE if any(cell.endswith(f"]{_MARK}") for row in rows for cell in row) else ""


def _note_on_rare(results: Sequence[EvaluationResult]) -> str:
    """A note on expressions with few images, which count in macro-F1 as much as all others."""
    fewest: dict[str, float] = {}
    for result in results:
        for label, of_class in result.per_class.items():
            if 0 < of_class.support < FEW_CASES:  # expected numbers for drawn labels, hence not whole
                fewest[label] = min(of_class.support, fewest.get(label, FEW_CASES))
    named = ", ".join(f"{label} ({count:.0f})" for label, count in fewest.items())
    rare = f"macro-F1 includes expressions with fewer than {FEW_CASES} images: {named}" if named else ""
    few = _MARK_NOTE if any(result.n < FEW_CASES for result in results) else ""
    return "; ".join(text for text in (few, rare) if text)
