"""The metrics as numpy functions over arrays, named as in scikit-learn.

Everything is float64; a ratio whose denominator is zero is 0.

Every function takes weights of the images with any number of leading axes, shape (…, n), and returns its metric with
those axes. Each image has weight 1 by default; weights that count how often an image was resampled give a bootstrap.
The metrics over classes are functions of the confusion matrix, and a matrix of *expected* counts (each image spread
over the classes by its votes) gives the metrics in expectation over labels drawn from the votes.
"""

import numpy as np
import numpy.typing as npt

from mien.errors import ShapeError
from mien.expressions import FERPLUS_LABELS

DoubleArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
#: Labels (n,), or distributions over the classes (n, k).
Truth = npt.NDArray[np.integer] | DoubleArray

#: Number of classes that a label array is taken to have.
CLASSES = len(FERPLUS_LABELS)
#: Bins of the calibration error (Guo et al. 2017, section 2, use 15).
CALIBRATION_BINS = 15
#: Lower bound of probabilities in logarithms; Keras clips its cross-entropy at the same value.
PROBABILITY_FLOOR = 1e-7


def one_hot(labels: IntArray, classes: int = CLASSES) -> DoubleArray:
    """Labels (n,) as rows (n, classes) with a single 1.

    Raises:
        ShapeError: A label lies outside 0 … classes - 1.
    """
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        raise ShapeError(f"labels must lie in 0 … {classes - 1}, got {labels.min()} … {labels.max()}")
    rows: DoubleArray = np.eye(classes)[labels]
    return rows


def confusion_matrix(
    truth: Truth,
    predicted: npt.NDArray[np.integer],
    *,
    weights: DoubleArray | None = None,
    classes: int = CLASSES,
) -> DoubleArray:
    """Counts of true class (row) against predicted class (column).

    Args:
        truth: Labels (n,), or distributions over the classes (n, classes) for expected counts.
        predicted: Labels (n,).
        weights: Of the images, (…, n); None is 1 for each.
        classes: Number of classes when ``truth`` holds labels.

    Returns:
        The matrix (…, classes, classes).

    Raises:
        ShapeError: The arrays differ in length, or a label is out of range.

    Examples:
        >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 1, 0]), classes=2).tolist()
        [[1.0, 0.0], [1.0, 1.0]]
    """
    rows = _as_rows(truth, classes)
    if len(rows) != len(predicted):
        raise ShapeError(f"{len(rows)} true labels but {len(predicted)} predictions")
    per_image = _weights(weights, len(rows))
    matrix = np.zeros((*per_image.shape[:-1], rows.shape[1], rows.shape[1]))
    for column in range(rows.shape[1]):
        hit = predicted == column  # (n,)
        matrix[..., column] = per_image[..., hit] @ rows[hit]  # (…, classes): weight of each true class in this column
    return matrix


def accuracy(matrix: DoubleArray) -> DoubleArray:
    """Share of the images on the diagonal of a confusion matrix (…, k, k)."""
    return _ratio(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum(axis=(-2, -1)))


def support(matrix: DoubleArray) -> DoubleArray:
    """Images of each true class (…, k)."""
    counts: DoubleArray = matrix.sum(axis=-1)
    return counts


def precision(matrix: DoubleArray) -> DoubleArray:
    """Share of the predictions of each class that are right (…, k); 0 for a class never predicted."""
    return _ratio(_diagonal(matrix), matrix.sum(axis=-2))


def recall(matrix: DoubleArray) -> DoubleArray:
    """Share of the images of each class that are found (…, k); 0 for a class that is absent."""
    return _ratio(_diagonal(matrix), matrix.sum(axis=-1))


def f1(matrix: DoubleArray) -> DoubleArray:
    """Harmonic mean of precision and recall of each class (…, k); 0 where both are."""
    return _ratio(2 * _diagonal(matrix), matrix.sum(axis=-2) + matrix.sum(axis=-1))


def macro_f1(matrix: DoubleArray) -> DoubleArray:
    """Mean of F1 over all classes, those absent too (scikit-learn with all ``labels`` and ``zero_division=0``)."""
    mean: DoubleArray = f1(matrix).mean(axis=-1)
    return mean


def balanced_accuracy(matrix: DoubleArray) -> DoubleArray:
    """Mean of recall over the classes that occur."""
    return _ratio(recall(matrix).sum(axis=-1), (matrix.sum(axis=-1) > 0).sum(axis=-1))


def normalize_rows(matrix: DoubleArray) -> DoubleArray:
    """Each row of a confusion matrix as shares of the true class; an absent class keeps a row of zeros."""
    return _ratio(matrix, matrix.sum(axis=-1, keepdims=True))


