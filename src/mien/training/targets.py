"""Training targets, made from the votes of each image and from FER2013's own label.

Targets are float32 (n, 8), of the second head (n, 7); rows sum to 1, or to 0 where an image has no target.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mien.data.dataset import FerDataset
from mien.data.protocols import distribution, majority, select
from mien.data.splits import Split
from mien.errors import ConfigError
from mien.training.config import Panels, Target, TrainingConfig
from mien.training.heads import INTENDED_CLASSES, INTENDED_FROM_PERCEIVED


class Targets:
    """The rows of one split with their targets in each epoch.

    Training leaves faces without a target out; validation keeps them, so that all runs are judged on the same faces.

    Attributes:
        indices: Rows of the data set, int64 (n,).
        votes: Their vote distributions, float32 (n, 8), whatever the targets are.
    """

    def __init__(self, dataset: FerDataset, split: Split, *, target: Target, panels: Panels, seed: int) -> None:
        trained = split == "train" and target == "majority"
        self.indices = select(dataset, "majority-v1" if trained else "votes", split).indices
        self.votes = torch.from_numpy(_distributions(dataset, self.indices, panels)).float()
        self._majority = torch.from_numpy(majority(np.asarray(dataset.votes[self.indices]))).float()
        self._target = target
        self._seed = seed

    def __len__(self) -> int:
        return len(self.indices)

    def at_epoch(self, epoch: int) -> Tensor:
        """Targets of ``epoch``, float32 (n, 8); the same at every call with the same epoch."""
        match self._target:
            case "soft":
                return self.votes
            case "majority":
                return self._majority
            case "fixed":
                return self._sample(0)
            case "drawn":
                return self._sample(epoch)

    def _sample(self, epoch: int) -> Tensor:
        # seeded by the epoch, so that a resumed run samples the labels of an uninterrupted one
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + epoch)
        sampled = torch.multinomial(self.votes, 1, generator=generator).squeeze(1)  # (n,)
        return torch.nn.functional.one_hot(sampled, self.votes.shape[1]).float()


def image_weights(votes: Tensor, power: float) -> Tensor:
    """Weights of images with votes (n, 8), float32 (n,), mean 1: the mean over the votes of frequency^-power."""
    frequency = votes.mean(dim=0).clamp(min=1e-6)  # (8,); a class without votes would have an infinite weight
    weights = votes @ frequency.pow(-power)  # (n,)
    return weights / weights.mean()


def intended_labels(emotions: npt.NDArray[np.uint8]) -> Tensor:
    """FER2013's own labels (n,) as one-hot float32 (n, 7); zeros where there is none (255)."""
    labels = torch.from_numpy(np.asarray(emotions).astype(np.int64))
    one_hot = torch.nn.functional.one_hot(labels.clamp(max=INTENDED_CLASSES), INTENDED_CLASSES + 1)  # (n, 8)
    return one_hot[:, :INTENDED_CLASSES].float()  # the last column collected the unknown labels


def intended_targets(labels: Tensor, votes: Tensor, *, smoothing: float, votes_share: float) -> Tensor:
    """The second head's targets, float32 (n, 7): labels smoothed uniformly and by the votes.

    Args:
        labels: One-hot float32 (n, 7), zeros where there is none.
        votes: Distributions, float32 (n, 8).
        smoothing: Share of a label that is spread over all seven classes.
        votes_share: Share of the votes in the seven classes; a face whose votes are mostly contempt, which FER2013
            lacks, keeps its label.
    """
    smoothed = labels.lerp(torch.full_like(labels, 1 / labels.shape[1]), smoothing)  # (n, 7)
    seven = votes[:, INTENDED_FROM_PERCEIVED]  # (n, 7), FER2013's order
    total = seven.sum(dim=1, keepdim=True)  # (n, 1), 1 - share of contempt
    blended = smoothed.lerp(seven / total.clamp(min=1e-6), votes_share)
    known = labels.sum(dim=1, keepdim=True) > 0  # (n, 1)
    return torch.where(total > 0.5, blended, smoothed) * known


def split_targets(dataset: FerDataset, split: Split, config: TrainingConfig) -> Targets:
    """The targets of ``split`` by the recipe; validation labels are sampled with another seed than training labels."""
    seed = config.seed * 2 + (split != "train")
    return Targets(dataset, split, target=config.target, panels=config.panels, seed=seed)


def _distributions(dataset: FerDataset, rows: npt.NDArray[np.int64], panels: Panels) -> npt.NDArray[np.float64]:
    votes = np.asarray(dataset.votes[rows])
    if panels == "both":
        if dataset.panel_votes is None:
            raise ConfigError(
                'the recipe has panels = "both", but the data set holds one panel',
                hint='run mien data prepare again with --labels FOLDER, or set panels = "first"',
            )
        votes = votes + np.asarray(dataset.panel_votes[rows])
    return distribution(votes)
