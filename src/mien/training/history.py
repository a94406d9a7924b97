"""The metrics of a run's epochs as typed rows, and as a CSV file."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan, nan
from pathlib import Path
from typing import Any, Self

from mien.errors import CheckpointError
from mien.runtime.files import write_text
from mien.runtime.translation import reason

#: Columns of every run, in the order of the file.
_COLUMNS = (
    "epoch",
    "train_loss",
    "train_accuracy",
    "loss",
    "accuracy",
    "kl",
    "learning_rate",
    "images_per_s",
    "augmentation_share",
)
_OPTIONAL = ("intended_loss", "intended_accuracy")
#: Prefix of the columns of further data sets; the name of the set follows.
_OF_SET = "accuracy_on_"


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """The metrics of one epoch; unknown ones are NaN and left out of files.

    Attributes:
        epoch: From 1.
        train_loss: Mean over the training images, against the run's target, with augmentation and dropout.
        train_accuracy: Expected accuracy on sampled labels, under the same conditions.
        loss: On the validation split, against the run's target.
        accuracy: Expected accuracy on labels sampled from the votes.
        kl: KL(votes ‖ network) in nats, with the votes of the recipe's ``panels``.
        learning_rate: At the end of the epoch.
        images_per_s: Training images over the time of the epoch's training part.
        augmentation_share: Share of augmentation in the time of the epoch's training part, in [0, 1].
        best: Whether it is better than all earlier epochs.
        intended_loss: Cross-entropy of the second head to FER2013's labels of the validation split; None without one.
        intended_accuracy: Its accuracy on them.
        set_accuracy: The first head's accuracy on the validation split of each further data set that has one.
    """

    epoch: int
    train_loss: float = nan
    train_accuracy: float = nan
    loss: float = nan
    accuracy: float = nan
    kl: float = nan
    learning_rate: float = nan
    images_per_s: float = nan
    augmentation_share: float = nan
    best: bool = False
    intended_loss: float | None = None
    intended_accuracy: float | None = None
    set_accuracy: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, float]:
        """A flat row; metrics that the run does not have are left out."""
        row: dict[str, float] = {name: value for name in _COLUMNS if not isnan(value := getattr(self, name))}
        row["best"] = float(self.best)
        row |= {name: value for name in _OPTIONAL if (value := getattr(self, name)) is not None}
        return row | {_OF_SET + name: value for name, value in self.set_accuracy.items()}

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Self:
        """Read a row of a history file, a checkpoint or a model's metadata.

        Raises:
            KeyError, TypeError, ValueError: It has no epoch, or a column is not a number.
        """
        if not isinstance(row, Mapping):
            raise TypeError(f"an epoch is {type(row).__name__}, expected named values")
        row = {name: value for name, value in row.items() if value != ""}  # CSV's form of a metric that is not known
        known = {name: float(row[name]) for name in (*_COLUMNS, *_OPTIONAL) if name in row and name != "epoch"}
        sets = {name.removeprefix(_OF_SET): float(value) for name, value in row.items() if name.startswith(_OF_SET)}
        # CSV gives text, JSON and checkpoints numbers: float() takes both
        if not (epoch := float(row["epoch"])).is_integer():
            raise ValueError(f"epoch {epoch} is no whole number")
        return cls(int(epoch), **known, best=bool(float(row.get("best", 0))), set_accuracy=sets)


def whole_history(state: Mapping[str, Any], *, most: int) -> list[EpochMetrics]:
    """The epochs of a checkpoint, checked to be complete and in order.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: They are not.
    """
    history = [EpochMetrics.from_dict(row) for row in state["history"]]
    if [metrics.epoch for metrics in history] != list(range(1, len(history) + 1)) or not 0 < len(history) <= most:
        raise ValueError(f"history holds {len(history)} epochs, expected 1 to {most} in order")
    gains = [metrics.epoch for metrics in history if metrics.best]
    if not gains or state["epochs_without_gain"] != len(history) - gains[-1]:
        raise ValueError("history does not match the number of epochs without a gain")
    return history


def read_history(path: Path) -> tuple[EpochMetrics, ...]:
    """The rows that :func:`write_history` wrote.

    Raises:
        CheckpointError: The file does not exist or is damaged.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return tuple(EpochMetrics.from_dict(row) for row in csv.DictReader(stream))
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as err:
        raise CheckpointError(
            f"{path}: cannot be read ({reason(err)})", hint="mien train … --resume writes it again"
        ) from err


def write_history(path: Path, history: Sequence[EpochMetrics]) -> None:
    """Write one line per epoch; ``history`` is not empty."""
    rows = [metrics.to_dict() for metrics in history]
    text = io.StringIO()
    # of all rows: an epoch that diverged lacks the metrics that are NaN
    columns = dict.fromkeys(name for row in rows for name in row)
    writer = csv.DictWriter(text, fieldnames=list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
