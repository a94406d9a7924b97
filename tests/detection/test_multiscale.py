"""Looking twice: small faces found once each, ordinary photos looked at once, tight crops seen with a margin."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from mien.detection.base import Detector, FaceDetection, moved
from mien.detection.blazeface import BLAZEFACE_TRAITS, BlazeFace
from mien.detection.multiscale import MultiscaleDetector
from mien.detection.registry import build_detector
from mien.detection.tiles import tiles_of
from mien.geometry import Box, iou
from tests.photos import Picture, head, pasted, portrait

FACE_SHARE = 0.477  # of the head's picture: the detector's box at full size


class Counting:
    """A real detector that counts how often it looks."""

    name = "counting"

    def __init__(self) -> None:
        self.inner, self.looks = BlazeFace(min_score=0.3, threads=1), 0

    @property
    def files(self) -> Mapping[str, str]:
        return self.inner.files

    def detect(self, image: Picture) -> tuple[FaceDetection, ...]:
        self.looks += 1
        return self.inner.detect(image)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return build_detector("blazeface", threads=1)


@given(width=st.integers(1, 5000), height=st.integers(1, 5000), side=st.integers(50, 2000), corner=st.integers(0, 500))
def test_tiles_cover_a_region_and_overlap_by_a_quarter(width: int, height: int, side: int, corner: int) -> None:
    region = Box(corner, corner, corner + width, corner + height)
    tiles = list(tiles_of(region, side))
    columns = sorted({(tile.left, tile.right) for tile in tiles})
    assert columns[0][0] == region.left
    assert columns[-1][1] == region.right
    assert all(right - left <= side for left, right in columns)
    assert all(ahead[0] <= before[1] - 0.25 * side + 1 for before, ahead in pairwise(columns))


@pytest.mark.parametrize("face_px", [24, 32, 48])
def test_small_faces_in_a_large_picture_are_each_found_once(detector: Detector, face_px: int) -> None:
    side = round(face_px / FACE_SHARE)
    places = [
        (40, 60),
        (400, 300),
        (425 - side // 2, 700),
        (853 - side // 2, 480),
        (1200 - side, 100),
        (1000, 880 - side),
    ]
    found = detector.detect(pasted(side, places))
    assert len(found) == len(places)
    for left, top in places:
        inside = [f for f in found if left < f.box.center[0] < left + side and top < f.box.center[1] < top + side]
        assert len(inside) == 1
        assert inside[0].box.width == pytest.approx(face_px, rel=0.15)


def test_a_photo_with_a_large_face_is_looked_at_once() -> None:
    counting = Counting()
    assert len(MultiscaleDetector(counting, BLAZEFACE_TRAITS).detect(portrait())) == 1
    assert counting.looks == 1


def test_a_face_that_fills_the_picture_is_one_face(detector: Detector) -> None:
    tight = np.asarray(head())[60:172, 50:172]
    for side in (48, 96, 400):
        image = np.asarray(head().crop((50, 60, 172, 172)).resize((side, side)))
        assert len(detector.detect(image)) == 1
    assert len(detector.detect(np.ascontiguousarray(tight))) == 1


@pytest.mark.parametrize("share", [0.55, 0.62, 0.7, 0.8])
def test_a_face_beside_one_that_fills_the_picture_is_found_too(detector: Detector, share: float) -> None:
    side = round(1000 * share / FACE_SHARE)
    picture = Image.new("RGB", (1000, 800), (118, 122, 125))
    picture.paste(head().resize((side, side)), (-side // 4, -side // 4))
    picture.paste(head().resize((170, 170)), (825, 625))
    widths = [face.box.width for face in detector.detect(np.asarray(picture))]
    assert widths == pytest.approx([1000 * share, 170 * FACE_SHARE], rel=0.1)


@pytest.mark.parametrize("name", ["coffee", "brick", "grass", "clock", "page", "moon", "logo"])
def test_pictures_without_a_face_have_none(detector: Detector, name: str) -> None:
    image = np.asarray(getattr(data, name)())
    rgb = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image[..., :3]
    assert detector.detect(np.ascontiguousarray(rgb)) == ()


def test_a_cup_that_looks_like_a_face_at_first_is_rejected_by_the_second_pass(detector: Detector) -> None:
    assert BlazeFace(threads=1).detect(data.coffee())
    assert detector.detect(data.coffee()) == ()


def crowd_of_small_faces() -> list[tuple[int, int]]:
    return [(30 + 200 * (place % 6), 60 + 280 * (place // 6)) for place in range(16)]


@pytest.mark.parametrize("closer", [False, True])
def test_expected_faces_are_found_again_at_the_same_places_in_a_fraction_of_the_looks(closer: bool) -> None:
    counting, image = Counting(), pasted(170, crowd_of_small_faces())
    tiled = MultiscaleDetector(counting, BLAZEFACE_TRAITS)
    before = tiled.detect(image)
    first_looks, counting.looks = counting.looks, 0
    again = tiled.detect_again(image, before, closer=closer)
    assert len(before) == len(again) == 16
    assert all(max(iou(old.box, new.box) for new in again) > 0.75 for old in before)
    assert counting.looks <= (first_looks * 2 / 3 if closer else 5)


def test_new_small_faces_are_found_by_a_closer_pass_alone() -> None:
    tiled, places = MultiscaleDetector(BlazeFace(min_score=0.3, threads=1), BLAZEFACE_TRAITS), [(100, 100), (700, 500)]
    before, image = tiled.detect(pasted(80, places[:1], (2400, 1800))), pasted(80, places, (2400, 1800))
    assert len(tiled.detect_again(image, before, closer=True)) == 2
    assert len(tiled.detect_again(image, before, closer=False)) == 1


@pytest.mark.parametrize("place", [(0, 0), (5000, -3000)])
def test_an_expected_face_that_has_left_is_not_found_again(place: tuple[int, int]) -> None:
    tiled = MultiscaleDetector(BlazeFace(min_score=0.3, threads=1), BLAZEFACE_TRAITS)
    before = [moved(face, *place) for face in tiled.detect(pasted(170, crowd_of_small_faces()))]
    assert tiled.detect_again(pasted(170, []), before, closer=False) == ()
