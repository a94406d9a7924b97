"""The layer and its fit: multinomial logistic regression on log probabilities, regularized towards the identity.

    log p (n, d) → W (d, 8), b (8) → softmax
    minimize  Σ w · cross-entropy  +  strength / 2 · (‖W − I‖² + ‖b‖²)

The objective is strictly convex, so Newton's method finds its only minimum in a few steps. It knows arrays only.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.evaluation.metrics import DoubleArray, IntArray

#: Lower bound of probabilities before the logarithm; the layer in the file clips at the same value.
FLOOR = 1e-6
_STEPS, _CONVERGED = 50, 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """An affine map of log probabilities, followed by a softmax.

    Attributes:
        matrix: float64 (d, classes); the first rows belong to the head that answers: the identity there, and zeros
            below, change nothing.
        bias: float64 (classes,).
    """

    matrix: DoubleArray
    bias: DoubleArray

    @classmethod
    def identity(cls, inputs: int, classes: int) -> "Layer":
        """The layer that leaves probabilities as they are."""
        return cls(np.eye(inputs, classes), np.zeros(classes))

    def probabilities(self, features: DoubleArray) -> DoubleArray:
        """Probabilities (n, classes) for log probabilities (n, d)."""
        logits = features @ self.matrix + self.bias  # (n, classes)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        result: DoubleArray = shares / shares.sum(axis=1, keepdims=True)
        return result


def features_of(heads: list[npt.NDArray[np.floating]]) -> DoubleArray:
    """Log probabilities (n, d) of one head or several, concatenated; each head is (n, its labels)."""
    joined = np.concatenate([np.asarray(head, np.float64) for head in heads], axis=1)
    logs: DoubleArray = np.log(np.maximum(joined, FLOOR))
    return logs


def fit_layer(features: DoubleArray, labels: IntArray, weights: DoubleArray, *, strength: float, classes: int) -> Layer:
    """The layer that minimizes the sum of weighted cross-entropies and its own distance from changing nothing.

    Args:
        features: Log probabilities (n, d), those of the head that answers first.
        labels: Columns (n,) in 0 … classes - 1.
        weights: Of the faces (n,), 0 or more.
        strength: Of the regularization, above 0; as it grows the layer approaches the identity.
        classes: Number of columns.
    """
    inputs = np.hstack([features, np.ones((len(features), 1))])  # (n, d + 1)
    start = Layer.identity(features.shape[1], classes)
    rest = np.vstack([start.matrix, start.bias])  # (d + 1, classes)
    share = weights * (len(weights) / weights.sum())  # (n,), mean 1, so that strengths mean the same for all weights
    targets = np.eye(classes)[labels]  # (n, classes)
    current = rest.copy()
    value, probabilities = _objective(inputs, targets, share, current, rest, strength)
    for _ in range(_STEPS):
        gradient = inputs.T @ (share[:, None] * (probabilities - targets)) + strength * (current - rest)  # (d + 1, k)
        step = np.linalg.solve(_hessian(inputs, share, probabilities, strength), gradient.T.ravel())
        step = step.reshape(classes, -1).T  # back from class by class to (d + 1, classes)
        decrease, length = float((gradient * step).sum()), 1.0
        if decrease < _CONVERGED:
            break
        while True:  # backtracking line search (Armijo's condition): Newton's full step may overshoot
            moved = current - length * step
            reached, shares = _objective(inputs, targets, share, moved, rest, strength)
            if reached <= value - 1e-4 * length * decrease or length < 1e-6:
                break
            length /= 2
        current, value, probabilities = moved, reached, shares
    return Layer(current[:-1], current[-1])


def _objective(
    inputs: DoubleArray,
    targets: DoubleArray,
    share: DoubleArray,
    current: DoubleArray,
    rest: DoubleArray,
    strength: float,
) -> tuple[float, DoubleArray]:
    """The objective at ``current`` (d + 1, classes), and the probabilities (n, classes) there."""
    logits = inputs @ current  # (n, classes)
    logits -= logits.max(axis=1, keepdims=True)  # keeps exp from overflowing; the softmax does not change
    log_sum = np.log(np.exp(logits).sum(axis=1))  # (n,)
    loss = share @ (log_sum - (logits * targets).sum(axis=1)) + strength / 2 * float(((current - rest) ** 2).sum())
    return float(loss), np.exp(logits - log_sum[:, None])


def _hessian(inputs: DoubleArray, share: DoubleArray, probabilities: DoubleArray, strength: float) -> DoubleArray:
    """The Hessian, (classes · (d + 1)) rows and columns, parameters ordered class by class.

    Block (i, j) is Σ share · (p_i · [i = j] - p_i · p_j) · x xᵀ over the faces (Böhning 1992, section 2).
    """
    width, classes = inputs.shape[1], probabilities.shape[1]
    joint = (probabilities[:, :, None] * inputs[:, None, :]).reshape(len(inputs), -1)  # (n, classes · (d + 1))
    flat: DoubleArray = -(joint * share[:, None]).T @ joint
    for label in range(classes):
        block = slice(label * width, (label + 1) * width)
        flat[block, block] += inputs.T @ ((share * probabilities[:, label])[:, None] * inputs)
    flat[np.diag_indices_from(flat)] += strength  # of the penalty; makes the matrix positive definite
    return flat
