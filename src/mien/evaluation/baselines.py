"""The baseline that a model has to beat: a constant prediction.

It has the ``predict_proba`` of a model, so that both are judged by the same code.
"""

import numpy as np
import numpy.typing as npt

from mien.evaluation.metrics import DoubleArray
from mien.expressions import FERPLUS_LABELS, Expression


class NaiveBaseline:
    """Predicts one expression for every face, with probability 1; the capstone's naive model predicts ``neutral``."""

    def __init__(self, expression: Expression = Expression.NEUTRAL) -> None:
        self.expression = expression

    def predict_proba(self, images: npt.NDArray[np.uint8]) -> DoubleArray:
        """Probabilities float64 (n, 8) in FER+ order for pictures of any shape (n, …)."""
        probabilities = np.zeros((len(images), len(FERPLUS_LABELS)))
        probabilities[:, FERPLUS_LABELS.index(self.expression)] = 1
        return probabilities
