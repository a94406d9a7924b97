"""The metrics against scikit-learn, scipy and hand-computed values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy as scipy_entropy
from sklearn import metrics as oracle

from mien.errors import ShapeError
from mien.evaluation import metrics

ALL = np.arange(8)
LABELS = st.integers(1, 60).flatmap(
    lambda n: st.tuples(
        arrays(np.int64, n, elements=st.integers(0, 7)),
        arrays(np.int64, n, elements=st.integers(0, 7)),
        arrays(np.int64, n, elements=st.integers(0, 3)),
    )
)


def _distributions(*, positive: bool) -> st.SearchStrategy[np.ndarray]:
    return arrays(np.float64, (5, 8), elements=st.integers(1 if positive else 0, 10).map(float)).map(_shares)


def _shares(counts: np.ndarray) -> np.ndarray:
    filled = counts + (counts.sum(axis=1, keepdims=True) == 0)
    shares: np.ndarray = filled / filled.sum(axis=1, keepdims=True)
    return shares


def test_no_image_at_all_gives_zeros_and_no_warning() -> None:
    nothing = np.zeros(0, np.int64)
    matrix = metrics.confusion_matrix(nothing, nothing)
    empty = np.zeros((0, 8))
    assert matrix.shape == (8, 8)
    assert not matrix.any()
    assert metrics.accuracy(matrix) == metrics.macro_f1(matrix) == metrics.balanced_accuracy(matrix) == 0
    assert metrics.weighted_mean(metrics.kl_divergence(empty, empty)) == 0
    assert metrics.expected_calibration_error(empty, empty) == 0


def test_one_right_image_scores_one_in_its_class_only() -> None:
    matrix = metrics.confusion_matrix(np.array([3]), np.array([3]))
    assert metrics.accuracy(matrix) == metrics.balanced_accuracy(matrix) == 1
    assert metrics.macro_f1(matrix) == 1 / 8
    assert metrics.recall(matrix).tolist() == [0, 0, 0, 1, 0, 0, 0, 0]


def test_an_absent_class_counts_in_macro_f1_and_not_in_balanced_accuracy() -> None:
    matrix = metrics.confusion_matrix(np.array([0, 1]), np.array([0, 1]), classes=3)
    assert metrics.macro_f1(matrix) == pytest.approx(2 / 3)
    assert metrics.balanced_accuracy(matrix) == 1
    assert metrics.normalize_rows(matrix)[2].tolist() == [0, 0, 0]


def test_a_probability_of_zero_costs_the_floor_and_not_infinity() -> None:
    votes, said = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    assert metrics.kl_divergence(votes, said)[0] == pytest.approx(-np.log(metrics.PROBABILITY_FLOOR))
    assert metrics.js_divergence(votes, said)[0] == pytest.approx(np.log(2))


def test_a_label_out_of_range_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"0 … 7, got 2 … 8"):
        metrics.confusion_matrix(np.array([2, 8]), np.array([0, 0]))


def test_arrays_of_different_length_are_refused() -> None:
    with pytest.raises(ShapeError, match="2 true labels but 1 predictions"):
        metrics.confusion_matrix(np.array([0, 1]), np.array([0]))
    with pytest.raises(ShapeError, match="weights for 3 images, but there are 2"):
        metrics.weighted_mean(np.ones(2), np.ones(3))


@given(LABELS)
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true:UserWarning")
@pytest.mark.filterwarnings("ignore:A single label was found:UserWarning")
def test_figures_over_classes_agree_with_scikit_learn_whatever_the_weights(
    drawn: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    truth, predicted, weights = drawn
    if not weights.any():
        weights = weights + 1
    matrix = metrics.confusion_matrix(truth, predicted, weights=weights.astype(float))
    given = {"sample_weight": weights}
    assert np.allclose(matrix, oracle.confusion_matrix(truth, predicted, labels=ALL, **given))
    assert metrics.accuracy(matrix) == pytest.approx(oracle.accuracy_score(truth, predicted, **given))
    seen = weights > 0
    assert metrics.balanced_accuracy(matrix) == pytest.approx(
        oracle.balanced_accuracy_score(truth[seen], predicted[seen], sample_weight=weights[seen])
    )
    expected = oracle.precision_recall_fscore_support(truth, predicted, labels=ALL, zero_division=0, **given)
    for own, theirs in zip((metrics.precision, metrics.recall, metrics.f1, metrics.support), expected, strict=True):
        assert np.allclose(own(matrix), theirs)
    macro = oracle.f1_score(truth, predicted, labels=ALL, average="macro", zero_division=0, **given)
    assert metrics.macro_f1(matrix) == pytest.approx(macro)


@given(_distributions(positive=False), _distributions(positive=True))
def test_divergences_agree_with_scipy(votes: np.ndarray, said: np.ndarray) -> None:
    assert np.allclose(metrics.kl_divergence(votes, said), scipy_entropy(votes, said, axis=1))
    assert np.allclose(metrics.js_divergence(votes, said), jensenshannon(votes, said, axis=1) ** 2, atol=1e-12)
    assert np.allclose(metrics.entropy(votes), scipy_entropy(votes, axis=1))
    assert np.allclose(
        metrics.cross_entropy(votes, said), scipy_entropy(votes, said, axis=1) + scipy_entropy(votes, axis=1)
    )


@given(_distributions(positive=False))
def test_votes_diverge_from_themselves_by_nothing(votes: np.ndarray) -> None:
    assert np.allclose(metrics.js_divergence(votes, votes), 0, atol=1e-12)
    assert np.allclose(metrics.kl_divergence(votes, votes), 0, atol=1e-6)


def test_cross_entropy_to_labels_is_scikit_learns_log_loss() -> None:
    rng = np.random.default_rng(0)
    labels, said = rng.integers(0, 8, 200), rng.dirichlet(np.ones(8), 200)
    own = metrics.cross_entropy(metrics.one_hot(labels), said).mean()
    assert own == pytest.approx(oracle.log_loss(labels, said, labels=ALL))


def test_leading_axes_of_the_weights_give_one_figure_each() -> None:
    rng = np.random.default_rng(1)
    votes, said = rng.dirichlet(np.ones(8), 30), rng.dirichlet(np.ones(8), 30)
    weights = rng.integers(0, 4, (3, 30)).astype(float)
    matrix = metrics.confusion_matrix(votes, said.argmax(1), weights=weights)
    errors = metrics.expected_calibration_error(votes, said, weights=weights)
    for row in range(3):
        alone = metrics.confusion_matrix(votes, said.argmax(1), weights=weights[row])
        assert np.allclose(matrix[row], alone)
        assert metrics.macro_f1(matrix)[row] == pytest.approx(metrics.macro_f1(alone))
        assert errors[row] == pytest.approx(metrics.expected_calibration_error(votes, said, weights=weights[row]))


def _calibration_by_hand(hits: np.ndarray, confidence: np.ndarray, bins: int) -> float:
    total = 0.0
    for b in range(bins):
        inside = (confidence > b / bins) & (confidence <= (b + 1) / bins)
        if inside.any():
            total += inside.sum() * abs(confidence[inside].mean() - hits[inside].mean())
    return total / len(hits)


def test_calibration_error_is_the_mean_gap_of_the_bins() -> None:
    rng = np.random.default_rng(2)
    votes, said = rng.dirichlet(np.ones(8), 400), rng.dirichlet(np.full(8, 0.3), 400)
    labels, top, confidence = votes.argmax(1), said.argmax(1), said.max(1)
    by_label = metrics.expected_calibration_error(labels, said)
    assert by_label == pytest.approx(_calibration_by_hand((labels == top).astype(float), confidence, 15))
    by_votes = metrics.expected_calibration_error(votes, said)
    assert by_votes == pytest.approx(_calibration_by_hand(votes[np.arange(400), top], confidence, 15))


def test_a_model_that_says_the_votes_is_perfectly_calibrated_against_them() -> None:
    votes = np.random.default_rng(3).multinomial(10, np.full(8, 1 / 8), 50) / 10
    assert metrics.expected_calibration_error(votes, votes) == pytest.approx(0)
    assert metrics.expected_calibration_error(np.array([0]), np.array([[1.0, 0.0]])) == 0
