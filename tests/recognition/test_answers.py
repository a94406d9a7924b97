"""Heads, base rates and the decision rule of a model, against the same network computed in NumPy."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from scipy.special import softmax

from mien.base_rates import BaseRates
from mien.decision import DecisionRule
from mien.detection.base import FaceDetection
from mien.errors import ConfigError, SourceError
from mien.expressions import FER2013_LABELS, FERPLUS_LABELS, Expression
from mien.geometry import Box, ByteArray
from mien.metadata import HeadSpec, LabelConvention, ModelMetadata
from mien.recognition.answers import AnswerOptions
from mien.recognition.pipeline import ExpressionPipeline, load
from mien.recognition.recognizer import Recognizer, load_recognizer
from tests.small_models import write_model

RATES = BaseRates(FERPLUS_LABELS, (0.35, 0.26, 0.12, 0.12, 0.1, 0.01, 0.02, 0.02))
RULE = DecisionRule(FERPLUS_LABELS, (1.0, 1.1, 1.3, 1.3, 1.4, 30.0, 2.0, 2.0))
SEVEN_RATES = BaseRates(FER2013_LABELS, (0.14, 0.02, 0.14, 0.25, 0.17, 0.11, 0.17))
SEVEN_RULE = DecisionRule(FER2013_LABELS, (1.0, 40.0, 1.0, 1.0, 1.0, 1.0, 1.0))
TWO_HEADS = ModelMetadata(
    "two",
    priors=RATES,
    decision=RULE,
    heads={"intended": HeadSpec("intended_probabilities", FER2013_LABELS, 1.0, SEVEN_RATES, SEVEN_RULE)},
)
#: Where each of FER2013's seven stands among FER+'s eight.
COLUMNS = [4, 5, 6, 1, 3, 2, 0]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "two.onnx", TWO_HEADS, seed=3)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As files were before there were rules and heads."""
    return write_model(tmp_path_factory.mktemp("models") / "bare.onnx", ModelMetadata("bare"), seed=3)


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 48, 48)).astype(np.uint8)


def by_hand(path: Path, faces: np.ndarray) -> tuple[np.ndarray, ...]:
    weights = [numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer]
    return tuple(softmax(faces.reshape(len(faces), -1) / 255.0 @ matrix, axis=1) for matrix in weights)


class TwoFaces:
    name = "whole"
    files: Mapping[str, str] = {}

    def detect(self, image: ByteArray) -> tuple[FaceDetection, ...]:
        return FaceDetection(Box(0, 0, 40, 40), 0.9), FaceDetection(Box(50, 0, 90, 40), 0.8)


@pytest.fixture(scope="module")
def picture() -> ByteArray:
    return np.random.default_rng(1).integers(0, 256, (60, 100, 3)).astype(np.uint8)


def test_each_head_answers_all_eight_expressions(model: Path, faces: np.ndarray) -> None:
    eight, seven = by_hand(model, faces)
    np.testing.assert_allclose(load_recognizer(model).predict_proba(faces), eight, atol=1e-5)
    intended = load_recognizer(model, labels="intended", batch_size=7)
    assert intended.labels == FERPLUS_LABELS
    answered = intended.predict_proba(faces)
    np.testing.assert_allclose(answered[:, COLUMNS], seven, atol=1e-5)
    assert (answered[:, 7] == 0).all()
    both = intended.predict_heads(faces)
    assert list(both) == ["perceived", "intended"]
    np.testing.assert_allclose(both["perceived"], eight, atol=1e-5)
    np.testing.assert_allclose(both["intended"], seven, atol=1e-5)
    assert intended.predict_proba(faces[:0]).shape == (0, 8)


def test_a_prior_is_bayes_rule_on_the_head_that_answers(model: Path, faces: np.ndarray, tmp_path: Path) -> None:
    eight, seven = by_hand(model, faces)
    weighed = eight / RATES.rates
    expected = weighed / weighed.sum(axis=1, keepdims=True)
    balanced = load_recognizer(model, prior="balanced")
    np.testing.assert_allclose(balanced.predict_proba(faces), expected, atol=1e-5)
    assert balanced.decision is None
    file = tmp_path / "rates.json"
    file.write_text(json.dumps({"anger": 1, "neutral": 3}), encoding="utf-8")
    weighed = seven * np.array([1, 0, 0, 0, 0, 0, 3]) / SEVEN_RATES.rates
    answered = load_recognizer(model, labels="intended", prior=file).predict_proba(faces)
    np.testing.assert_allclose(answered[:, COLUMNS], weighed / weighed.sum(axis=1, keepdims=True), atol=1e-5)


