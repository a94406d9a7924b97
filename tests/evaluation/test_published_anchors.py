"""The figures that the real votes fix for everybody: baselines, ceilings and floors of the test split."""

import numpy as np
import pytest

from mien.data.dataset import FerDataset
from mien.data.protocols import select
from mien.data.splits import Split
from mien.evaluation import EvaluationOptions, NaiveBaseline, evaluate

POINT = EvaluationOptions(resamples=0)

pytestmark = pytest.mark.slow


class Prior:
    """Says the mean distribution of the training votes of every face."""

    def __init__(self, dataset: FerDataset) -> None:
        self.mean = select(dataset, "votes", "train").targets.mean(axis=0)

    def predict_proba(self, images: np.ndarray) -> np.ndarray:
        return np.tile(self.mean, (len(images), 1))


def test_always_neutral_scores_what_chance_gives_it(real_dataset: FerDataset) -> None:
    (result,) = evaluate(NaiveBaseline(), real_dataset, protocols=("drawn",), options=POINT)
    assert result.n == 3573
    assert result.accuracy == pytest.approx(0.3157, abs=5e-5)
    assert result.macro_f1 == pytest.approx(0.0600, abs=5e-5)
    assert result.drawn is not None
    assert abs(result.accuracy - 0.3263) < 3 * result.drawn.standard_deviation


def test_who_knows_the_votes_reaches_the_ceiling_of_drawn_labels(real_dataset: FerDataset) -> None:
    (result,) = evaluate(NaiveBaseline(), real_dataset, protocols=("drawn",), options=POINT)
    assert result.drawn is not None
    assert result.drawn.ceiling.accuracy == pytest.approx(0.7773, abs=5e-5)
    assert result.drawn.ceiling.macro_f1 == pytest.approx(0.630, abs=5e-4)


@pytest.mark.parametrize(("split", "entropy"), [("train", 0.5399), ("validation", 0.4889), ("test", 0.5137)])
def test_cross_entropy_is_kl_above_the_entropy_of_the_votes(
    real_dataset: FerDataset, split: Split, entropy: float
) -> None:
    (result,) = evaluate(Prior(real_dataset), real_dataset, split=split, protocols=("votes",), options=POINT)
    assert result.cross_entropy is not None
    assert result.kl is not None
    assert result.cross_entropy - result.kl == pytest.approx(entropy, abs=5e-5)


def test_the_training_prior_diverges_from_the_votes_as_known(real_dataset: FerDataset) -> None:
    (result,) = evaluate(Prior(real_dataset), real_dataset, protocols=("votes",), options=POINT)
    assert result.kl == pytest.approx(1.2141, abs=5e-5)
    assert result.js == pytest.approx(0.3165, abs=5e-5)
