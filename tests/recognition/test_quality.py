"""Quality of a face: each measure against a value known by construction."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from mien.detection.base import FaceDetection
from mien.geometry import Box, FaceLandmarks
from mien.recognition.pipeline import load
from mien.recognition.quality import measure_quality
from tests.photos import pasted, portrait

CROP = np.random.default_rng(0).random((48, 48)).astype(np.float32)
WHOLE = Box(0, 0, 40, 40)
LEVEL = FaceLandmarks((10, 10), (30, 10), (20, 20), (20, 30))


def found(box: Box = WHOLE, marks: FaceLandmarks | None = LEVEL) -> FaceDetection:
    return FaceDetection(box, 0.9, marks)


def test_a_clear_face_is_reliable() -> None:
    quality = measure_quality(found(), CROP, (100, 100))
    assert (quality.size_px, quality.turn, quality.cut, quality.unreliable) == (40, 0, 0, False)


@pytest.mark.parametrize(("box", "cut"), [(Box(-10, 0, 30, 40), 0.25), (Box(-20, 80, 20, 120), 0.75)])
def test_the_share_beyond_the_border_is_measured(box: Box, cut: float) -> None:
    quality = measure_quality(found(box), CROP, (100, 100))
    assert quality.cut == pytest.approx(cut)
    assert quality.unreliable == (cut > 0.3)


def test_a_nose_beside_the_eyes_is_a_turned_face_at_any_roll() -> None:
    level = FaceLandmarks((10, 10), (30, 10), (34, 20), (30, 30))
    upright_turned = FaceLandmarks((10, 10), (10, 30), (0, 34), (-10, 30))
    for marks in (level, upright_turned):
        quality = measure_quality(found(marks=marks), CROP, (100, 100))
        assert quality.turn == pytest.approx(0.7)
        assert quality.unreliable
    assert measure_quality(found(marks=None), CROP, (100, 100)).turn is None
    in_a_heap = FaceLandmarks((10, 10), (10, 10), (10, 10), (10, 10))
    assert measure_quality(found(marks=in_a_heap), CROP, (100, 100)).turn == 1


def test_a_blurred_or_flat_crop_is_less_sharp() -> None:
    sharp, soft, flat = (
        measure_quality(found(), crop.astype(np.float32), (100, 100))
        for crop in (CROP, gaussian_filter(CROP, 3), np.zeros((48, 48)))
    )
    assert sharp.sharpness > 5 * soft.sharpness > 0
    assert (flat.sharpness, flat.unreliable) == (0, True)


def test_a_portrait_is_reliable_and_a_face_of_sixteen_pixels_is_not() -> None:
    pipeline = load(threads=1, min_face=12)
    (face,) = pipeline.predict(portrait()).faces
    assert face.quality is not None
    assert not face.quality.unreliable
    (small,) = pipeline.predict(pasted(round(220 * 16 / 99), [(300, 200)], (640, 480))).faces
    assert small.quality is not None
    assert small.quality.unreliable
