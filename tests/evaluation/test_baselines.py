"""The always-neutral baseline, on rows whose figures can be counted by hand."""

import numpy as np
import pytest

from mien.evaluation import EvaluationOptions, NaiveBaseline, evaluate_selections
from mien.expressions import Expression

from .made import random_votes, selection


def test_no_picture_gives_no_row() -> None:
    assert NaiveBaseline().predict_proba(np.zeros((0, 48, 48, 1), np.uint8)).shape == (0, 8)


def test_it_says_neutral_of_every_picture_with_certainty() -> None:
    said = NaiveBaseline().predict_proba(np.zeros((3, 48, 48, 1), np.uint8))
    assert said.tolist() == [[1, 0, 0, 0, 0, 0, 0, 0]] * 3


def test_another_expression_can_be_said() -> None:
    assert NaiveBaseline(Expression.FEAR).predict_proba(np.zeros((1, 48, 48, 1), np.uint8)).argmax() == 6


def test_its_expected_accuracy_on_drawn_labels_is_the_mean_share_of_neutral_votes() -> None:
    votes = random_votes(np.random.default_rng(4), 200)
    images = np.zeros((200, 48, 48, 1), np.uint8)
    options = EvaluationOptions(resamples=0)
    (result,) = evaluate_selections(NaiveBaseline(), images, [selection(votes, "drawn")], options=options)
    share = votes[:, 0].mean()
    assert result.accuracy == pytest.approx(share)
    assert result.macro_f1 == pytest.approx(2 * share / (1 + share) / 8)
    assert result.balanced_accuracy == 1 / 8
