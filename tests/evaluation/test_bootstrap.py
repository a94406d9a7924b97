"""The vectorised bootstrap against a loop that really resamples the images."""

import time

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from mien.data.protocols import TargetKind
from mien.errors import ConfigError
from mien.evaluation.bootstrap import Interval, intervals, resample_weights
from mien.evaluation.protocol_metrics import Judged

from .made import random_votes


def _judged(kind: TargetKind, n: int = 120) -> Judged:
    rng = np.random.default_rng(11)
    votes = random_votes(rng, n)
    targets = np.eye(8)[votes.argmax(1)] if kind == "label" else votes
    return Judged(kind, targets, rng.dirichlet(np.ones(8), n) * 0.4 + votes * 0.6)


def _rows(weights: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(len(weights)), weights.astype(int))


def test_no_image_or_no_resample_gives_no_interval() -> None:
    judged = _judged("label", 5)
    assert intervals(judged.metrics, 0) == {}
    assert intervals(judged.metrics, 5, resamples=0) == {}


def test_one_image_gives_intervals_of_no_width() -> None:
    judged = _judged("distribution", 1)
    found = intervals(judged.metrics, 1, resamples=20)
    assert all(interval.low == interval.high for interval in found.values())


@pytest.mark.parametrize(("resamples", "confidence"), [(-1, 0.95), (10, 0.0), (10, 1.0)])
def test_settings_out_of_range_are_refused(resamples: int, confidence: float) -> None:
    with pytest.raises(ConfigError, match="resamples >= 0 and confidence in"):
        intervals(_judged("label").metrics, 120, resamples=resamples, confidence=confidence)


def test_every_resample_draws_as_many_images_as_there_are() -> None:
    blocks = list(resample_weights(7, resamples=50, seed=0))
    weights = np.concatenate(blocks)
    assert weights.shape == (50, 7)
    assert (weights.sum(axis=1) == 7).all()


def test_many_images_come_in_blocks_that_make_up_all_resamples() -> None:
    blocks = list(resample_weights(1_000_000, resamples=5, seed=0))
    assert [len(block) for block in blocks] == [2, 2, 1]
    assert all((block.sum(axis=1) == 1_000_000).all() for block in blocks)


@pytest.mark.parametrize("kind", ["label", "distribution", "drawn"])
def test_every_interval_is_that_of_a_loop_over_resampled_images(kind: TargetKind) -> None:
    judged = _judged(kind)
    found = intervals(judged.metrics, 120, resamples=200, seed=5)
    looped: dict[str, list[float]] = {name: [] for name in found}
    for weights in np.concatenate(list(resample_weights(120, resamples=200, seed=5))):
        rows = _rows(weights)
        again = Judged(judged.kind, judged.targets[rows], judged.probabilities[rows]).metrics()
        for name, values in looped.items():
            values.append(float(again[name]))
    for name, values in looped.items():
        low, high = np.percentile(values, [2.5, 97.5])
        assert found[name].to_list() == pytest.approx([low, high]), name


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true:UserWarning")
def test_the_intervals_agree_with_scikit_learn_on_resampled_labels() -> None:
    judged = _judged("label")
    found = intervals(judged.metrics, 120, resamples=100, seed=5)
    macro, balanced = [], []
    for weights in np.concatenate(list(resample_weights(120, resamples=100, seed=5))):
        rows = _rows(weights)
        truth, predicted = judged.targets[rows].argmax(1), judged.predicted[rows]
        macro.append(f1_score(truth, predicted, labels=range(8), average="macro", zero_division=0))
        balanced.append(balanced_accuracy_score(truth, predicted))
    assert found["macro_f1"].to_list() == pytest.approx(np.percentile(macro, [2.5, 97.5]).tolist())
    assert found["balanced_accuracy"].to_list() == pytest.approx(np.percentile(balanced, [2.5, 97.5]).tolist())


def test_the_interval_of_a_mean_has_the_width_that_theory_gives() -> None:
    values = np.random.default_rng(0).normal(size=2_000)
    found = intervals(lambda weights: {"mean": weights @ values / 2_000}, 2_000, resamples=2_000)["mean"]
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 2_000**0.5, rel=0.06)


def test_the_same_seed_gives_the_same_intervals() -> None:
    judged = _judged("drawn")
    first, second, other = (intervals(judged.metrics, 120, resamples=50, seed=seed) for seed in (1, 1, 2))
    assert first == second
    assert first != other
    assert isinstance(first["accuracy"], Interval)


def test_a_thousand_resamples_of_the_test_split_take_under_three_seconds() -> None:
    judged = _judged("distribution", 3_573)
    start = time.process_time()
    assert len(intervals(judged.metrics, 3_573, resamples=1_000)) == 4 + 8 * 4 + 4
    assert time.process_time() - start < 3
