"""The layer and its fit: multinomial logistic regression on log probabilities, pulled towards changing nothing.

    log p (n, d) → W (d, 8), b (8) → softmax
    minimize  Σ w · cross-entropy  +  strength / 2 · (‖W − I‖² + ‖b‖²)

The objective is convex, so Newton's method finds its only minimum in a few steps. It does not know files or pictures.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.evaluation.metrics import FloatArray, IntArray

#: Probabilities below this count as this much; the layer in the file clips at the same value.
FLOOR = 1e-6
_STEPS, _CONVERGED = 50, 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """What stands behind the network's probabilities.

    Attributes:
        matrix: float64 (d, classes); the first rows are those of the head that answers, whose identity changes nothing.
        bias: float64 (classes,).
    """

    matrix: FloatArray
    bias: FloatArray

    @classmethod
    def identity(cls, inputs: int, classes: int) -> "Layer":
        """The layer that leaves probabilities as they are."""
        return cls(np.eye(inputs, classes), np.zeros(classes))

    def probabilities(self, features: FloatArray) -> FloatArray:
        """Probabilities (n, classes) for log probabilities (n, d)."""
        logits = features @ self.matrix + self.bias
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        result: FloatArray = shares / shares.sum(axis=1, keepdims=True)
        return result


def features_of(heads: list[npt.NDArray[np.floating]]) -> FloatArray:
    """Log probabilities (n, d) of the outputs of one head or two, beside each other."""
    joined = np.concatenate([np.asarray(head, np.float64) for head in heads], axis=1)
    logs: FloatArray = np.log(np.maximum(joined, FLOOR))
    return logs


def fit_layer(features: FloatArray, labels: IntArray, weights: FloatArray, *, strength: float, classes: int) -> Layer:
    """The layer that minimizes the sum of weighted cross-entropies and its own distance from changing nothing.

    Args:
        features: Log probabilities (n, d), those of the head that answers first.
        labels: Columns (n,) in 0 … classes - 1.
        weights: Of the faces (n,), 0 or more.
        strength: Of the pull towards the identity, above 0; large values change nothing.
        classes: Number of columns.
    """
    inputs = np.hstack([features, np.ones((len(features), 1))])  # (n, d + 1)
    start = Layer.identity(features.shape[1], classes)
    rest = np.vstack([start.matrix, start.bias])  # (d + 1, classes)
    share = weights * (len(weights) / weights.sum())  # (n,) as many faces as there are
    targets = np.eye(classes)[labels]
    current = rest.copy()
    value, probabilities = _objective(inputs, targets, share, current, rest, strength)
    for _ in range(_STEPS):
        gradient = inputs.T @ (share[:, None] * (probabilities - targets)) + strength * (current - rest)
        step = np.linalg.solve(_hessian(inputs, share, probabilities, strength), gradient.T.ravel())
        step = step.reshape(classes, -1).T
        decrease, length = float((gradient * step).sum()), 1.0
        if decrease < _CONVERGED:
            break
        while True:  # halve the step until it goes down as far as its slope promises a part of
            moved = current - length * step
            reached, shares = _objective(inputs, targets, share, moved, rest, strength)
            if reached <= value - 1e-4 * length * decrease or length < 1e-6:
                break
            length /= 2
        current, value, probabilities = moved, reached, shares
    return Layer(current[:-1], current[-1])


def _objective(
    inputs: FloatArray, targets: FloatArray, share: FloatArray, current: FloatArray, rest: FloatArray, strength: float
) -> tuple[float, FloatArray]:
    """Its value, and the probabilities (n, classes) there."""
    logits = inputs @ current
    logits -= logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(logits).sum(axis=1))
    loss = share @ (log_sum - (logits * targets).sum(axis=1)) + strength / 2 * float(((current - rest) ** 2).sum())
    return float(loss), np.exp(logits - log_sum[:, None])


def _hessian(inputs: FloatArray, share: FloatArray, probabilities: FloatArray, strength: float) -> FloatArray:
    """Second derivatives (classes · (d + 1),) squared, class by class."""
    width, classes = inputs.shape[1], probabilities.shape[1]
    joint = (probabilities[:, :, None] * inputs[:, None, :]).reshape(len(inputs), -1)  # (n, classes · (d + 1))
    flat: FloatArray = -(joint * share[:, None]).T @ joint
    for label in range(classes):
        block = slice(label * width, (label + 1) * width)
        flat[block, block] += inputs.T @ ((share * probabilities[:, label])[:, None] * inputs)
    flat[np.diag_indices_from(flat)] += strength
    return flat
