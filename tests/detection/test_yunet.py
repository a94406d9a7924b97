"""YuNet from the user's file: decoding by hand, and against OpenCV's own implementation where the file is there."""

from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from mien.detection.blazeface import BlazeFace
from mien.detection.yunet import YuNet, decode_level
from mien.errors import ModelFileError
from mien.geometry import iou
from mien.weights import weight_path
from tests.photos import portrait


def test_a_cell_is_decoded_as_opencv_does() -> None:
    cells = 6  # two rows of three
    classes, objects = np.zeros((cells, 1), np.float32), np.zeros((cells, 1), np.float32)
    boxes, points = np.zeros((cells, 4), np.float32), np.zeros((cells, 10), np.float32)
    classes[4], objects[4] = 0.81, 1.0
    boxes[4] = [0.5, 0.25, np.log(2), np.log(4)]
    points[4] = [0, 0, 1, 0, 0.5, 0.5, 0, 1, 1, 2]
    (face,) = decode_level(classes, objects, boxes, points, stride=8, columns=3, min_score=0.7)
    assert face.score == pytest.approx(0.9)
    assert astuple(face.box) == pytest.approx((4, -6, 20, 26))
    assert face.landmarks is not None
    assert face.landmarks.right_eye == (8, 8)
    assert face.landmarks.left_eye == (16, 8)
    assert face.landmarks.mouth == (12, 20)


def test_another_network_is_refused() -> None:
    with pytest.raises(ModelFileError, match="not a YuNet"):
        YuNet(weight_path("blazeface", kind="detector"))


def test_its_face_and_eyes_lie_where_blazeface_sees_them(shared: Path) -> None:
    (face,) = YuNet(shared / "detectors" / "yunet_n_dynamic.onnx", threads=1).detect(portrait())
    (other,) = BlazeFace(threads=1).detect(portrait())
    assert iou(face.box, other.box) > 0.7
    assert face.landmarks is not None
    assert other.landmarks is not None
    assert face.landmarks.right_eye == pytest.approx(other.landmarks.right_eye, abs=5)
    assert face.landmarks.left_eye == pytest.approx(other.landmarks.left_eye, abs=5)


def test_a_large_picture_is_shrunk_and_its_boxes_are_in_its_own_pixels(shared: Path) -> None:
    file = shared / "detectors" / "yunet_n_dynamic.onnx"
    (face,) = YuNet(file, max_side=256).detect(portrait())
    (fine,) = YuNet(file).detect(portrait())
    assert iou(face.box, fine.box) > 0.8
