"""The training and validation faces of a run, of all its data sets, with their targets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mien.data.dataset import FerDataset
from mien.data.protocols import select
from mien.errors import ConfigError
from mien.training.batches import ImageBatches
from mien.training.config import FurtherData, TrainingConfig
from mien.training.heads import CLASSES, INTENDED_CLASSES, intended, perceived
from mien.training.losses import expected_hits, label_metrics, validation_metrics
from mien.training.targets import Targets, image_weights, intended_labels, intended_targets, split_targets

#: Every n-th training face is used to measure batch norm statistics of a network that is read from a model file.
_SAMPLE_STEP = 7


def check_data(config: TrainingConfig, dataset: FerDataset, sets: Mapping[str, FerDataset]) -> None:
    """Refuse data sets that do not fit the recipe.

    Raises:
        ConfigError: A further set is missing or not in the recipe, or the second head has no FER2013 labels to learn.
    """
    wanted = {entry.name for entry in config.data}
    if lacking := sorted(wanted - sets.keys()):
        raise ConfigError(
            f"the recipe also trains on {', '.join(lacking)}, which is not given",
            hint=f"add --data {lacking[0]}=FOLDER with a prepared data set",
        )
    if other := sorted(sets.keys() - wanted):
        raise ConfigError(
            f"data {', '.join(other)} are given, but the recipe has no such [[data]] table",
            hint=f"it names {', '.join(sorted(wanted))}" if wanted else "it trains on the main data set alone",
        )
    if config.intended_weight and not np.any(dataset.emotions < INTENDED_CLASSES):
        raise ConfigError(
            f"intended_weight is {config.intended_weight}, but the data set has none of FER2013's own labels",
            hint="prepare it again from a fer2013.csv with an emotion column, or set intended_weight = 0",
        )


class TrainingFaces:
    """The training faces of all data sets, the main one's first.

    Attributes:
        images: Their images.
        votes: Vote distributions, float32 (n, 8).
        weights: Of each face in the loss, float32 (n,).
        teacher_share: Weight of the teachers in the first head's targets; float32 (n, 1) where the sets differ in it.

    Raises:
        ConfigError: The recipe uses two panels of votes and the data set has one.
    """

    def __init__(
        self, config: TrainingConfig, dataset: FerDataset, sets: Mapping[str, FerDataset], device: torch.device
    ) -> None:
        self._main = split_targets(dataset, "train", config)
        further = [(entry, _further_targets(sets[entry.name], config)) for entry in config.data]
        parts = [(dataset, self._main.indices)] + [(sets[entry.name], t.indices) for entry, t in further]
        self._further = [_smoothed(targets.votes, entry) for entry, targets in further]
        self.images = ImageBatches(parts, device)
        self.votes = torch.cat([self._main.votes, *(targets.votes for _, targets in further)])  # (n, 8)
        weights = [image_weights(self._main.votes, config.class_weight_power)]
        weights += [e.weight * image_weights(t.votes, e.class_weight_power) for e, t in further]
        self.weights = torch.cat(weights)  # (n,), mean 1 over the main set
        self.teacher_share = _teacher_share(config, [len(rows) for _, rows in parts])
        self._intended: Tensor | None = None
        if config.intended_weight:
            labels = torch.cat([intended_labels(part.emotions[rows]) for part, rows in parts])  # (n, 7)
            self._intended = intended_targets(
                labels, self.votes, smoothing=config.intended_smoothing, votes_share=config.intended_votes_share
            )

    def __len__(self) -> int:
        return len(self.votes)

    def targets_at(self, epoch: int) -> Tensor:
        """Targets of ``epoch``, float32 (n, 8); with a second head (n, 15), the last seven columns being its own."""
        first = torch.cat([self._main.at_epoch(epoch), *self._further])
        return first if self._intended is None else torch.cat([first, self._intended], dim=1)

    def sample(self) -> Tensor:
        """Every seventh face without augmentation, float32 (m, 1, 48, 48)."""
        return torch.cat(list(self.images.in_order(step=_SAMPLE_STEP))).cpu()


@dataclass(frozen=True, slots=True)
class _JudgedSet:
    """The validation faces of a further data set."""

    images: ImageBatches
    votes: Tensor


class ValidationFaces:
    """The validation faces: those of the main set select the best epoch, those of further sets are only reported."""

    def __init__(
        self, config: TrainingConfig, dataset: FerDataset, sets: Mapping[str, FerDataset], device: torch.device
    ) -> None:
        self._targets = split_targets(dataset, "validation", config)
        self._images = ImageBatches([(dataset, self._targets.indices)], device)
        self._intended: Tensor | None = None
        if config.intended_weight:
            self._intended = intended_labels(dataset.emotions[self._targets.indices])
        self._sets: dict[str, _JudgedSet] = {}
        for name, further in sets.items():
            if len(select(further, "votes", "validation").indices):  # sets without such a split are not judged
                targets = Targets(further, "validation", target="soft", panels="first", seed=0)
                self._sets[name] = _JudgedSet(ImageBatches([(further, targets.indices)], device), targets.votes)

    def judge(self, answer: Callable[[ImageBatches], Tensor], epoch: int) -> dict[str, float | dict[str, float]]:
        """The metrics of an epoch, by their names in :class:`mien.training.history.EpochMetrics`.

        Args:
            answer: Computes the network's logits of images, float32 (n, 8) or (n, 15).
            epoch: From 1.
        """
        logits, targets = answer(self._images), self._targets
        metrics: dict[str, float | dict[str, float]] = {}
        metrics |= validation_metrics(perceived(logits), targets.at_epoch(epoch), targets.votes)
        if self._intended is not None:
            metrics["intended_loss"], metrics["intended_accuracy"] = label_metrics(intended(logits), self._intended)
        metrics["set_accuracy"] = {
            name: float(expected_hits(perceived(answer(judged.images)), judged.votes).mean())
            for name, judged in self._sets.items()
        }
        return metrics


def _further_targets(dataset: FerDataset, config: TrainingConfig) -> Targets:
    """Targets of a further data set: its vote distributions, which are one-hot for a set with single labels."""
    return Targets(dataset, "train", target="soft", panels="first", seed=config.seed)


def _smoothed(votes: Tensor, entry: FurtherData) -> Tensor:
    return votes.lerp(torch.full_like(votes, 1 / CLASSES), entry.label_smoothing) if entry.label_smoothing else votes


def _teacher_share(config: TrainingConfig, sizes: list[int]) -> Tensor | float:
    if all(entry.teacher_share is None for entry in config.data):
        return config.teacher_share
    own = [config.teacher_share if e.teacher_share is None else e.teacher_share for e in config.data]
    shares = torch.tensor([config.teacher_share, *own])
    return shares.repeat_interleave(torch.tensor(sizes))[:, None]  # (n, 1), in the order of the sets
