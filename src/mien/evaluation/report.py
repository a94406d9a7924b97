"""The result of an evaluation, and its tables: values and intervals, the classes, the capstone's comparison.

It does not compute figures and does not print; a table is rows of text that Markdown and the command line both show.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mien.data.splits import Split
from mien.evaluation.bootstrap import Interval
from mien.evaluation.metrics import FloatArray
from mien.evaluation.protocol_metrics import CLASS_FIGURES, class_figure
from mien.evaluation.sampled_labels import DrawnFigures, Scores
from mien.evaluation.selective import THRESHOLDS, RiskCoverage
from mien.runtime.files import write_text

#: Said with every score, so that nobody tunes on the test split.
TEST_SPLIT_NOTICE = (
    "The test split is for a finished model: choose recipe, epoch and threshold on the validation split, and read the "
    "test split once."
)


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """Figures of one expression; ``support`` is its number of images, an expected one for drawn labels."""

    precision: float
    recall: float
    f1: float
    support: float

    def to_dict(self) -> dict[str, float]:
        return {name: getattr(self, name) for name in CLASS_FIGURES}


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """The diagram behind the calibration error, three arrays (bins,).

    Attributes:
        count: Images whose confidence lies in the bin.
        confidence: Their mean confidence, 0 in an empty bin.
        hits: Share of them that is right, or of the votes that agree; 0 in an empty bin.
    """

    count: FloatArray
    confidence: FloatArray
    hits: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationResult:
    """All figures of one model on one protocol and split; what the protocol does not define is None.

    Attributes:
        protocol: Name of the rule.
        split: Which split.
        n: Number of images.
        per_class: By name of the expression, in FER+ order.
        confusion_matrix: (8, 8), true class by row; expected counts for drawn labels.
        kl: Mean KL(votes ‖ model), nats.
        js: Mean Jensen-Shannon divergence of votes and model, nats.
        cross_entropy: Mean cross-entropy to the votes, nats.
        ece: Expected calibration error.
        intervals: Bootstrap intervals by the figure's path in :meth:`to_dict`, such as ``per_class.fear.f1``.
        drawn: What belongs to drawn labels alone.
        reliability: The bins of the calibration error.
        abstaining: Risk against coverage, where the protocol has a calibration error.
    """

    protocol: str
    split: Split
    n: int
    accuracy: float
    macro_f1: float
    balanced_accuracy: float
    misclassification: float
    per_class: Mapping[str, ClassFigures]
    confusion_matrix: FloatArray
    kl: float | None = None
    js: float | None = None
    cross_entropy: float | None = None
    ece: float | None = None
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    drawn: DrawnFigures | None = None
    reliability: Reliability | None = None
    abstaining: RiskCoverage | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain, unrounded numbers under the documented names, ready for JSON."""
        record: dict[str, Any] = {"protocol": self.protocol, "split": self.split, "n": self.n}
        record |= {name: getattr(self, name) for name in _OVERALL}
        record["per_class"] = {name: figures.to_dict() for name, figures in self.per_class.items()}
        record["confusion_matrix"] = self.confusion_matrix.tolist()
        record |= {name: getattr(self, name) for name in _OF_PROBABILITIES}
        record["intervals"] = {name: interval.to_list() for name, interval in self.intervals.items()}
        if self.abstaining is not None:
            record["abstaining"] = self.abstaining.to_dict()
        if self.drawn is not None:
            record["standard_deviation"] = self.drawn.standard_deviation
            record["ceiling"] = self.drawn.ceiling.to_dict()
            record["seeded_draw"] = {"seed": self.drawn.seed} | self.drawn.seeded_draw.to_dict()
        return record


_OVERALL: Final = ("accuracy", "macro_f1", "balanced_accuracy", "misclassification")
_OF_PROBABILITIES: Final = ("kl", "js", "cross_entropy", "ece")
_TITLES: Final = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "balanced_accuracy": "balanced accuracy",
    "misclassification": "misclassification",
    "kl": "KL(votes ‖ model), nats",
    "js": "Jensen-Shannon, nats",
    "cross_entropy": "cross-entropy to the votes, nats",
    "ece": "calibration error",
}


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table of text; the first column names the rows."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def to_markdown(self) -> str:
        lines = [self.header, ("---",) + ("---:",) * (len(self.header) - 1), *self.rows]
        return f"### {self.title}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def figures_table(result: EvaluationResult) -> Table:
    """Every overall figure with its 95 % interval."""
    rows = [
        (_TITLES[name], _number(getattr(result, name)), _interval(result.intervals.get(name)))
        for name in _OVERALL + _OF_PROBABILITIES
        if getattr(result, name) is not None
    ]
    if result.drawn is not None:
        drawn = result.drawn
        rows += [
            ("standard deviation of the accuracy over draws", _number(drawn.standard_deviation), ""),
            ("ceiling of the accuracy (votes known)", _number(drawn.ceiling.accuracy), ""),
            ("ceiling of macro-F1 (votes known)", _number(drawn.ceiling.macro_f1), ""),
            (f"accuracy on one draw (seed {drawn.seed})", _number(drawn.seeded_draw.accuracy), ""),
            (f"macro-F1 on one draw (seed {drawn.seed})", _number(drawn.seeded_draw.macro_f1), ""),
        ]
    return Table(
        f"{result.protocol}, {result.split} split, {result.n:,} images",
        ("figure", "value", "95 % interval"),
        tuple(rows),
    )


