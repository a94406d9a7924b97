"""A made data set, in memory and in a folder."""

from pathlib import Path

import numpy as np
import pytest

from mien.data.dataset import FerDataset, write_dataset

from .made import PixelModel

ROWS = 90


@pytest.fixture
def model() -> PixelModel:
    return PixelModel()


@pytest.fixture
def dataset() -> FerDataset:
    rng = np.random.default_rng(7)
    votes = rng.multinomial(10, [0.3, 0.2, 0.1, 0.1, 0.08, 0.05, 0.05, 0.04, 0.05, 0.03], size=ROWS).astype(np.uint8)
    votes[::2] = 0
    votes[np.arange(0, ROWS, 2), rng.integers(0, 8, (ROWS + 1) // 2)] = 9
    made = FerDataset(
        images=rng.integers(0, 256, (ROWS, 48, 48, 1), dtype=np.uint8),
        splits=np.repeat(np.arange(3, dtype=np.uint8), ROWS // 3),
        rows=np.arange(ROWS, dtype=np.int32),
        emotions=np.zeros(ROWS, np.uint8),
        votes=votes,
        panel_votes=votes.copy(),
        manifest={"schema": 1, "rows": ROWS, "splits": {}, "dropped": {}},
    )
    return made.take(made.rows)  # with counts and hashes of its splits


@pytest.fixture
def data_folder(dataset: FerDataset, tmp_path: Path) -> Path:
    write_dataset(dataset, tmp_path / "data")
    return tmp_path / "data"
