"""The eight orientations, against Pillow's own turns and the group that they form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from mien.errors import ShapeError
from mien.imaging import orient

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
PIXELS = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=7).map(lambda shape: (*shape, 3)))


@pytest.mark.parametrize("orientation", range(2, 9))
@given(pixels=PIXELS)
def test_each_orientation_is_the_turn_that_pillow_makes(orientation: int, pixels: np.ndarray) -> None:
    expected = np.asarray(Image.fromarray(pixels).transpose(TURNS[orientation]))
    turned = orient(pixels, orientation)
    np.testing.assert_array_equal(turned, expected)
    assert turned.flags.c_contiguous
    np.testing.assert_array_equal(orient(pixels[..., 0], orientation), expected[..., 0])


def test_what_is_upright_stays_the_same_array() -> None:
    pixels = np.zeros((2, 3, 3), np.uint8)
    assert orient(pixels, 1) is pixels


@given(pixels=PIXELS, orientation=st.integers(1, 8))
def test_the_opposite_turn_leads_back(pixels: np.ndarray, orientation: int) -> None:
    back = {6: 8, 8: 6}.get(orientation, orientation)
    np.testing.assert_array_equal(orient(orient(pixels, orientation), back), pixels)


@pytest.mark.parametrize("orientation", [0, 9, -1])
def test_other_numbers_are_refused(orientation: int) -> None:
    with pytest.raises(ShapeError, match="expected 1 to 8"):
        orient(np.zeros((2, 2), np.uint8), orientation)
