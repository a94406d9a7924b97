from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image

from mien.errors import ShapeError
from mien.expressions import Expression
from mien.metadata import ModelMetadata
from mien.recognition.explanation import explain
from mien.recognition.recognizer import Recognizer
from tests.small_models import write_model

FACE = np.random.default_rng(0).uniform(0, 1, (48, 48)).astype(np.float32)


@pytest.fixture
def looks_top_left(tmp_path: Path) -> Recognizer:
    """A network whose surprise is the brightness of the 12 × 12 pixels at the top left, and nothing else."""
    path = write_model(tmp_path / "model.onnx", ModelMetadata("corner"))
    model = onnx.load(path)
    weights = np.zeros((48, 48, 8), np.float32)
    weights[:12, :12, 2] = 0.05
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights.reshape(-1, 8), "weights"))
    onnx.save(model, str(path))
    return Recognizer(path)


def test_only_what_the_network_looks_at_is_important(looks_top_left: Recognizer) -> None:
    face = np.full((48, 48), 0.2, np.float32)
    face[:12, :12] = 1.0
    explanation = explain(looks_top_left, face, patch=8, stride=2)
    assert explanation.expression is Expression.SURPRISE
    assert explanation.importance[:12, :12].min() > 0.001
    assert np.abs(explanation.importance[20:, 20:]).max() == 0


def test_what_helps_one_expression_speaks_against_another(looks_top_left: Recognizer) -> None:
    face = np.full((48, 48), 0.2, np.float32)
    face[:12, :12] = 1.0
    assert explain(looks_top_left, face, expression=Expression.FEAR).importance[:8, :8].max() < 0


def test_importance_is_the_fall_that_one_covered_call_shows(looks_top_left: Recognizer) -> None:
    explanation = explain(looks_top_left, FACE, patch=48, stride=48)
    covered = np.full((1, 48, 48), FACE.mean(), np.float32)
    column = looks_top_left.labels.index(explanation.expression)
    fall = explanation.probabilities[explanation.expression] - looks_top_left.predict_proba(covered)[0, column]
    assert explanation.importance == pytest.approx(np.full((48, 48), fall), abs=1e-6)


def test_a_crop_or_patch_that_does_not_fit_is_refused(looks_top_left: Recognizer) -> None:
    with pytest.raises(ShapeError, match=r"crop of shape \(40, 48\), expected \(48, 48\)"):
        explain(looks_top_left, FACE[:40])
    with pytest.raises(ShapeError, match="patch 4 and stride 5"):
        explain(looks_top_left, FACE, patch=4, stride=5)


def test_the_picture_shows_face_importance_and_bars(looks_top_left: Recognizer, tmp_path: Path) -> None:
    explain(looks_top_left, FACE).save(tmp_path / "explained.png")
    with Image.open(tmp_path / "explained.png") as picture:
        pixels = np.asarray(picture.convert("RGB"), int)
    assert pixels.shape[1] > 3 * 288 - 100
    gray, colored = pixels[:288, :288], pixels[:288, 288:576]
    assert np.abs(gray[..., 0] - gray[..., 2]).max() == 0
    assert (colored[..., 0] - colored[..., 2]).max() > 60
