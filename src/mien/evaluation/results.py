"""The results of an evaluation as frozen types, with their JSON form."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mien.data.splits import Split
from mien.evaluation.bootstrap import Interval
from mien.evaluation.metrics import DoubleArray, support
from mien.evaluation.protocol_metrics import CLASS_METRICS, class_path
from mien.evaluation.sampled_labels import DrawnMetrics
from mien.evaluation.selective import RiskCoverage
from mien.render.html import html_table

#: Overall metrics of every protocol, and those of protocols that judge probabilities.
OVERALL: Final = ("accuracy", "macro_f1", "balanced_accuracy", "misclassification")
OF_PROBABILITIES: Final = ("kl", "js", "cross_entropy", "ece")
#: Intervals from fewer images than this are marked: the bootstrap of so few underestimates the spread.
FEW_CASES: Final = 20


@dataclass(frozen=True, slots=True)
class ClassMetrics:
    """Metrics of one expression; ``support`` is its number of images, the expected number for drawn labels."""

    precision: float
    recall: float
    f1: float
    support: float

    def to_dict(self) -> dict[str, float]:
        return {name: getattr(self, name) for name in CLASS_METRICS}


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """The bins of the calibration error, three arrays (bins,).

    Attributes:
        count: Images whose confidence lies in the bin.
        confidence: Their mean confidence, 0 in an empty bin.
        hits: Their accuracy, or the mean share of votes that agree; 0 in an empty bin.
    """

    count: DoubleArray
    confidence: DoubleArray
    hits: DoubleArray


@dataclass(frozen=True, slots=True, eq=False)
class ArgmaxMetrics:
    """The metrics of naming the most probable expression; names are those of :class:`EvaluationResult`.

    Attributes:
        confusion_matrix: (8, 8), true class by row.
    """

    accuracy: float
    macro_f1: float
    balanced_accuracy: float
    misclassification: float
    confusion_matrix: DoubleArray = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in OVERALL} | {"confusion_matrix": self.confusion_matrix.tolist()}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EvaluationResult:
    """All metrics of one model on one protocol and split; those that the protocol does not define are None.

    ``accuracy``, ``macro_f1`` and everything that is counted refer to the expression that the model names, by its
    decision rule if it has one; ``argmax`` has the same for the most probable one, and so does the calibration error.

    Attributes:
        protocol: Name of the rule.
        split: Which split.
        n: Number of images.
        accuracy: Share of correct predictions.
        macro_f1: Mean of F1 over the expressions.
        balanced_accuracy: Mean of recall over the expressions that occur.
        misclassification: 1 - ``accuracy``.
        per_class: By name of the expression, in FER+ order.
        confusion_matrix: (8, 8), true class by row; expected counts for drawn labels.
        kl: Mean KL(votes ‖ model), nats.
        js: Mean Jensen-Shannon divergence of votes and model, nats.
        cross_entropy: Mean cross-entropy to the votes, nats.
        ece: Expected calibration error.
        intervals: Bootstrap intervals by the metric's path in :meth:`to_dict`, such as ``per_class.fear.f1``.
        drawn: Metrics that only drawn labels have.
        reliability: The bins of the calibration error.
        abstaining: Risk against coverage, where the protocol has a calibration error.
        argmax: The metrics of naming the most probable expression.
    """

    protocol: str
    split: Split
    n: int
    accuracy: float
    macro_f1: float
    balanced_accuracy: float
    misclassification: float
    per_class: Mapping[str, ClassMetrics] = field(repr=False)
    confusion_matrix: DoubleArray = field(repr=False)
    kl: float | None = None
    js: float | None = None
    cross_entropy: float | None = None
    ece: float | None = None
    intervals: Mapping[str, Interval] = field(default_factory=dict, repr=False)
    drawn: DrawnMetrics | None = field(default=None, repr=False)
    reliability: Reliability | None = field(default=None, repr=False)
    abstaining: RiskCoverage | None = field(default=None, repr=False)
    argmax: ArgmaxMetrics | None = field(default=None, repr=False)

    @property
    def few_cases(self) -> tuple[str, ...]:
        """Paths of the metrics that are computed from fewer than :data:`FEW_CASES` images."""
        overall = OVERALL + OF_PROBABILITIES if self.n < FEW_CASES else ()
        found = support(self.confusion_matrix)  # (8,) images of each true class: the denominator of recall
        named = self.confusion_matrix.sum(axis=0)  # (8,) predictions of each class: the denominator of precision
        few = []
        for label, true, predicted in zip(self.per_class, found, named, strict=True):
            cases = {"precision": predicted, "recall": true, "f1": min(true, predicted)}  # images behind each ratio
            few += [class_path(label, name) for name, count in cases.items() if count < FEW_CASES]
        return (*(name for name in overall if getattr(self, name) is not None), *few)

    def __repr__(self) -> str:
        return (
            f"<EvaluationResult {self.protocol}, {self.split} split, {self.n:,} images: "
            f"accuracy {self.accuracy:.4f}, macro-F1 {self.macro_f1:.4f}>"
        )

    def _repr_html_(self) -> str:
        """For notebooks: every overall metric with its interval."""
        rows = []
        for name in OVERALL + OF_PROBABILITIES:
            value, span = getattr(self, name), self.intervals.get(name)
            if value is not None:
                rows.append((name, f"{value:.4f}", "" if span is None else f"[{span.low:.3f}, {span.high:.3f}]"))
        title = f"{self.protocol}, {self.split} split, {self.n:,} images"
        return html_table(("metric", "value", "95 % interval"), rows, caption=title)

    def to_dict(self) -> dict[str, Any]:
        """Plain, unrounded numbers under the documented names, ready for JSON."""
        record: dict[str, Any] = {"protocol": self.protocol, "split": self.split, "n": self.n}
        record |= {name: getattr(self, name) for name in OVERALL}
        record["per_class"] = {name: of_class.to_dict() for name, of_class in self.per_class.items()}
        record["confusion_matrix"] = self.confusion_matrix.tolist()
        record |= {name: getattr(self, name) for name in OF_PROBABILITIES}
        record["intervals"] = {name: interval.to_list() for name, interval in self.intervals.items()}
        record["few_cases"] = list(self.few_cases)
        if self.argmax is not None:
            record["argmax"] = self.argmax.to_dict()
        if self.abstaining is not None:
            record["abstaining"] = self.abstaining.to_dict()
        if self.drawn is not None:
            record["standard_deviation"] = self.drawn.standard_deviation
            record["ceiling"] = self.drawn.ceiling.to_dict()
            record["seeded_draw"] = {"seed": self.drawn.seed} | self.drawn.seeded_draw.to_dict()
        return record
