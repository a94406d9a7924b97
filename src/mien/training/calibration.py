"""The temperature that makes a network's probabilities agree best with the votes of the validation split.

It does not train or export; Guo et al. 2017, section 4.2, with vote distributions in place of labels.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mien.data.dataset import FerDataset
from mien.data.protocols import select
from mien.training.losses import cross_entropy, expected_hits
from mien.training.trained import load_network


@dataclass(frozen=True, slots=True)
class Calibration:
    """A temperature and the validation figures with it, by protocol."""

    temperature: float
    scores: dict[str, dict[str, float]]


def calibrate(run: Path, dataset: FerDataset, *, mirror: bool = False) -> Calibration:
    """Fit the temperature of a run's best weights on the validation split, mirrored if the export will be.

    Raises:
        CheckpointError: ``run`` is no run folder, or its weights are damaged.
    """
    network, _ = load_network(run, mirror=mirror)
    rows = select(dataset, "votes", "validation")
    votes = torch.from_numpy(rows.targets).float()
    with torch.no_grad():
        images = torch.from_numpy(np.asarray(dataset.images[rows.indices])).permute(0, 3, 1, 2).float() / 255
        logits = torch.cat([network(batch) for batch in torch.split(images, 256)])
    temperature = fit_temperature(logits, votes)
    entropy = -torch.special.xlogy(votes, votes).sum(dim=1)
    kl = float((cross_entropy(logits / temperature, votes) - entropy).mean())
    figures = {"validation/votes": {"n": len(votes), "kl": kl}}
    figures["validation/drawn"] = {"n": len(votes), "accuracy": float(expected_hits(logits, votes).mean())}
    strict = select(dataset, "majority-v1", "validation")
    chosen = torch.from_numpy(np.isin(rows.indices, strict.indices))
    accuracy = float((logits.argmax(dim=1)[chosen] == torch.from_numpy(strict.labels)).float().mean())
    figures["validation/majority-v1"] = {"n": len(strict.indices), "accuracy": accuracy}
    return Calibration(temperature, figures)


def fit_temperature(logits: Tensor, targets: Tensor) -> float:
    """The temperature in [0.05, 20] that minimises the cross-entropy of ``softmax(logits / t)`` to ``targets``.

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