def class_table(result: EvaluationResult) -> Table:
    """Precision, recall and F1 of each class with their intervals, and its support."""
    rows = []
    for label, figures in result.per_class.items():
        cells = [
            f"{_number(getattr(figures, name))} {_interval(result.intervals.get(class_figure(label, name)))}".strip()
            for name in ("precision", "recall", "f1")
        ]
        rows.append((label, *cells, f"{figures.support:.0f}"))
    return Table(
        f"{result.protocol}, by expression", ("expression", "precision", "recall", "F1", "images"), tuple(rows)
    )


def abstaining_table(result: EvaluationResult) -> Table | None:
    """Coverage and accuracy for some thresholds of ``mien predict --min-confidence``."""
    if result.abstaining is None:
        return None
    rows = [(f"{threshold:g}", *map(_number, result.abstaining.at(threshold))) for threshold in THRESHOLDS]
    return Table(f"{result.protocol}, abstaining", ("min confidence", "answered", "accuracy of those"), tuple(rows))


@dataclass(frozen=True, slots=True)
class PublishedScores:
    """A row of somebody's table; None where the source gives no figure."""

    source: str
    accuracy: float
    macro_f1: float
    misclassification: float | None


#: The always-neutral model, one draw of the test labels.
CAPSTONE_NAIVE = PublishedScores("capstone report", accuracy=0.3263, macro_f1=0.0615, misclassification=0.67)
#: The report's network, one draw of the test labels.
CAPSTONE_CNN = PublishedScores("capstone report", accuracy=0.7176, macro_f1=0.4889, misclassification=None)


def capstone_table(naive: EvaluationResult, model: EvaluationResult | None) -> Table:
    """The capstone's table, naive against model, beside the figures of its report; results are of drawn labels.

    Raises:
        ValueError: A result is not of drawn labels.
    """
    columns: list[tuple[str, PublishedScores | Scores]] = [
        (f"naive, {CAPSTONE_NAIVE.source}", CAPSTONE_NAIVE),
        *_here("naive", naive),
        (f"CNN, {CAPSTONE_CNN.source}", CAPSTONE_CNN),
    ]
    if model is not None:
        columns += _here("model", model)
    rows = tuple(
        (_TITLES[name], *(_as_given(getattr(scores, name), scores) for _, scores in columns))
        for name in ("accuracy", "macro_f1", "misclassification")
    )
    rule = f"{naive.protocol}, {naive.split} split; the report's figures are one draw of the test split"
    return Table(f"The capstone's table ({rule})", ("figure", *(title for title, _ in columns)), rows)


def with_interval(result: EvaluationResult, name: str) -> str:
    """An overall figure with its interval in brackets, for tables of several models."""
    return f"{_number(getattr(result, name))} {_interval(result.intervals.get(name))}".strip()


def to_json(results: Sequence[EvaluationResult]) -> str:
    """One object for one result, a list for several."""
    records = [result.to_dict() for result in results]
    return json.dumps(records[0] if len(records) == 1 else records, indent=2, allow_nan=False)


def write_report(
    folder: Path, results: Sequence[EvaluationResult], *, model: str, comparison: Table | None = None
) -> tuple[Path, ...]:
    """Write ``report.json`` and ``report.md`` to ``folder``, each all or nothing; their paths."""
    texts = {
        folder / "report.json": to_json(results) + "\n",
        folder / "report.md": text_report(results, model=model, comparison=comparison),
    }
    for path, text in texts.items():
        write_text(path, text)
    return tuple(texts)


def text_report(results: Sequence[EvaluationResult], *, model: str, comparison: Table | None = None) -> str:
    """The whole report as Markdown."""
    return "\n".join(_sections(results, model=model, comparison=comparison))


def _sections(results: Sequence[EvaluationResult], *, model: str, comparison: Table | None) -> Iterable[str]:
    yield f"# Evaluation of {model}\n"
    if any(result.split == "test" for result in results):
        yield f"{TEST_SPLIT_NOTICE}\n"
    for result in results:
        yield f"## {result.protocol}\n"
        yield figures_table(result).to_markdown()
        yield class_table(result).to_markdown()
        if (abstaining := abstaining_table(result)) is not None:
            yield abstaining.to_markdown()
    if comparison is not None:
        yield comparison.to_markdown()


def _here(title: str, result: EvaluationResult) -> list[tuple[str, Scores]]:
    if result.drawn is None:
        raise ValueError(f"the capstone's table is about drawn labels, got a result of {result.protocol!r}")
    expected = Scores(result.accuracy, result.macro_f1)
    return [(f"{title}, expected", expected), (f"{title}, one draw", result.drawn.seeded_draw)]


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.4f}"


def _as_given(value: float | None, scores: PublishedScores | Scores) -> str:
    return f"{value:g}" if isinstance(scores, PublishedScores) and value is not None else _number(value)


def _interval(interval: Interval | None) -> str:
    return "" if interval is None else f"[{interval.low:.3f}, {interval.high:.3f}]"
