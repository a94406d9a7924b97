"""What a run tells whoever watches it. The loop calls it; the command line draws it."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class EpochFigures:
    """The figures of one epoch.

    Attributes:
        epoch: From 1.
        train_loss: Mean over the training images, against the run's target, with augmentation and dropout.
        train_accuracy: Expected accuracy on drawn labels, likewise.
        loss: On the validation split, against the run's target.
        accuracy: Expected accuracy on labels drawn from the votes.
        kl: KL(votes ‖ network) in nats, with the votes of the recipe's ``panels``.
        learning_rate: At the end of the epoch.
        images_per_s: Training images over the time of the epoch's training part.
        augmentation_share: Of the time of the epoch's training part, in [0, 1].
        best: 1.0 if no earlier epoch was as good.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    loss: float
    accuracy: float
    kl: float
    learning_rate: float
    images_per_s: float
    augmentation_share: float
    best: float


class Listener(Protocol):
    """Hears of a run's progress."""

    def started(self, *, epochs: int, steps_per_epoch: int, done_epochs: int, precision: str) -> None:
        """The run begins, or goes on after ``done_epochs``."""

    def stepped(self, *, loss: float, images_per_s: float) -> None:
        """A batch is done."""

    def finished_epoch(self, figures: EpochFigures) -> None:
        """An epoch is done and saved."""


class Silent:
    """Hears and says nothing."""

    def started(self, *, epochs: int, steps_per_epoch: int, done_epochs: int, precision: str) -> None:
        """Nothing."""

    def stepped(self, *, loss: float, images_per_s: float) -> None:
        """Nothing."""

    def finished_epoch(self, figures: EpochFigures) -> None:
        """Nothing."""
