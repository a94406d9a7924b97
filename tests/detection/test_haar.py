"""The capstone's own detector."""

import sys

import numpy as np
import pytest

from mien.detection.haar import HaarCascade
from mien.errors import MissingDependencyError
from mien.geometry import Box, iou
from tests.photos import portrait


def test_the_portraits_face_is_found_in_the_viola_jones_frame() -> None:
    faces = HaarCascade().detect(portrait())
    assert len(faces) == 1
    assert iou(faces[0].box, Box(171, 66, 281, 176)) > 0.6
    assert 0.5 <= faces[0].score <= 1


def test_no_face_is_an_empty_result() -> None:
    assert HaarCascade().detect(np.full((200, 200, 3), 90, np.uint8)) == ()


def test_without_opencv_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingDependencyError, match="OpenCV 4") as caught:
        HaarCascade()
    assert caught.value.hint == "pip install 'mien[haar]'"
