"""Selective prediction: risk against coverage of a model that may abstain (El-Yaniv and Wiener 2010)."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mien.decision import decide
from mien.evaluation.metrics import DoubleArray, IntArray

#: Thresholds that tables and JSON show.
THRESHOLDS: Final = (0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True, slots=True, eq=False)
class RiskCoverage:
    """Risk and coverage when only the k most confident images get a prediction, for each k.

    Attributes:
        confidence: float64 (n,), decreasing; the lowest one that still gets a prediction.
        coverage: float64 (n,), share of images that get one, in (0, 1].
        risk: float64 (n,), share of wrong predictions among them, in [0, 1].
    """

    confidence: DoubleArray
    coverage: DoubleArray
    risk: DoubleArray

    def at(self, threshold: float) -> tuple[float, float | None]:
        """(coverage, accuracy) when images below ``threshold`` get no prediction; accuracy is None at coverage 0."""
        kept = int(np.count_nonzero(self.confidence >= threshold))
        return (0.0, None) if kept == 0 else (float(self.coverage[kept - 1]), float(1 - self.risk[kept - 1]))

    @property
    def area(self) -> float:
        """Mean risk over all coverages, in [0, 1]; lower is better."""
        return float(self.risk.mean()) if len(self.risk) else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Area, and coverage and accuracy at :data:`THRESHOLDS`."""
        rows = [(threshold, *self.at(threshold)) for threshold in THRESHOLDS]
        names = ("min_confidence", "coverage", "accuracy")
        return {"area": self.area, "thresholds": [dict(zip(names, row, strict=True)) for row in rows]}


def risk_coverage(truth: DoubleArray, probabilities: DoubleArray, named: IntArray | None = None) -> RiskCoverage:
    """The curve of predictions ordered by the probability of the named expression.

    Args:
        truth: One-hot labels (n, k).
        probabilities: (n, k).
        named: Columns of the named expressions (n,); None for the most probable.
    """
    named = decide(probabilities) if named is None else named
    confidence = np.take_along_axis(probabilities, named[:, None], axis=1)[:, 0]  # (n,)
    hits = np.take_along_axis(truth, named[:, None], axis=1)[:, 0]  # (n,)
    order = np.argsort(-confidence, kind="stable")  # stable: equal confidences keep the order of the images
    count = np.arange(1, len(order) + 1)  # (n,)
    return RiskCoverage(
        confidence=confidence[order],
        coverage=count / max(len(order), 1),
        risk=1 - np.cumsum(hits[order]) / count,
    )
