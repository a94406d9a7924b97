"""Predictions of run folders, as the audit reads them."""

from pathlib import Path

import numpy as np
import pytest

from mien.curation.folds import RunPredictor
from mien.data.dataset import FerDataset
from mien.preprocessing import bytes_to_unit

torch = pytest.importorskip("torch", reason="networks are of the learning side")

from mien.training.config import TrainingConfig  # noqa: E402 - needs torch
from mien.training.run import train  # noqa: E402
from mien.training.runs import RunFolder  # noqa: E402


def test_a_network_with_two_heads_predicts_by_its_first(made_dataset: FerDataset, tmp_path: Path) -> None:
    config = TrainingConfig("tiny", epochs=1, batch_size=16, intended_weight=0.4)
    train(config, made_dataset, tmp_path / "run", precision="32-true")
    images = np.asarray(made_dataset.images[:5])
    found = RunPredictor(tmp_path / "run").predict_proba(images)
    with torch.no_grad():
        logits = RunFolder(tmp_path / "run").load_network()(
            torch.from_numpy(bytes_to_unit(images.transpose(0, 3, 1, 2)))
        )
    assert found.shape == (5, 8)
    np.testing.assert_allclose(found, logits[:, :8].softmax(dim=1).numpy(), atol=1e-6)
