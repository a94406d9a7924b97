"""A run in about a minute, to see that recipe, data and machine fit together before the whole one begins."""

from dataclasses import fields, replace
from typing import Any

import numpy as np

from mien.data.dataset import FerDataset, split_sha256
from mien.data.splits import SPLITS
from mien.training.config import TrainingConfig

_EPOCHS = 2
#: Images of each split at most.
_FACES = {"train": 768, "validation": 256, "test": 0}


def smoke_config(config: TrainingConfig) -> TrainingConfig:
    """The recipe in two epochs and small batches; what it does in each stays."""
    return replace(
        config,
        epochs=_EPOCHS,
        small_epochs=min(config.small_epochs, 1),
        batch_size=min(config.batch_size, 64),
    )


def smoke_dataset(dataset: FerDataset) -> FerDataset:
    """Some hundred images of a data set, evenly out of each split; it names itself by hashes of its own."""
    rows = np.concatenate([_some(dataset.split_rows(split), _FACES[split]) for split in SPLITS])
    kept: dict[str, Any] = {}
    for item in fields(dataset):
        value = getattr(dataset, item.name)
        kept[item.name] = np.asarray(value[rows]) if isinstance(value, np.ndarray) else value
    small = FerDataset(**kept)
    splits = {
        split: {"rows": len(small.split_rows(split)), "sha256": split_sha256(small, split)}
        for split in dataset.manifest["splits"]
    }
    return replace(small, manifest={**dataset.manifest, "rows": len(rows), "splits": splits})


def _some(rows: np.ndarray[Any, np.dtype[np.int64]], count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """At most ``count`` of ascending rows, evenly spaced."""
    if len(rows) <= count:
        return rows
    return rows[np.linspace(0, len(rows) - 1, count).astype(np.int64)] if count else rows[:0]
