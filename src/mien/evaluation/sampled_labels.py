"""Labels drawn from the votes: their exact expectation, its spread, the ceiling, and one seeded draw.

The accuracy on drawn labels is a random variable; its mean, deviation and upper bound can be computed exactly.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.evaluation import metrics
from mien.evaluation.metrics import DoubleArray, IntArray


@dataclass(frozen=True, slots=True)
class LabelMetrics:
    """The metrics of the capstone's table, all in [0, 1].

    Attributes:
        accuracy: Share of correct predictions.
        macro_f1: Mean of F1 over the eight classes.
    """

    accuracy: float
    macro_f1: float

    @property
    def misclassification(self) -> float:
        return 1 - self.accuracy

    @classmethod
    def of(cls, matrix: DoubleArray) -> "LabelMetrics":
        """Of one confusion matrix (k, k)."""
        return cls(float(metrics.accuracy(matrix)), float(metrics.macro_f1(matrix)))

    def to_dict(self) -> dict[str, float]:
        return {"accuracy": self.accuracy, "macro_f1": self.macro_f1, "misclassification": self.misclassification}


@dataclass(frozen=True, slots=True)
class DrawnMetrics:
    """The metrics that only drawn labels have.

    Attributes:
        standard_deviation: Of the accuracy over draws, on these images.
        ceiling: Expected metrics of a predictor that knows the votes and names the most voted expression.
        seed: Of the one draw.
        seeded_draw: Metrics on one draw of the labels, as in the capstone's report.
    """

    standard_deviation: float
    ceiling: LabelMetrics
    seed: int
    seeded_draw: LabelMetrics


def drawn_metrics(votes: DoubleArray, predicted: IntArray, *, seed: int = 0) -> DrawnMetrics:
    """The metrics of predictions (n,) on labels drawn from ``votes`` (n, k), whose rows sum to 1."""
    return DrawnMetrics(
        standard_deviation=standard_deviation(votes, predicted),
        # nobody can agree with all votes: the best single answer is the most voted one
        ceiling=LabelMetrics.of(metrics.confusion_matrix(votes, votes.argmax(axis=1))),
        seed=seed,
        seeded_draw=LabelMetrics.of(metrics.confusion_matrix(draw_labels(votes, seed=seed), predicted)),
    )


def standard_deviation(votes: DoubleArray, predicted: npt.NDArray[np.integer]) -> float:
    """Exact standard deviation of the accuracy over draws; the hits are independent Bernoulli variables."""
    hit = votes[np.arange(len(votes)), predicted]  # (n,), probability that a draw agrees with the prediction
    return float(np.sqrt((hit * (1 - hit)).sum()) / max(len(votes), 1))


def draw_labels(votes: DoubleArray, *, seed: int) -> IntArray:
    """One label for each row of ``votes`` (n, k), with the votes as probabilities: int64 (n,).

    Examples:
        >>> draw_labels(np.array([[0.0, 1.0], [1.0, 0.0]]), seed=0).tolist()
        [1, 0]
    """
    # Inverse transform sampling: the first class whose cumulative share exceeds a uniform number.
    edges = np.cumsum(votes, axis=1)  # (n, k); the last column is 1 up to rounding
    at = np.random.default_rng(seed).random((len(votes), 1)) * edges[:, -1:]
    labels: IntArray = (edges <= at).sum(axis=1)
    return labels