def cross_entropy(votes: DoubleArray, probabilities: DoubleArray) -> DoubleArray:
    """Of each image, -Σ votes · ln(probability), in nats: two arrays (n, k) give (n,)."""
    each: DoubleArray = -(votes * np.log(np.clip(probabilities, PROBABILITY_FLOOR, None))).sum(axis=-1)
    return each


def entropy(votes: DoubleArray) -> DoubleArray:
    """Of each row of distributions (n, k), in nats: the floor of its cross-entropy."""
    each: DoubleArray = -_x_log_y(votes, votes).sum(axis=-1)  # (n,)
    return each


def kl_divergence(votes: DoubleArray, probabilities: DoubleArray) -> DoubleArray:
    """Of each image, KL(votes ‖ model) in nats: what the cross-entropy leaves above the entropy of the votes."""
    return cross_entropy(votes, probabilities) - entropy(votes)


def js_divergence(votes: DoubleArray, probabilities: DoubleArray) -> DoubleArray:
    """Of each image, the Jensen-Shannon divergence in nats, in [0, ln 2]; the square of scipy's ``jensenshannon``."""
    middle = (votes + probabilities) / 2  # (n, k)
    # Rounding can make the difference of entropies negative where both distributions are equal.
    return np.maximum(entropy(middle) - (entropy(votes) + entropy(probabilities)) / 2, 0.0)


def weighted_mean(values: DoubleArray, weights: DoubleArray | None = None) -> DoubleArray:
    """Mean of per-image values (n,) under weights (…, n)."""
    per_image = _weights(weights, len(values))
    return _ratio(per_image @ values, per_image.sum(axis=-1))


def calibration_bins(
    truth: Truth,
    probabilities: DoubleArray,
    *,
    weights: DoubleArray | None = None,
    bins: int = CALIBRATION_BINS,
) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """Images, sum of confidences and sum of hits in equal bins of the top class' probability.

    Args:
        truth: Labels (n,), where a hit is 0 or 1; or distributions (n, k), where it is the share of the votes.
        probabilities: The model's, (n, k).
        weights: Of the images, (…, n).
        bins: How many; bin b holds the confidences in (b / bins, (b + 1) / bins].

    Returns:
        Three arrays (…, bins).
    """
    rows = _as_rows(truth, probabilities.shape[1])
    top = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1, initial=0.0)
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)  # (n,); bins are open to the left
    member = one_hot(place, bins)  # (n, bins)
    per_image = _weights(weights, len(rows))
    hits = rows[np.arange(len(rows)), top]  # (n,), 0 or 1 for labels, the share of the votes for distributions
    return per_image @ member, per_image @ (member * confidence[:, None]), per_image @ (member * hits[:, None])


def expected_calibration_error(
    truth: Truth,
    probabilities: DoubleArray,
    *,
    weights: DoubleArray | None = None,
    bins: int = CALIBRATION_BINS,
) -> DoubleArray:
    """Mean distance of confidence and hits over the bins (Guo et al. 2017, equation 3); arguments as its bins."""
    count, confidence, hits = calibration_bins(truth, probabilities, weights=weights, bins=bins)
    return _ratio(np.abs(confidence - hits).sum(axis=-1), count.sum(axis=-1))


def _as_rows(truth: Truth, classes: int) -> DoubleArray:
    return one_hot(truth.astype(np.int64), classes) if truth.ndim == 1 else truth.astype(np.float64, copy=False)


def _weights(weights: DoubleArray | None, n: int) -> DoubleArray:
    if weights is None:
        return np.ones(n)
    if weights.shape[-1] != n:
        raise ShapeError(f"weights for {weights.shape[-1]} images, but there are {n}")
    return np.asarray(weights, np.float64)


def _ratio(above: npt.ArrayLike, below: npt.ArrayLike) -> DoubleArray:
    upper, lower = np.broadcast_arrays(np.asarray(above, np.float64), np.asarray(below, np.float64))
    result: DoubleArray = np.divide(upper, lower, out=np.zeros(upper.shape), where=lower > 0)
    return result


def _diagonal(matrix: DoubleArray) -> DoubleArray:
    return np.diagonal(matrix, axis1=-2, axis2=-1)


def _x_log_y(x: DoubleArray, y: DoubleArray) -> DoubleArray:
    # 0 · log 0 is 0; np.where keeps numpy from warning about log 0.
    result: DoubleArray = x * np.log(np.where(x > 0, y, 1.0))
    return result
