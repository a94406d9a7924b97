"""What a model has to beat: predictors that look at no picture.

They speak the same ``predict_proba`` as a model, so that they are judged by the same code.
"""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from mien.errors import UnknownModelError
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


#: Name to maker.
BASELINES: Mapping[str, Callable[[], NaiveBaseline]] = MappingProxyType({"naive": NaiveBaseline})


def build_baseline(name: str) -> NaiveBaseline:
    """The baseline called ``name``.

    Raises:
        UnknownModelError: There is none of that name.
    """
    if name not in BASELINES:
        near = get_close_matches(name, BASELINES) or list(BASELINES)
        raise UnknownModelError(f"no baseline {name!r}", hint=f"did you mean {', '.join(near)}?")
    return BASELINES[name]()
