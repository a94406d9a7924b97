"""The history of a run as a file: what is not known of an epoch stays unknown."""

from math import isnan, nan
from pathlib import Path

import pytest

from mien.training.history import EpochMetrics, read_history, write_history


@pytest.mark.parametrize("unknown", [0, 1, 2])
def test_an_epoch_without_some_metrics_is_written_and_read_back(unknown: int, tmp_path: Path) -> None:
    history = [
        EpochMetrics(
            epoch, 1.0, 0.5, nan if epoch == unknown + 1 else 0.9, 0.6, 0.3, 1e-3, 100.0, 0.1, set_accuracy={"lfw": 0.5}
        )
        for epoch in (1, 2, 3)
    ]
    write_history(tmp_path / "history.csv", history)
    read = read_history(tmp_path / "history.csv")
    assert [isnan(metrics.loss) for metrics in read] == [at == unknown for at in range(3)]
    assert [metrics for at, metrics in enumerate(read) if at != unknown] == [
        metrics for at, metrics in enumerate(history) if at != unknown
    ]
