"""What each image is trained towards, made from its votes.

It does not know networks; targets are float32 (n, 8) with rows that sum to 1, or to 0 where there is no target.
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
                return self._draw(0)
            case "drawn":
                return self._draw(epoch)

    def _draw(self, epoch: int) -> Tensor:
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + epoch)
        drawn = torch.multinomial(self.votes, 1, generator=generator).squeeze(1)
        return torch.nn.functional.one_hot(drawn, self.votes.shape[1]).float()


def image_weights(votes: Tensor, power: float) -> Tensor:
    """Weight of each image, float32 (n,), mean 1: its votes' mean of class frequency to the ``-power``."""
    frequency = votes.mean(dim=0).clamp(min=1e-6)
    weights = votes @ frequency.pow(-power)
    return weights / weights.mean()


def split_targets(dataset: FerDataset, split: Split, config: TrainingConfig) -> Targets:
    """The targets of ``split`` as ``config`` wants them; validation draws differ from those of training."""
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
