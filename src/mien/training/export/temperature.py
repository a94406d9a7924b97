"""Temperature scaling of each head on the validation split.

Guo et al. 2017, section 4.2, with vote distributions instead of labels for the first head.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mien.data.dataset import FerDataset
from mien.data.protocols import select
from mien.data.splits import Split
from mien.geometry import FloatArray
from mien.metadata import INTENDED, PERCEIVED, HeadSpec
from mien.preprocessing import bytes_to_unit
from mien.training.losses import cross_entropy
from mien.training.targets import intended_labels

_BATCH = 256


def faces_of(dataset: FerDataset, split: Split, *, at_most: int | None = None) -> FloatArray:
    """The faces of the protocol ``votes`` as network input, float32 (n, 1, 48, 48) in [0, 1].

    Args:
        dataset: A prepared data set.
        split: Of the data set.
        at_most: Number of faces, chosen at random with a fixed seed; None takes all, in order.
    """
    rows = select(dataset, "votes", split).indices
    if at_most is not None:
        rows = np.random.default_rng(0).permutation(rows)[:at_most]
    return as_input(dataset.images[rows])


def as_input(images: npt.NDArray[np.uint8]) -> FloatArray:
    """Gray uint8 images (n, 48, 48, 1) as network input, float32 (n, 1, 48, 48) in [0, 1]."""
    return bytes_to_unit(images.transpose(0, 3, 1, 2))


@torch.no_grad()
def fit_on_validation(network: nn.Module, heads: Mapping[str, HeadSpec], dataset: FerDataset) -> dict[str, HeadSpec]:
    """The heads of ``network`` with their temperatures on the validation split.

    Args:
        network: In evaluation mode; its logits are those of all heads, concatenated.
        heads: ``perceived`` is fitted to the votes, ``intended`` to FER2013's own labels, where these are known.
        dataset: A prepared data set.
    """
    selected = select(dataset, "votes", "validation")
    targets: dict[str, Tensor] = {
        PERCEIVED: torch.from_numpy(selected.targets).float(),
        INTENDED: intended_labels(dataset.emotions[selected.indices]),
    }
    faces = torch.from_numpy(faces_of(dataset, "validation"))
    logits = torch.cat([network(batch) for batch in torch.split(faces, _BATCH)])  # (n, all columns)
    fitted = {}
    begin = 0
    for name, head in heads.items():
        end = begin + len(head.labels)
        known = targets[name].sum(dim=1) > 0  # (n,); faces without a FER2013 label have zeros
        temperature = fit_temperature(logits[known, begin:end], targets[name][known])
        fitted[name] = replace(head, temperature=temperature)
        begin = end
    return fitted


def fit_temperature(logits: Tensor, targets: Tensor) -> float:
    """The temperature in [0.05, 20] that minimizes the cross-entropy of ``softmax(logits / t)`` to ``targets``.

    The cross-entropy is convex in 1 / t, so golden-section search finds its minimum.

    Args:
        logits: float32 (n, classes).
        targets: float32 (n, classes), rows sum to 1.
    """
    low, high = 1 / 20.0, 1 / 0.05  # bounds of 1 / t
    ratio = (5**0.5 - 1) / 2  # of the golden section
    for _ in range(60):  # 0.618^60 of the interval is below the precision of a float
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if cross_entropy(logits * left, targets).mean() < cross_entropy(logits * right, targets).mean():
            high = right
        else:
            low = left
    return 2 / (low + high)
