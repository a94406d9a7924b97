"""The default detector: its anchors and decoding by hand, and faces at every roll in a public-domain portrait."""

import numpy as np
import pytest
from PIL import Image

from mien.detection.blazeface import BlazeFace, anchor_centers, decode_points, letterbox, weighted_suppression
from mien.geometry import Box, iou
from tests.photos import head, portrait


@pytest.fixture(scope="module")
def detector() -> BlazeFace:
    return BlazeFace(threads=1)


def test_there_are_896_anchors_two_and_six_a_cell() -> None:
    anchors = anchor_centers()
    assert anchors.shape == (896, 2)
    assert anchors[:2].tolist() == [[8, 8], [8, 8]]
    assert anchors[2].tolist() == [24, 8]
    assert anchors[512:518].tolist() == [[16, 16]] * 6
    assert anchors[-1].tolist() == [240, 240]


def test_a_box_is_decoded_around_its_anchor() -> None:
    numbers = np.array([[1, 2, 10, 20, *range(12)]], np.float32)
    points = decode_points(numbers, np.array([[100, 50]], np.float32))
    assert points.shape == (1, 8, 2)
    assert points[0, :3].tolist() == [[96, 42], [106, 62], [100, 51]]


def test_boxes_of_one_face_are_averaged_by_score() -> None:
    points = np.zeros((3, 8, 2), np.float32)
    points[:, 1] = [[10, 10], [12, 10], [10, 10]]
    points[2] += 100
    faces = weighted_suppression(points, np.array([0.75, 0.25, 0.5], np.float32))
    assert [face.box for face in faces] == [Box(0, 0, 10.5, 10), Box(100, 100, 110, 110)]
    assert [face.score for face in faces] == [0.75, 0.5]


@pytest.mark.parametrize(
    ("shape", "margins"), [((100, 200, 3), (0, 64)), ((512, 128, 3), (96, 0)), ((1, 900, 3), (0, 127))]
)
def test_a_picture_of_any_shape_is_fitted_in_the_middle(shape: tuple[int, ...], margins: tuple[int, int]) -> None:
    canvas, scale, left, top = letterbox(np.full(shape, 200, np.uint8))
    assert (left, top) == margins
    assert scale == 256 / max(shape)
    assert canvas.shape == (256, 256, 3)
    assert (canvas[top, left] == 200).all()


def test_the_portraits_face_is_found_with_its_eyes_level(detector: BlazeFace) -> None:
    faces = detector.detect(portrait())
    assert len(faces) == 1
    assert iou(faces[0].box, Box(171, 66, 281, 176)) > 0.6  # by eye: brows to chin, cheek to cheek
    assert faces[0].score > 0.8
    assert abs(faces[0].roll_deg) < 15
    assert faces[0].landmarks is not None
    assert faces[0].landmarks.right_eye[0] < faces[0].landmarks.nose[0] < faces[0].landmarks.left_eye[0]


@pytest.mark.parametrize("angle_deg", [-90, -60, -45, -20, 20, 45, 60, 90])
def test_a_face_rolled_by_up_to_90_degrees_is_found_and_its_roll_measured(detector: BlazeFace, angle_deg: int) -> None:
    level = detector.detect(np.asarray(head()))[0].roll_deg
    canvas = Image.new("RGB", (420, 420), (120, 120, 120))
    canvas.paste(head(), (100, 100))
    faces = detector.detect(np.asarray(canvas.rotate(-angle_deg, Image.Resampling.BICUBIC, fillcolor=(120, 120, 120))))
    best = max(faces, key=lambda face: face.score)
    assert best.score > 0.75
    assert best.roll_deg - level == pytest.approx(angle_deg, abs=12)


def test_an_even_picture_and_a_single_pixel_have_no_face(detector: BlazeFace) -> None:
    assert detector.detect(np.full((300, 400, 3), 128, np.uint8)) == ()
    assert detector.detect(np.zeros((1, 1, 3), np.uint8)) == ()


@pytest.mark.parametrize("width", [3000, 8000, 20000, 40000])
@pytest.mark.parametrize("height", [1, 3, 19])
def test_a_sliver_has_no_face(detector: BlazeFace, width: int, height: int) -> None:
    sliver = np.full((height, width, 3), 128, np.uint8)
    assert detector.detect(sliver) == ()
    assert detector.detect(sliver.transpose(1, 0, 2)) == ()
