"""The fit of the layer against scikit-learn's logistic regression and against finite differences."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from mien.adaptation.layer import Layer, features_of, fit_layer


def made(n: int = 60, classes: int = 4, inputs: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    features = rng.normal(0, 2, (n, inputs))
    return features, rng.integers(0, classes, n), rng.uniform(0.2, 3, n)


@pytest.mark.parametrize("strength", [0.3, 10.0, 1000.0])
def test_the_fit_is_the_minimum_that_scipy_finds(strength: float) -> None:
    features, labels, weights = made()
    heavy = weights * len(weights) / weights.sum()
    rest = np.vstack([np.eye(6, 4), np.zeros(4)])

    def objective(flat: np.ndarray) -> float:
        both = flat.reshape(7, 4)
        logs = log_softmax(features @ both[:-1] + both[-1], axis=1)
        return float(-(heavy * logs[np.arange(60), labels]).sum() + strength / 2 * ((both - rest) ** 2).sum())

    found = minimize(objective, rest.ravel(), method="BFGS", options={"gtol": 1e-6}).x.reshape(7, 4)
    layer = fit_layer(features, labels, weights, strength=strength, classes=4)
    np.testing.assert_allclose(layer.matrix, found[:-1], atol=1e-4)
    np.testing.assert_allclose(layer.bias, found[-1], atol=1e-4)


def test_the_identity_changes_no_probability_and_a_strong_pull_is_the_identity() -> None:
    probabilities = np.random.default_rng(1).dirichlet(np.ones(8), 30)
    features = features_of([probabilities])
    np.testing.assert_allclose(Layer.identity(8, 8).probabilities(features), probabilities, atol=1e-5)
    labels = np.arange(30) % 8
    layer = fit_layer(features, labels, np.ones(30), strength=1e9, classes=8)
    np.testing.assert_allclose(layer.probabilities(features), probabilities, atol=1e-5)


def test_two_heads_stand_beside_each_other_and_zero_is_clipped() -> None:
    rows = features_of([np.array([[0.0, 1.0]]), np.array([[0.5, 0.25, 0.25]])])
    np.testing.assert_allclose(rows, np.log([[1e-6, 1.0, 0.5, 0.25, 0.25]]))


def test_separable_faces_and_absent_labels_are_fitted_too() -> None:
    features = np.log(softmax(np.eye(3)[[0, 0, 1, 1]] * 20, axis=1) + 1e-6)
    layer = fit_layer(features, np.array([0, 0, 1, 1]), np.ones(4), strength=0.1, classes=3)
    assert np.isfinite(layer.matrix).all()
    assert layer.probabilities(features).argmax(axis=1).tolist() == [0, 0, 1, 1]
