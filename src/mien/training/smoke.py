"""Smoke runs: about a minute of training, to check that recipe, data and machine work before the real run begins."""

from dataclasses import replace
from typing import Any

import numpy as np

from mien.data.dataset import FerDataset
from mien.data.splits import SPLITS
from mien.training.config import TrainingConfig

_EPOCHS = 2
#: Maximum number of images of each split.
_FACES = {"train": 768, "validation": 256, "test": 0}  # no run reads the test split


def smoke_config(config: TrainingConfig) -> TrainingConfig:
    """The recipe with two epochs and batches of at most 64; everything else in it is exercised."""
    return replace(
        config,
        epochs=_EPOCHS,
        small_epochs=min(config.small_epochs, 1),  # one epoch with reduced faces, one without
        batch_size=min(config.batch_size, 64),
    )


def smoke_dataset(dataset: FerDataset) -> FerDataset:
    """A few hundred images of a data set, evenly spaced over each split, with hashes of their own."""
    rows = np.concatenate([_some(dataset.split_rows(split), _FACES[split]) for split in SPLITS])
    return dataset.take(rows)


def _some(rows: np.ndarray[Any, np.dtype[np.int64]], count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """At most ``count`` of ascending rows, evenly spaced."""
    if len(rows) <= count:
        return rows
    return rows[np.linspace(0, len(rows) - 1, count).astype(np.int64)] if count else rows[:0]
