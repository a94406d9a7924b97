"""Results: their figures against scipy, and their JSON as documented."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import entropy

from mien.detection.base import FaceDetection
from mien.errors import ImageDecodeError, ShapeError, StorageError
from mien.expressions import FERPLUS_LABELS, Expression
from mien.geometry import Box
from mien.recognition.probabilities import ExpressionProbabilities
from mien.recognition.results import FaceExpression, FailedImage, ImageResult

FLAT = (0.125,) * 8
SURE = (0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def face(probabilities: tuple[float, ...] = SURE, track_id: int | None = None) -> FaceExpression:
    detection = FaceDetection(Box(1.5, 2, 30, 40), 0.9)
    return FaceExpression(detection, ExpressionProbabilities(FERPLUS_LABELS, probabilities), track_id)


def test_the_top_expression_is_the_most_probable_and_of_equals_the_first() -> None:
    assert ExpressionProbabilities(FERPLUS_LABELS, SURE).top is Expression.HAPPINESS
    assert ExpressionProbabilities(FERPLUS_LABELS, FLAT).top is Expression.NEUTRAL


@given(st.lists(st.floats(0, 1), min_size=8, max_size=8).filter(lambda values: sum(values) > 0.01))
def test_entropy_agrees_with_scipy_and_ranking_falls(values: list[float]) -> None:
    shares = np.array(values) / sum(values)
    scores = ExpressionProbabilities(FERPLUS_LABELS, tuple(shares.tolist()))
    assert scores.entropy == pytest.approx(float(entropy(shares)), abs=1e-9)
    ranked = [probability for _, probability in scores.ranked()]
    assert ranked == sorted(ranked, reverse=True)
    assert scores.ranked()[0] == (scores.top, max(scores.values()))


def test_certainty_has_no_entropy() -> None:
    assert ExpressionProbabilities(FERPLUS_LABELS, SURE).entropy == 0
    assert ExpressionProbabilities(FERPLUS_LABELS, FLAT).entropy == pytest.approx(np.log(8))


def test_as_many_probabilities_as_labels_are_asked_for() -> None:
    with pytest.raises(ShapeError, match="2 probabilities for 8 labels"):
        ExpressionProbabilities(FERPLUS_LABELS, (0.5, 0.5))


def test_the_json_is_the_documented_one_in_plain_numbers() -> None:
    result = ImageResult((640, 480), (face(FLAT),), "é.jpg")
    assert json.loads(result.to_json()) == {
        "schema": 2,
        "source": "é.jpg",
        "width": 640,
        "height": 480,
        "faces": [
            {
                "box": {"left": 1.5, "top": 2.0, "right": 30.0, "bottom": 40.0},
                "detector_score": 0.9,
                "expression": "neutral",
                "probability": 0.125,
                "probabilities": dict.fromkeys(map(str, FERPLUS_LABELS), 0.125),
                "landmarks": None,
                "roll_deg": 0.0,
                "quality": None,
            }
        ],
    }
    assert "é.jpg" in result.to_json()


def test_a_track_is_told_only_where_there_is_one() -> None:
    assert "track_id" not in face().to_dict()
    assert face(track_id=3).to_dict()["track_id"] == 3


def test_a_failure_bears_its_error_in_place_of_faces() -> None:
    failed = FailedImage("x.jpg", ImageDecodeError("x.jpg: not a picture", hint="look"))
    assert json.loads(failed.to_json()) == {"schema": 2, "source": "x.jpg", "error": "x.jpg: not a picture"}


def test_the_drawn_picture_is_written_in_the_format_of_its_name(tmp_path: Path) -> None:
    result = ImageResult((64, 48), (face(),), None, np.zeros((48, 64, 3), np.uint8))
    for name, form in (("a.png", "PNG"), ("b.JPG", "JPEG"), ("ü.webp", "WEBP")):
        result.save(tmp_path / name)
        with Image.open(tmp_path / name) as picture:
            assert picture.format == form
    with pytest.raises(StorageError, match=r"no picture format ends in '\.xyz'"):
        result.save(tmp_path / "c.xyz")


def test_without_its_picture_a_result_cannot_be_drawn() -> None:
    with pytest.raises(ShapeError, match="holds no picture"):
        ImageResult((2, 2), ()).plot()


def test_a_face_below_the_wanted_confidence_gets_no_expression() -> None:
    doubtful = FaceExpression(face().detection, ExpressionProbabilities(FERPLUS_LABELS, FLAT), None, min_confidence=0.5)
    assert doubtful.expression is None
    assert doubtful.to_dict()["expression"] is None
    assert doubtful.to_dict()["probability"] == 0.125
    assert doubtful.mark().title == "uncertain"
    assert face().expression is Expression.HAPPINESS


def test_a_result_is_short_as_text_and_a_picture_in_a_notebook() -> None:
    face = FaceExpression(
        FaceDetection(Box(10, 20, 60, 80), 0.9), ExpressionProbabilities(FERPLUS_LABELS, (0.9, 0.1, 0, 0, 0, 0, 0, 0))
    )
    result = ImageResult((320, 240), (face,), "a.jpg", np.zeros((240, 320, 3), np.uint8))
    assert repr(face) == "<FaceExpression neutral 90% at (10, 20, 60, 80)>"
    assert repr(result) == "<ImageResult 320×240: neutral 90%>"
    assert repr(ImageResult((1, 1), ())) == "<ImageResult 1×1: no face>"
    assert 'src="data:image/jpeg;base64,' in result._repr_html_()
    without = ImageResult((320, 240), (face,))._repr_html_()
    assert "<td>neutral 90%</td><td>90%</td><td>10%</td>" in without
    assert "<img" not in without
