"""Which images to ask people about: where networks are unsure, disagree, and the images differ from each other."""

import numpy as np
import numpy.typing as npt

from mien.data.dataset import FerDataset
from mien.errors import ConfigError, ShapeError

#: So many times more candidates than images are compared for diversity.
_POOL = 5
_THUMB = 12
_Scores = npt.NDArray[np.float64]


def usefulness(answers: npt.NDArray[np.floating]) -> _Scores:
    """How much a label of each image would help, float64 (N,): the entropy of the mean answer.

    That is the sum of how unsure each network is and how much they disagree (their mean entropy and the generalized
    Jensen-Shannon divergence between them), in nats.

    Args:
        answers: Probabilities (models, N, classes).

    Raises:
        ShapeError: They are not of that shape.
    """
    if answers.ndim != 3 or not len(answers):
        raise ShapeError(f"answers of shape {answers.shape}, expected (models, N, classes)")
    mean = answers.mean(axis=0, dtype=np.float64)  # (N, classes)
    return np.asarray(-(mean * np.log(np.maximum(mean, 1e-12))).sum(axis=1))


def select_images(
    dataset: FerDataset, answers: npt.NDArray[np.floating], count: int, *, rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Positions of ``count`` images to label first, int64 (count,): useful ones that are unlike each other.

    Of the most useful candidates each next image is the one farthest from all chosen, by its pixels at 12 × 12 after
    its mean and contrast are taken away (greedy k-center, Sener and Savarese 2018); equal pictures are taken once.

    Args:
        dataset: A prepared data set.
        answers: Probabilities (models, N, classes) of networks.
        count: How many; fewer come where there are fewer.
        rows: Positions to choose from.

    Raises:
        ConfigError: ``count`` is less than 1.
        ShapeError: ``answers`` has another shape.
    """
    if count < 1:
        raise ConfigError(f"n is {count}, expected at least 1 image")
    scores = usefulness(answers)[rows]
    # stable, so that equal scores come in the order of rows on every machine
    pool = rows[np.argsort(-scores, kind="stable")[: count * _POOL]]
    features = _features(dataset, pool)  # (pool, 144)
    chosen = [0]  # the pool is sorted: the most useful one
    distances = np.linalg.norm(features - features[0], axis=1)
    while len(chosen) < min(count, len(pool)):
        farthest = int(distances.argmax())
        if distances[farthest] == 0:  # only copies are left
            break
        chosen.append(farthest)
        distances = np.minimum(distances, np.linalg.norm(features - features[farthest], axis=1))
    return np.asarray(pool[chosen])


def _features(dataset: FerDataset, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    side = dataset.side
    # sums over a grid of blocks, since a side need not be a multiple of 12
    edges = np.linspace(0, side, _THUMB, endpoint=False).astype(int)
    pixels = np.asarray(dataset.images[rows])[:, :, :, 0].astype(np.float32)  # (n, S, S)
    sums = np.add.reduceat(np.add.reduceat(pixels, edges, axis=1), edges, axis=2).reshape(len(rows), -1)
    sums -= sums.mean(axis=1, keepdims=True)
    return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-6), np.float32)
