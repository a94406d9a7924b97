"""Fitting the decision rule: what it promises, counted by scikit-learn, and no rule where none gains."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from mien.base_rates import BaseRates
from mien.data.dataset import FerDataset
from mien.data.protocols import select
from mien.decision import decide
from mien.evaluation.decision_rule import fit_decision_rule, with_decisions
from mien.expressions import FER2013_LABELS, FERPLUS_LABELS
from mien.metadata import HeadSpec, ModelMetadata
from mien.model_file import open_model
from mien.model_file import write_model as write_model_file
from mien.recognition.recognizer import load_recognizer
from tests.small_models import write_model

RATES = BaseRates(FERPLUS_LABELS, (0.35, 0.3, 0.12, 0.1, 0.08, 0.02, 0.02, 0.01))


def posteriors(n: int, seed: int, noise: float, *, belief: float) -> tuple[np.ndarray, np.ndarray]:
    """Faces of eight classes seen through Gaussian noise; above 1 the base rates are believed too much."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(8, n, p=RATES.rates)
    seen = np.eye(8)[truth] + rng.normal(0, noise, (n, 8))
    logits = seen / noise**2 + belief * np.log(RATES.rates)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True), truth


def test_the_rule_raises_macro_f1_and_keeps_accuracy() -> None:
    probabilities, truth = posteriors(3000, 1, 0.55, belief=1.5)
    rule = fit_decision_rule(probabilities, truth, RATES)
    assert rule is not None
    named, plain = decide(probabilities, rule.weights), probabilities.argmax(axis=1)
    assert accuracy_score(truth, named) >= accuracy_score(truth, plain)
    assert f1_score(truth, named, average="macro") > f1_score(truth, plain, average="macro")
    for key, answers in (("rule", named), ("argmax", plain)):
        assert rule.fitted[key]["accuracy"] == pytest.approx(accuracy_score(truth, answers))
        assert rule.fitted[key]["macro_f1"] == pytest.approx(f1_score(truth, answers, average="macro"))
    powers = np.log(rule.weights[1:]) / -np.log(np.array(RATES.rates[1:]) / RATES.rates[0])
    np.testing.assert_allclose(powers, rule.fitted["tau"], rtol=1e-9)
    assert fit_decision_rule(probabilities, truth, RATES) == rule, "the same faces give the same rule"


def test_without_a_gain_on_other_faces_there_is_no_rule() -> None:
    bold, truth = posteriors(3000, 1, 0.55, belief=0.5)
    assert fit_decision_rule(bold, truth, RATES) is None
    certain = np.eye(8)[np.arange(40) % 8]
    assert fit_decision_rule(certain, np.arange(40) % 8, RATES) is None


def test_each_head_is_given_the_base_rates_it_learned(dataset: FerDataset, tmp_path: Path) -> None:
    emotions = np.arange(len(dataset), dtype=np.uint8) % 7
    heads = {"intended": HeadSpec("intended_probabilities", FER2013_LABELS)}
    path = write_model(tmp_path / "two.onnx", ModelMetadata("two", heads=heads))
    recognizer = load_recognizer(path, threads=1)
    made = FerDataset(dataset.images, dataset.splits, dataset.rows, emotions, dataset.votes, None, dataset.manifest)
    metadata = with_decisions(recognizer.metadata, recognizer.predict_heads, made)
    assert metadata.priors is not None
    np.testing.assert_allclose(metadata.priors.rates, select(made, "votes", "train").targets.mean(axis=0))
    assert metadata.heads["intended"].priors is not None
    np.testing.assert_allclose(metadata.heads["intended"].priors.rates, np.bincount(emotions[:30]) / 30)
    network, _ = open_model(path)
    write_model_file(network, metadata, tmp_path / "ruled.onnx")
    ruled, before = load_recognizer(tmp_path / "ruled.onnx", prior="balanced"), path.read_bytes()
    assert ruled.metadata == metadata
    assert network.graph.SerializeToString() in before, "the network is the same byte for byte"


def test_a_head_without_labels_in_the_data_keeps_what_it_had(dataset: FerDataset) -> None:
    unlabeled = np.full(len(dataset), 255, np.uint8)
    made = FerDataset(dataset.images, dataset.splits, dataset.rows, unlabeled, dataset.votes, None, dataset.manifest)
    had = HeadSpec("intended_probabilities", FER2013_LABELS, priors=BaseRates.balanced(FER2013_LABELS))
    metadata = ModelMetadata("two", heads={"intended": had})
    even = np.full((30, 8), 0.125)
    after = with_decisions(metadata, lambda images: {"perceived": even[: len(images)]}, made)
    assert after.heads["intended"] == had
    assert after.priors is not None
    assert after.decision is None
