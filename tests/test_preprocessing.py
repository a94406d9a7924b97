"""Crops against values computed by hand, and against scikit-image's own warping."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import rotate

from mien.errors import ShapeError
from mien.geometry import WHOLE_FRAME, Box, CropFrame
from mien.metadata import InputSpec
from mien.preprocessing import LUMA_601, crop_face, crop_face_color, face_crop_box, to_model_input


def gray_rgb(values: np.ndarray) -> np.ndarray:
    return np.repeat(values.astype(np.uint8)[..., None], 3, axis=2)


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (48, 48)).astype(np.uint8)


def test_a_crop_of_the_same_size_is_the_picture_itself(noise: np.ndarray) -> None:
    np.testing.assert_allclose(crop_face(gray_rgb(noise), Box(0, 0, 48, 48)), noise / 255, atol=1e-6)


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_a_larger_face_is_averaged_over_each_pixels_area(noise: np.ndarray, factor: int) -> None:
    large = np.random.default_rng(1).integers(0, 256, (48 * factor, 48 * factor)).astype(np.uint8)
    means = large.reshape(48, factor, 48, factor).mean(axis=(1, 3)) / 255
    np.testing.assert_allclose(crop_face(gray_rgb(large), Box(0, 0, 48 * factor, 48 * factor)), means, atol=1e-5)


def test_a_fine_checkerboard_shrinks_to_even_gray_and_not_to_stripes() -> None:
    board = (np.indices((480, 480)).sum(axis=0) % 2 * 255).astype(np.uint8)
    crop = crop_face(gray_rgb(board), Box(0, 0, 475, 475))
    assert np.abs(crop - 0.5).max() < 0.03


def test_outside_the_picture_the_edge_is_repeated(noise: np.ndarray) -> None:
    crop = crop_face(gray_rgb(noise), Box(-24, 0, 24, 48))
    np.testing.assert_allclose(crop[:, 24:], noise[:, :24] / 255, atol=1e-6)
    np.testing.assert_allclose(crop[:, :24], np.repeat(noise[:, :1], 24, axis=1) / 255, atol=1e-6)


@pytest.mark.parametrize(("turns", "roll_deg"), [(1, -90.0), (-1, 90.0), (2, 180.0)])
def test_a_face_rolled_by_right_angles_is_turned_back_exactly(noise: np.ndarray, turns: int, roll_deg: float) -> None:
    rolled = np.ascontiguousarray(np.rot90(gray_rgb(noise), turns))
    np.testing.assert_allclose(crop_face(rolled, Box(0, 0, 48, 48), roll_deg=roll_deg), noise / 255, atol=1e-5)


@pytest.mark.parametrize("roll_deg", [-30.0, 10.0, 60.0])
def test_turning_agrees_with_scikit_image(roll_deg: float) -> None:
    y, x = np.mgrid[0:96, 0:96]
    smooth = 127 + 80 * np.sin(x / 9) * np.cos(y / 13)
    expected = rotate(smooth / 255, roll_deg)[24:72, 24:72]  # counter-clockwise turns a clockwise roll back
    crop = crop_face(gray_rgb(smooth), Box(24, 24, 72, 72), roll_deg=roll_deg)
    assert np.abs(crop - expected).max() < 0.01


@pytest.mark.parametrize("roll_deg", [0.0, 90.0, 17.0])
def test_the_color_crop_shows_what_the_gray_one_shows(noise: np.ndarray, roll_deg: float) -> None:
    picture = np.stack([noise, noise.T, 255 - noise], axis=-1)
    box = Box(4.0, 6.0, 30.0, 32.0)
    color = crop_face_color(picture, box, roll_deg=roll_deg, size=24)
    assert color.shape == (24, 24, 3)
    assert color.dtype == np.uint8
    gray = crop_face(picture, box, roll_deg=roll_deg, size=24)
    assert np.abs(color @ np.array(LUMA_601) / 255 - gray).max() < 0.5 / 255 + 1e-6  # each channel is rounded


def test_gray_is_the_luma_of_the_three_colors() -> None:
    for channel, weight in enumerate(LUMA_601):
        image = np.zeros((48, 48, 3), np.uint8)
        image[..., channel] = 255
        np.testing.assert_allclose(crop_face(image, Box(0, 0, 48, 48)), weight, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    left=st.floats(-300, 300),
    top=st.floats(-300, 300),
    side=st.floats(0.01, 700),
    roll_deg=st.floats(-180, 180),
    value=st.integers(0, 255),
)
def test_any_crop_of_an_even_picture_is_even(left: float, top: float, side: float, roll_deg: float, value: int) -> None:
    image = np.full((40, 60, 3), value, np.uint8)
    crop = crop_face(image, Box(left, top, left + side, top + side), roll_deg=roll_deg)
    assert crop.shape == (48, 48)
    assert crop.dtype == np.float32
    np.testing.assert_allclose(crop, value / 255, atol=1e-5)


def test_boxes_without_area_and_other_arrays_are_refused() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    for box in (Box(4, 4, 4, 8), Box(5, 5, 2, 8), Box(0, 0, float("nan"), 8)):
        with pytest.raises(ShapeError, match="no area"):
            crop_face(image, box)
    with pytest.raises(ShapeError, match=r"\(8, 8\).*expected \(H, W, 3\) uint8"):
        crop_face(image[..., 0], Box(0, 0, 4, 4))


def test_the_offset_of_the_frame_turns_with_the_face() -> None:
    frame = CropFrame(0.25, 0.5, 0.5, 0.5)  # the box lies below the frame's center
    box = Box(90, 90, 110, 110)
    assert face_crop_box(box, frame).center == pytest.approx((100, 90))
    assert face_crop_box(box, frame, roll_deg=90).center == pytest.approx((110, 100))
    assert face_crop_box(box, frame, roll_deg=-90).center == pytest.approx((90, 100))
    assert face_crop_box(box, WHOLE_FRAME, roll_deg=33) == box


@pytest.mark.parametrize("shape", [(3, 48, 48), (3, 48, 48, 1), (3, 1, 48, 48)])
def test_each_layout_of_faces_becomes_the_same_tensor(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).integers(0, 256, (3, 48, 48)).astype(np.uint8)
    expected = (values / 255)[:, None]
    for images in (values.reshape(shape), (values / 255).reshape(shape)):
        tensor = to_model_input(images, InputSpec())
        assert tensor.dtype == np.float32
        np.testing.assert_allclose(tensor, expected, atol=1e-7)


def test_the_range_of_the_network_is_met() -> None:
    black_and_white = np.stack([np.zeros((48, 48), np.uint8), np.full((48, 48), 255, np.uint8)])
    tensor = to_model_input(black_and_white, InputSpec(low=-1, high=1))
    assert (tensor[0].max(), tensor[1].min()) == (-1, 1)


def test_no_faces_are_an_empty_tensor() -> None:
    assert to_model_input([], InputSpec()).shape == (0, 1, 48, 48)
    assert to_model_input(np.empty((0, 48, 48, 1), np.uint8), InputSpec()).shape == (0, 1, 48, 48)


@pytest.mark.parametrize(
    ("images", "text"),
    [
        (np.zeros((48, 48)), r"shape \(48, 48\)"),
        (np.zeros((2, 3, 48, 48)), r"shape \(2, 3, 48, 48\)"),
        (np.full((1, 48, 48), 255.0), r"values in \[255, 255\], expected \[0, 1\]"),
        (np.full((1, 48, 48), np.nan), "expected"),
        (np.zeros((1, 48, 48), np.int32), "type int32"),
    ],
)
def test_faces_of_another_shape_type_or_range_are_refused(images: np.ndarray, text: str) -> None:
    with pytest.raises(ShapeError, match=text):
        to_model_input(images, InputSpec())


def test_a_network_of_three_channels_gets_the_gray_in_each() -> None:
    faces = np.random.default_rng(0).integers(0, 256, (2, 48, 48), np.uint8)
    tensor = to_model_input(faces, InputSpec(channels=3, low=-1))
    assert tensor.shape == (2, 3, 48, 48)
    assert (tensor == to_model_input(faces, InputSpec(low=-1))).all()
