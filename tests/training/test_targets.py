from dataclasses import replace

import numpy as np
import pytest
import torch

from mien.data.dataset import FerDataset
from mien.data.protocols import select
from mien.errors import ConfigError
from mien.training.losses import validation_metrics
from mien.training.targets import Targets, image_weights


def targets(dataset: FerDataset, kind: str, **settings: object) -> Targets:
    return Targets(dataset, "train", **({"target": kind, "panels": "first", "seed": 0} | settings))  # type: ignore[arg-type]


def test_soft_targets_are_the_votes(made_dataset: FerDataset) -> None:
    soft = targets(made_dataset, "soft").at_epoch(1)
    assert np.allclose(soft.numpy(), select(made_dataset, "votes", "train").targets, atol=1e-7)


def test_drawn_labels_change_with_the_epoch_and_come_back_with_it(made_dataset: FerDataset) -> None:
    drawn = targets(made_dataset, "drawn")
    assert torch.equal(drawn.at_epoch(3), targets(made_dataset, "drawn").at_epoch(3))
    assert not torch.equal(drawn.at_epoch(3), drawn.at_epoch(4))
    assert not torch.equal(drawn.at_epoch(3), targets(made_dataset, "drawn", seed=1).at_epoch(3))


def test_fixed_labels_are_one_draw(made_dataset: FerDataset) -> None:
    fixed = targets(made_dataset, "fixed")
    assert torch.equal(fixed.at_epoch(1), fixed.at_epoch(9))


def test_drawn_labels_follow_the_votes(made_dataset: FerDataset) -> None:
    drawn = targets(made_dataset, "drawn")
    mean = torch.stack([drawn.at_epoch(epoch) for epoch in range(600)]).mean(0)
    assert (mean - drawn.votes).abs().max() < 0.1
    assert (drawn.votes[mean > 0] > 0).all()


def test_majority_keeps_only_rows_with_a_majority(made_dataset: FerDataset) -> None:
    majority = targets(made_dataset, "majority")
    expected = select(made_dataset, "majority-v1", "train")
    assert (majority.indices == expected.indices).all()
    assert (majority.at_epoch(1).numpy() == expected.targets).all()


def test_majority_is_judged_on_the_faces_of_all_votes_and_its_loss_on_those_with_a_majority(
    made_dataset: FerDataset,
) -> None:
    votes = made_dataset.votes.copy()
    votes[made_dataset.split_rows("validation")[3:7]] = [5, 5, 0, 0, 0, 0, 0, 0, 0, 0]
    dataset = replace(made_dataset, votes=votes)
    judged = Targets(dataset, "validation", target="majority", panels="first", seed=0)
    strict = select(dataset, "majority-v1", "validation")
    assert (judged.indices == select(dataset, "votes", "validation").indices).all()
    wanted = judged.at_epoch(1)
    has_one = np.isin(judged.indices, strict.indices)
    assert (~has_one).sum() == 4
    assert (wanted[has_one].numpy() == strict.targets).all()
    logits = torch.randn(len(wanted), 8, generator=torch.Generator().manual_seed(0))
    figures = validation_metrics(logits, wanted, judged.votes)
    expected = torch.nn.functional.cross_entropy(logits[has_one], torch.from_numpy(strict.labels))
    assert figures["loss"] == pytest.approx(float(expected), rel=1e-5)


def test_a_second_panel_that_is_not_there_is_missed(made_dataset: FerDataset) -> None:
    with pytest.raises(ConfigError, match='has panels = "both"'):
        targets(replace(made_dataset, panel_votes=None), "soft", panels="both")


def test_both_panels_are_added(made_dataset: FerDataset) -> None:
    position = made_dataset.split_rows("validation")[1]
    both = Targets(made_dataset, "validation", target="soft", panels="both", seed=0)
    assert made_dataset.panel_votes is not None
    pooled = made_dataset.votes[position, :8].astype(int) + made_dataset.panel_votes[position, :8]
    assert np.allclose(both.votes[both.indices == position].numpy(), pooled / pooled.sum())


def test_weights_favor_rare_expressions_and_keep_the_mean() -> None:
    votes = torch.eye(8)[torch.tensor([0] * 9 + [7])]
    weights = image_weights(votes, 0.5)
    assert torch.allclose(weights.mean(), torch.tensor(1.0))
    assert torch.allclose(weights[-1] / weights[0], torch.tensor(3.0))
    assert torch.equal(image_weights(votes, 0.0), torch.ones(10))
