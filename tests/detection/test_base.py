"""Boxes becoming faces: order, suppression and moving between frames, on hand-made boxes."""

import pytest

from mien.detection.base import FaceDetection, drop_contained, in_reading_order, merge_overlapping, moved, turned
from mien.geometry import Box, FaceLandmarks


def face(left: float, top: float, side: float, score: float = 0.9) -> FaceDetection:
    return FaceDetection(Box(left, top, left + side, top + side), score)


def test_faces_are_ordered_left_to_right_then_top_to_bottom_then_by_score() -> None:
    right, low, high, sure = face(50, 0, 10), face(0, 40, 10), face(0, 5, 10), face(0, 5, 10, score=0.95)
    assert in_reading_order([right, low, high, sure]) == (sure, high, low, right)
    assert in_reading_order([]) == ()


def test_of_overlapping_boxes_the_best_stays() -> None:
    best, same, apart = face(0, 0, 10, 0.9), face(1, 1, 10, 0.8), face(30, 0, 10, 0.6)
    assert merge_overlapping([same, apart, best]) == [best, apart]
    assert merge_overlapping([]) == []


def test_a_box_inside_a_larger_one_is_dropped_even_if_its_score_is_higher() -> None:
    whole, mouth, neighbor = face(0, 0, 100, 0.6), face(30, 60, 20, 0.9), face(95, 0, 50, 0.7)
    assert drop_contained([mouth, whole, neighbor]) == [whole, neighbor]


def test_moving_scales_first_and_keeps_absent_ears_absent() -> None:
    marks = FaceLandmarks((1, 1), (3, 1), (2, 2), (2, 3))
    there = moved(FaceDetection(Box(0, 0, 4, 4), 0.5, marks), 10, 20, 2)
    assert there.box == Box(10, 20, 18, 28)
    assert there.landmarks == FaceLandmarks((12, 22), (16, 22), (14, 24), (14, 26))
    assert moved(face(0, 0, 4), 1, 1).landmarks is None


def test_turning_a_quarter_goes_clockwise_and_keeps_the_boxs_size() -> None:
    marks = FaceLandmarks((1, 1), (3, 1), (2, 2), (2, 3))
    there = turned(FaceDetection(Box(0, 0, 4, 6), 0.5, marks), (0, 0), 90)
    assert there.box.center == pytest.approx((-3, 2))
    assert (there.box.width, there.box.height) == pytest.approx((4, 6))
    assert there.landmarks is not None
    assert there.landmarks.left_eye == pytest.approx((-1, 3))
    assert there.roll_deg == pytest.approx(90)


def test_a_face_without_key_points_is_taken_as_upright() -> None:
    assert face(0, 0, 4).roll_deg == 0
