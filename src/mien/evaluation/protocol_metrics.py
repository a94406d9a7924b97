"""Every metric of one protocol, as a function of how much each image weighs.

A value is the function at equal weights, and its interval comes from the same function at resampled weights, so that
the two cannot disagree.
"""

from dataclasses import dataclass

import numpy as np

from mien.data.protocols import TargetKind
from mien.decision import decide
from mien.errors import ShapeError
from mien.evaluation import metrics
from mien.evaluation.metrics import DoubleArray, IntArray
from mien.expressions import FERPLUS_LABELS, LabelSet

#: Metrics of each class, in the order of a report.
CLASS_METRICS = ("precision", "recall", "f1", "support")


def class_path(expression: str, metric: str) -> str:
    """Name of a metric of one class: its path in the JSON record."""
    return f"per_class.{expression}.{metric}"


@dataclass(frozen=True, slots=True)
class Judged:
    """The images of one protocol with their targets and a model's probabilities.

    Attributes:
        kind: How the targets are compared.
        targets: float64 (n, k), each row sums to 1.
        probabilities: The model's, float64 (n, k).
        decision: Weights (k,) of the decision rule; None names the most probable expression.
        labels: What the k columns mean: all eight, or those that both the data set and the model have.
    """

    kind: TargetKind
    targets: DoubleArray
    probabilities: DoubleArray
    decision: DoubleArray | None = None
    labels: LabelSet = FERPLUS_LABELS

    def __post_init__(self) -> None:
        if self.targets.shape != self.probabilities.shape:
            raise ShapeError(f"targets have shape {self.targets.shape}, probabilities {self.probabilities.shape}")

    @property
    def predicted(self) -> IntArray:
        """The expression that the model names for each image (n,)."""
        return decide(self.probabilities, self.decision)

    @property
    def truth(self) -> DoubleArray:
        """What predictions are compared with, (n, k): the votes for drawn labels, otherwise the most voted class."""
        return self.targets if self.kind == "drawn" else metrics.one_hot(self.targets.argmax(axis=1), len(self.labels))

    @property
    def calibration_truth(self) -> DoubleArray | None:
        """What confidence is compared with: votes or labels (n, k); None for drawn labels."""
        return None if self.kind == "drawn" else self.targets

    def confusion_matrix(self, weights: DoubleArray | None = None) -> DoubleArray:
        """Counts, expected ones for drawn labels, (…, k, k)."""
        return metrics.confusion_matrix(self.truth, self.predicted, weights=weights)

    def metrics(self, weights: DoubleArray | None = None) -> dict[str, DoubleArray]:
        """Each metric by its name, with the leading axes of ``weights`` (…, n)."""
        return self._class_metrics(weights) | self._probability_metrics(weights)

    def _class_metrics(self, weights: DoubleArray | None) -> dict[str, DoubleArray]:
        matrix = self.confusion_matrix(weights)  # (…, k, k)
        correct = metrics.accuracy(matrix)
        found = {
            "accuracy": correct,
            "macro_f1": metrics.macro_f1(matrix),
            "balanced_accuracy": metrics.balanced_accuracy(matrix),
            "misclassification": 1 - correct,  # as the capstone's report has it
        }
        for name in CLASS_METRICS:
            columns = np.moveaxis(getattr(metrics, name)(matrix), -1, 0)  # (k, …): one class after the other
            found |= {class_path(label, name): values for label, values in zip(self.labels, columns, strict=True)}
        return found

    def _probability_metrics(self, weights: DoubleArray | None) -> dict[str, DoubleArray]:
        found = {}
        if self.kind == "distribution":
            votes, probabilities = self.targets, self.probabilities
            for name, per_image in (  # each (n,), computed once for all resamples
                ("kl", metrics.kl_divergence(votes, probabilities)),
                ("js", metrics.js_divergence(votes, probabilities)),
                ("cross_entropy", metrics.cross_entropy(votes, probabilities)),
            ):
                found[name] = metrics.weighted_mean(per_image, weights)
        truth = self.calibration_truth
        # resampling biases a sum of absolute deviations upwards, so that the interval may lie above the value
        if truth is not None:
            found["ece"] = metrics.expected_calibration_error(truth, self.probabilities, weights=weights)
        return found