def test_the_rule_names_and_leaves_the_probabilities_alone(model: Path, bare: Path, picture: ByteArray) -> None:
    heads: list[tuple[LabelConvention, tuple[float, ...] | None]] = [("perceived", RULE.weights), ("intended", None)]
    for labels, weights in heads:
        ruled = ExpressionPipeline(TwoFaces(), load_recognizer(model, labels=labels)).predict(picture).faces
        plain = ExpressionPipeline(TwoFaces(), load_recognizer(model, labels=labels, decision="argmax"))
        for face, other in zip(ruled, plain.predict(picture).faces, strict=True):
            assert face.probabilities == other.probabilities
            assert other.expression == other.probabilities.top
            row = np.array(face.probabilities.row)
            if weights is None:
                row[5] *= 40
            assert face.expression == FERPLUS_LABELS[int(np.argmax(row * (weights or 1.0)))]
            assert face.probability == face.probabilities[face.expression]
            assert face.to_dict()["expression"] == face.expression
    assert {face.expression for face in ruled} == {Expression.DISGUST}, "the rule must change something here"
    without = ExpressionPipeline(TwoFaces(), load_recognizer(bare)).predict(picture).faces
    assert all(face.expression == face.probabilities.top for face in without)


def test_min_confidence_tests_the_probability_of_the_named_expression(model: Path, picture: ByteArray) -> None:
    recognizer = load_recognizer(model)
    face = ExpressionPipeline(TwoFaces(), recognizer).predict(picture).faces[0]
    assert face.probability < max(face.probabilities.row)
    between = (face.probability + max(face.probabilities.row)) / 2
    doubtful = ExpressionPipeline(TwoFaces(), recognizer, min_confidence=between).predict(picture).faces[0]
    assert doubtful.expression is None
    assert doubtful.choice == face.expression
    assert doubtful.probability == face.probability


def test_other_answers_share_the_loaded_network(model: Path, faces: np.ndarray, picture: ByteArray) -> None:
    pipeline = ExpressionPipeline(TwoFaces(), load_recognizer(model), min_confidence=0.2)
    options = AnswerOptions(labels="intended", decision="argmax")
    other = pipeline.with_options(options)
    assert other.min_confidence == 0.2
    fresh = load_recognizer(model, labels="intended", decision="argmax").predict_proba(faces)
    np.testing.assert_array_equal(other.recognizer.predict_proba(faces), fresh)
    assert pipeline.recognizer.decision == RULE, "the pipeline that was asked stays as it is"
    assert other.predict(picture).faces[0].probabilities["contempt"] == 0


def test_what_a_model_cannot_answer_is_an_error(model: Path, bare: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="model bare has no head for intended labels"):
        load(bare, labels="intended")
    with pytest.raises(ConfigError, match="model bare does not record the base rates"):
        load(bare, prior="balanced")
    with pytest.raises(ConfigError, match="labels 'meant'"):
        load(model, labels="meant")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="decision 'weights'"):
        load(model, decision="weights")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="the labels do not include contempt"):
        load(model, labels="intended", prior={"contempt": 1})
    with pytest.raises(SourceError, match="missing"):
        load(model, prior=tmp_path / "missing.json")


def test_a_file_must_have_the_outputs_that_its_metadata_names(tmp_path: Path) -> None:
    path = write_model(tmp_path / "one.onnx", ModelMetadata("one"))
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"mien": TWO_HEADS.to_json()})
    onnx.save(model, path)
    with pytest.raises(ValueError, match=r"expected .*'intended_probabilities'"):
        Recognizer(path)


def test_a_head_with_labels_of_its_own_is_refused() -> None:
    seven = replace(TWO_HEADS, labels=FER2013_LABELS, priors=None, decision=None, heads={})
    with pytest.raises(ConfigError, match=r"the head intended has labels \['contempt'\]"):
        replace(seven, heads={"intended": HeadSpec("intended_probabilities", FERPLUS_LABELS)})
