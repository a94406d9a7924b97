"""The temperature that makes a network agree best with the votes of the validation split.

It does not train or export; Guo et al. 2017, section 4.2, with vote distributions in place of labels.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mien.data.dataset import FerDataset
from mien.data.protocols import select
from mien.data.splits import Split
from mien.geometry import FloatArray
from mien.preprocessing import bytes_to_unit
from mien.training.losses import cross_entropy

_BATCH = 256


def faces_of(dataset: FerDataset, split: Split, *, at_most: int | None = None) -> FloatArray:
    """The faces of the protocol ``votes`` as a network takes them, float32 (n, 1, 48, 48) in [0, 1].

    Args:
        dataset: A prepared data set.
        split: Of the data set.
        at_most: So many of them, drawn at random, always the same; None takes all in order.
    """
    rows = select(dataset, "votes", split).indices
    if at_most is not None:
        rows = np.random.default_rng(0).permutation(rows)[:at_most]
    return as_input(dataset.images[rows])


def as_input(images: npt.NDArray[np.uint8]) -> FloatArray:
    """Gray pictures (n, 48, 48, 1) as a network takes them, float32 (n, 1, 48, 48) in [0, 1]."""
    return bytes_to_unit(images.transpose(0, 3, 1, 2))


@torch.no_grad()
def fit_on_validation(network: nn.Module, dataset: FerDataset) -> float:
    """The temperature for ``network`` on the validation split."""
    votes = torch.from_numpy(select(dataset, "votes", "validation").targets).float()
    faces = torch.from_numpy(faces_of(dataset, "validation"))
    return fit_temperature(torch.cat([network(batch) for batch in torch.split(faces, _BATCH)]), votes)


def fit_temperature(logits: Tensor, targets: Tensor) -> float:
    """The temperature in [0.05, 20] that minimizes the cross-entropy of ``softmax(logits / t)`` to ``targets``.

    The cross-entropy is convex in 1 / t, so a search by golden section finds it.

    Args:
        logits: float32 (n, classes).
        targets: float32 (n, classes), rows sum to 1.
    """
    low, high = 0.05, 20.0
    ratio = (5**0.5 - 1) / 2
    low, high = 1 / high, 1 / low
    for _ in range(60):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if cross_entropy(logits * left, targets).mean() < cross_entropy(logits * right, targets).mean():
            high = right
        else:
            low = left
    return 2 / (low + high)
