"""What the tests of this folder share: votes, selections, and a model that answers from the pixels."""

import numpy as np

from mien.data.protocols import Selection, TargetKind
from mien.evaluation.metrics import DoubleArray


class PixelModel:
    """Probabilities from eight pixels of the picture; counts how many pictures it was shown."""

    def __init__(self) -> None:
        self.seen = 0

    def predict_proba(self, images: np.ndarray) -> np.ndarray:
        self.seen += len(images)
        logits = images[:, 0, :8, 0].astype(np.float32) / 64
        exponent: np.ndarray = np.exp(logits - logits.max(axis=1, keepdims=True))
        exponent /= exponent.sum(axis=1, keepdims=True)
        return exponent


def random_votes(rng: np.random.Generator, n: int, classes: int = 8) -> DoubleArray:
    """Ten votes an image over a few of the classes, as shares."""
    return rng.multinomial(10, rng.dirichlet(np.full(classes, 0.4), n)) / 10.0


def selection(targets: DoubleArray, kind: TargetKind, protocol: str = "made") -> Selection:
    return Selection(protocol, "test", kind, np.arange(len(targets)), targets)
