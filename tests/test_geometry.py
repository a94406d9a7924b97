"""Overlap of boxes and the map of an upright crop, against counted pixels and a turn by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.geometry import Box, corner_ious, intersection, iou, overlap_share, upright_sampling

SIDE = 24
edges = st.tuples(st.integers(0, SIDE), st.integers(0, SIDE)).map(sorted)
boxes = st.tuples(edges, edges).map(lambda pair: Box(pair[0][0], pair[1][0], pair[0][1], pair[1][1]))


def pixels(box: Box) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[int(box.top) : int(box.bottom), int(box.left) : int(box.right)] = True
    return mask


@given(first=boxes, second=boxes)
def test_overlap_is_what_counting_pixels_gives(first: Box, second: Box) -> None:
    both, either = (pixels(first) & pixels(second)).sum(), (pixels(first) | pixels(second)).sum()
    smaller = min(pixels(first).sum(), pixels(second).sum())
    assert intersection(first, second) == both
    assert iou(first, second) == pytest.approx(both / either if either else 0)
    assert overlap_share(first, second) == pytest.approx(both / smaller if smaller else 0)
    corners = np.array([[[b.left, b.top], [b.right, b.bottom]] for b in (first, second)], np.float32)
    assert corner_ious(corners[0], corners) == pytest.approx([iou(first, first), iou(first, second)], abs=1e-6)


def test_a_part_turned_by_a_quarter_is_sampled_from_its_own_top_left() -> None:
    a, b, c, d, e, f = upright_sampling((10, 20), (2, 2), 90, 4)
    # the upright part's top left corner lies, turned clockwise, at the top right of the picture's square
    assert (c, f) == pytest.approx((14, 16))
    assert (4 * a + c, 4 * d + f) == pytest.approx((14, 24))
    assert (2 * a + 2 * b + c, 2 * d + 2 * e + f) == pytest.approx((10, 20))
