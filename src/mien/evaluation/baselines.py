"""What a model has to beat: a predictor that looks at no picture.

It speaks the same ``predict_proba`` as a model, so that both are judged by the same code.
"""

import numpy as np
import numpy.typing as npt

from mien.evaluation.metrics import FloatArray
from mien.expressions import FERPLUS_LABELS, Expression


class NaiveBaseline:
    """Says one expression of every face, with certainty; the capstone's naive model says ``neutral``."""

    def __init__(self, expression: Expression = Expression.NEUTRAL) -> None:
        self.expression = expression

    def predict_proba(self, images: npt.NDArray[np.uint8]) -> FloatArray:
        """Probabilities float64 (n, 8) in FER+ order for pictures of any shape (n, …)."""
        probabilities = np.zeros((len(images), len(FERPLUS_LABELS)))
        probabilities[:, FERPLUS_LABELS.index(self.expression)] = 1
        return probabilities
