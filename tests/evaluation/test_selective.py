import numpy as np
import pytest

from mien.evaluation.selective import risk_coverage


def test_no_image_gives_an_empty_curve() -> None:
    curve = risk_coverage(np.zeros((0, 8)), np.zeros((0, 8)))
    assert (curve.area, curve.at(0.0)) == (0.0, (0.0, None))


def test_coverage_and_accuracy_agree_with_leaving_images_out() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.full(8, 0.3), 200)
    truth = np.eye(8)[generator.integers(0, 8, 200)]
    curve = risk_coverage(truth, probabilities)
    for threshold in (0.0, 0.3, 0.62, 0.9):
        kept = probabilities.max(1) >= threshold
        right = probabilities[kept].argmax(1) == truth[kept].argmax(1)
        assert curve.at(threshold) == pytest.approx((kept.mean(), right.mean()))
    assert curve.at(1.1) == (0.0, None)


def test_votes_count_by_their_share() -> None:
    curve = risk_coverage(np.array([[0.7, 0.3], [0.5, 0.5]]), np.array([[0.9, 0.1], [0.2, 0.8]]))
    assert curve.risk == pytest.approx([0.3, 0.4])
    assert curve.area == pytest.approx(0.35)


def test_confidence_that_tells_right_from_wrong_keeps_the_risk_at_zero_until_it_must_rise() -> None:
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4]])
    truth = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert risk_coverage(truth, probabilities).risk == pytest.approx([0, 0, 1 / 3])
