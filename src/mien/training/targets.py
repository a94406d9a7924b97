"""What each image is trained towards, made from its votes and from FER2013's own label.

Targets are float32 (n, 8), of the second head (n, 7), with rows that sum to 1, or to 0 where there is no target.
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
    """The rows of one split and, epoch by epoch, their targets.

    Training leaves faces without a target out; validation keeps them, so that all runs are judged on the same faces.

    Attributes:
        indices: Rows of the data set, int64 (n,).
        votes: Their vote distributions, float32 (n, 8), whatever they are trained towards.
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
        """Targets of ``epoch``; the same epoch gives the same targets again."""
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
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + epoch)
        sampled = torch.multinomial(self.votes, 1, generator=generator).squeeze(1)  # (n,)
        return torch.nn.functional.one_hot(sampled, self.votes.shape[1]).float()


def image_weights(votes: Tensor, power: float) -> Tensor:
    """Weight of each image, float32 (n,), mean 1: its votes' mean of class frequency to the ``-power``."""
    frequency = votes.mean(dim=0).clamp(min=1e-6)
    weights = votes @ frequency.pow(-power)
    return weights / weights.mean()


def intended_labels(emotions: npt.NDArray[np.uint8]) -> Tensor:
    """FER2013's own labels (n,) in its order as one-hot float32 (n, 7); zeros where there is none."""
    labels = torch.from_numpy(np.asarray(emotions).astype(np.int64))
    one_hot = torch.nn.functional.one_hot(labels.clamp(max=INTENDED_CLASSES), INTENDED_CLASSES + 1)
    return one_hot[:, :INTENDED_CLASSES].float()  # 255, for unknown, fell into the column that is left out


def intended_targets(labels: Tensor, votes: Tensor, *, smoothing: float, votes_share: float) -> Tensor:
    """The second head's targets: labels smoothed evenly and by what the taggers saw, float32 (n, 7).

    Args:
        labels: One-hot float32 (n, 7), zeros where there is none.
        votes: Distributions, float32 (n, 8).
        smoothing: Share of a label that is spread over all seven classes.
        votes_share: Share of the votes in the seven classes; a face whose votes are mostly contempt, which FER2013
            lacks, keeps its label.
    """
    smoothed = labels.lerp(torch.full_like(labels, 1 / labels.shape[1]), smoothing)
    seven = votes[:, INTENDED_FROM_PERCEIVED]
    total = seven.sum(dim=1, keepdim=True)
    blended = smoothed.lerp(seven / total.clamp(min=1e-6), votes_share)
    known = labels.sum(dim=1, keepdim=True) > 0
    return torch.where(total > 0.5, blended, smoothed) * known


def split_targets(dataset: FerDataset, split: Split, config: TrainingConfig) -> Targets:
    """The targets of ``split`` as ``config`` wants them; validation is sampled by another seed than training."""
    seed = config.seed * 2 + (split != "train")
    return Targets(dataset, split, target=config.target, panels=config.panels, seed=seed)


def _distributions(dataset: FerDataset, rows: npt.NDArray[np.int64], panels: Panels) -> npt.NDArray[np.float64]:
    votes = np.asarray(dataset.votes[rows])
    if panels == "both":
        if dataset.panel_votes is None:
            raise ConfigError(
                'the recipe wants panels = "both" and the data set holds one',
                hint='run mien data prepare again with --labels FOLDER, or set panels = "first"',
            )
        votes = votes + np.asarray(dataset.panel_votes[rows])
    return distribution(votes)
