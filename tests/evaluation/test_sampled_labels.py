"""Expectations over drawn labels against the enumeration of every draw."""

from itertools import product

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix

from mien.evaluation import metrics
from mien.evaluation.sampled_labels import draw_labels, drawn_metrics, standard_deviation

VOTES = np.array([[0.5, 0.3, 0.2], [1.0, 0.0, 0.0], [0.1, 0.2, 0.7], [0.0, 0.6, 0.4], [0.25, 0.25, 0.5]])
PREDICTED = np.array([0, 1, 2, 1, 0])


def _every_draw() -> list[tuple[float, np.ndarray]]:
    return [
        (float(np.prod(VOTES[np.arange(len(VOTES)), labels])), np.array(labels))
        for labels in product(range(3), repeat=len(VOTES))
    ]


def test_the_expected_confusion_matrix_and_accuracy_are_the_mean_over_every_draw() -> None:
    mean_matrix = sum(chance * confusion_matrix(labels, PREDICTED, labels=range(3)) for chance, labels in _every_draw())
    mean_accuracy = sum(chance * accuracy_score(labels, PREDICTED) for chance, labels in _every_draw())
    matrix = metrics.confusion_matrix(VOTES, PREDICTED)
    assert np.allclose(matrix, mean_matrix)
    assert metrics.accuracy(matrix) == pytest.approx(mean_accuracy)


def test_the_standard_deviation_is_that_over_every_draw() -> None:
    mean = sum(chance * accuracy_score(labels, PREDICTED) for chance, labels in _every_draw())
    variance = sum(chance * (accuracy_score(labels, PREDICTED) - mean) ** 2 for chance, labels in _every_draw())
    assert standard_deviation(VOTES, PREDICTED) == pytest.approx(variance**0.5)


def test_no_predictor_beats_the_ceiling_in_expectation() -> None:
    best = max(
        float(metrics.accuracy(metrics.confusion_matrix(VOTES, np.array(answers))))
        for answers in product(range(3), repeat=len(VOTES))
    )
    assert drawn_metrics(VOTES, PREDICTED).ceiling.accuracy == pytest.approx(best)


def test_no_image_has_no_spread() -> None:
    assert standard_deviation(np.zeros((0, 8)), np.zeros(0, np.int64)) == 0
    assert draw_labels(np.zeros((0, 8)), seed=0).shape == (0,)


def test_unanimous_votes_leave_nothing_to_chance() -> None:
    votes = np.eye(8)[[0, 5, 7]]
    figures = drawn_metrics(votes, np.array([0, 5, 0]))
    assert figures.standard_deviation == 0
    assert figures.ceiling.accuracy == 1
    assert figures.seeded_draw.accuracy == pytest.approx(2 / 3)
    assert figures.seeded_draw.misclassification == pytest.approx(1 / 3)


def test_draws_follow_the_votes_and_never_fall_on_a_class_without_one() -> None:
    many = np.repeat(VOTES, 20_000, axis=0)
    labels = draw_labels(many, seed=3).reshape(len(VOTES), -1)
    shares = np.stack([(labels == c).mean(axis=1) for c in range(3)], axis=1)
    assert np.abs(shares - VOTES).max() < 0.02
    assert not shares[VOTES == 0].any()


def test_the_same_seed_gives_the_same_draw() -> None:
    votes = np.full((100, 8), 1 / 8)
    assert np.array_equal(draw_labels(votes, seed=1), draw_labels(votes, seed=1))
    assert not np.array_equal(draw_labels(votes, seed=1), draw_labels(votes, seed=2))
