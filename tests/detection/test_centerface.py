"""CenterFace: its decoding by hand, and the search at sizes, turns and borders on pictures of a public portrait."""

from dataclasses import astuple

import numpy as np
import pytest
from PIL import Image
from skimage import data

from mien.detection.base import Detector, FaceDetection
from mien.detection.centerface import CenterFace, decode, resized
from mien.detection.centersearch import CenterFaceSearch, eyes_apart
from mien.detection.registry import build_detector
from mien.detection.settings import SearchSettings
from mien.errors import ModelFileError
from mien.geometry import iou
from mien.weights import weight_path
from tests.photos import Picture, head, pasted, portrait

#: Of the head's picture: center and width of its face, by eye.
CENTER, FACE_SHARE = (0.505, 0.50), 0.45


@pytest.fixture(scope="module")
def detector() -> Detector:
    return build_detector(threads=1)


def maps(rows: int, columns: int) -> tuple[np.ndarray, ...]:
    return tuple(np.zeros((count, rows, columns), np.float32) for count in (1, 2, 2, 10))


@pytest.mark.parametrize("size", [(1, 1), (3, 1400), (1301, 2), (640, 480), (1501, 1333)])
@pytest.mark.parametrize("scale", [0.01, 0.0773, 0.21, 0.4, 0.75, 1.0, 1.3])
def test_pictures_are_resized_as_pillow_does_though_strip_by_strip(size: tuple[int, int], scale: float) -> None:
    picture = Image.effect_noise(size, 90).convert("RGB")
    wanted = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    gap = 2.0 if min(wanted) > 1 else None
    expected = picture.resize(wanted, Image.Resampling.BILINEAR, reducing_gap=gap)
    assert np.array_equal(resized(np.asarray(picture), scale), np.asarray(expected))


def test_a_cell_is_decoded_as_its_authors_do() -> None:
    heatmap, size, offset, points = maps(4, 5)
    heatmap[0, 2, 3] = 0.75
    size[:, 2, 3] = np.log([6, 4])  # height, width in cells
    offset[:, 2, 3] = [0.25, -0.25]  # down, across
    points[:, 2, 3] = [0.25, 0.25, 0.25, 0.75, 0.5, 0.5, 0.75, 0.25, 0.75, 0.75]  # y, x
    (face,) = decode(heatmap, size, offset, points, min_score=0.5)
    assert face.score == 0.75
    assert astuple(face.box) == pytest.approx((5, -1, 21, 23))
    assert face.landmarks is not None
    assert face.landmarks.right_eye == pytest.approx((9, 5))
    assert face.landmarks.left_eye == pytest.approx((17, 5))
    assert face.landmarks.nose == pytest.approx((13, 11))
    assert face.landmarks.mouth == pytest.approx((13, 17))


def test_of_neighboring_cells_of_one_face_the_best_stays() -> None:
    heatmap, size, offset, points = maps(16, 16)
    heatmap[0, 8, 8], heatmap[0, 8, 9], heatmap[0, 2, 2] = 0.9, 0.8, 0.6
    size[:] = np.log(4)
    assert [face.score for face in decode(heatmap, size, offset, points, min_score=0.5)] == pytest.approx([0.9, 0.6])
    assert decode(heatmap, size, offset, points, min_score=0.95) == []


def test_another_network_is_refused() -> None:
    with pytest.raises(ModelFileError, match="not a CenterFace"):
        CenterFace(path=weight_path("blazeface", kind="detector"))


def test_a_batch_gives_what_each_picture_gives_alone() -> None:
    looker = CenterFace(threads=1)
    shown = [portrait()[:256, 64:320], portrait()[:256, 128:384], np.full((256, 256, 3), 90, np.uint8)]
    together = looker.detect_batch(np.stack(shown))
    assert [len(faces) for faces in together] == [1, 1, 0]
    for image, faces in zip(shown, together, strict=True):
        assert looker.detect_batch(image[None])[0] == faces


@pytest.mark.parametrize("face_px", [24, 32, 48, 110])
def test_faces_are_each_found_once_wherever_they_are(detector: Detector, face_px: int) -> None:
    side = round(face_px / FACE_SHARE)
    places = [(40, 60), (400, 300), (853 - side // 2, 480), (1180 - side, 100), (1000, 880 - side)]
    found = detector.detect(pasted(side, places))
    assert len(found) == len(places)
    for left, top in places:
        inside = [f for f in found if left < f.box.center[0] < left + side and top < f.box.center[1] < top + side]
        assert len(inside) == 1
        assert inside[0].box.width == pytest.approx(face_px, rel=0.2)


def test_one_small_face_in_twelve_megapixels_is_found(detector: Detector) -> None:
    (face,) = detector.detect(pasted(70, [(2900, 1700)], (4000, 3000)))
    assert face.box.center == pytest.approx((2935, 1735), abs=8)


@pytest.mark.parametrize("angle_deg", range(0, 360, 30))
def test_a_face_at_any_turn_is_found_and_its_turn_measured(detector: Detector, angle_deg: int) -> None:
    level = detector.detect(np.asarray(head()))[0].roll_deg
    canvas = Image.new("RGB", (420, 420), (120, 120, 120))
    canvas.paste(head(), (100, 100))
    image = canvas.rotate(-angle_deg, Image.Resampling.BICUBIC, fillcolor=(120, 120, 120))
    (face,) = detector.detect(np.asarray(image))
    assert abs((face.roll_deg - level - angle_deg + 180) % 360 - 180) < 8
    assert face.box.width == pytest.approx(220 * FACE_SHARE, rel=0.2)


@pytest.mark.parametrize("share", [0.2, 0.3, 0.4])
@pytest.mark.parametrize("side", ["left", "right", "bottom"])
def test_a_face_cut_by_the_border_is_found(detector: Detector, share: float, side: str) -> None:
    middle, half = (115 + 110, 10 + 110), 50  # of the portrait's face
    cut = {
        "left": (round(middle[0] - half + 2 * half * share), 0, 512, 512),
        "right": (0, 0, round(middle[0] + half - 2 * half * share), 512),
        "bottom": (0, 0, 512, round(middle[1] + half - 2 * half * share)),
    }[side]
    assert len(detector.detect(np.asarray(Image.fromarray(portrait()).crop(cut)))) == 1


@pytest.mark.parametrize("pixels", [48, 64, 100, 200, 400])
def test_a_face_that_fills_the_picture_is_one_face(detector: Detector, pixels: int) -> None:
    assert len(detector.detect(np.asarray(head().crop((55, 55, 170, 170)).resize((pixels, pixels))))) == 1


@pytest.mark.parametrize("name", ["coffee", "brick", "grass", "clock", "page", "moon", "logo", "cat", "rocket"])
def test_pictures_without_a_face_have_none(detector: Detector, name: str) -> None:
    image = np.asarray(getattr(data, name)())
    rgb = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image[..., :3]
    assert detector.detect(np.ascontiguousarray(rgb)) == ()


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (3, 3000), (20_000, 1), (7, 5)])
def test_slivers_have_no_face(detector: Detector, shape: tuple[int, int]) -> None:
    assert detector.detect(np.full((*shape, 3), 128, np.uint8)) == ()


class Counting(CenterFace):
    """The real detector, counting the pixels that it looks at."""

    pixels = 0

    def detect_batch(self, images: Picture) -> list[list[FaceDetection]]:
        self.pixels += images.shape[0] * images.shape[1] * images.shape[2]
        return super().detect_batch(images)


@pytest.mark.parametrize("mode", ["fast", "default"])
def test_a_portrait_costs_one_glance(mode: str) -> None:
    counting = Counting(threads=1)
    search = CenterFaceSearch(counting, SearchSettings(mode=mode))  # type: ignore[arg-type]
    assert len(search.detect(portrait())) == 1
    assert counting.pixels == 320 * 320


def test_thorough_finds_small_faces_behind_a_portrait_that_default_leaves_out() -> None:
    picture = Image.fromarray(pasted(700, [(20, 20)], (1600, 900)))
    picture.paste(head().resize((60, 60)), (1300, 200))
    for mode, count in (("fast", 1), ("default", 1), ("thorough", 2)):
        detector = build_detector(search=SearchSettings(mode=mode))  # type: ignore[arg-type]
        assert len(detector.detect(np.asarray(picture))) == count


def test_a_picture_much_like_the_last_costs_a_glance_and_the_faces_that_it_does_not_show() -> None:
    places = [(60, 60), (500, 400), (1000, 700)]
    image, counting = pasted(70, places), Counting(threads=1)
    search = CenterFaceSearch(counting)
    before = search.detect(image)
    first, counting.pixels = counting.pixels, 0
    again = search.detect_again(image, before, closer=False)
    assert len(before) == len(again) == 3
    assert all(max(iou(old.box, new.box) for new in again) > 0.7 for old in before)
    assert counting.pixels < first / 3
    assert search.detect_again(pasted(70, []), before, closer=False) == ()
    assert len(search.detect_again(image, (), closer=True)) == 3


def test_size_and_number_are_chosen_for_every_detector() -> None:
    picture = Image.fromarray(pasted(300, [(40, 200)], (1280, 960)))
    picture.paste(head().resize((160, 160)), (700, 300))
    image = np.asarray(picture)
    for name in ("centerface", "blazeface", "haar"):
        both = build_detector(name).detect(image)
        assert len(both) == 2
        for search in (SearchSettings(max_faces=1), SearchSettings(min_face=110), SearchSettings(min_face=110 / 1280)):
            assert build_detector(name, search=search).detect(image) == both[:1]


def test_the_eyes_of_a_level_face_are_apart_and_those_of_a_turned_one_in_a_heap() -> None:
    looker = CenterFace(threads=1)
    canvas = Image.new("RGB", (320, 320), (120, 120, 120))
    canvas.paste(head(), (50, 50))
    level, turned = (looker.detect(np.asarray(canvas.rotate(angle)))[0] for angle in (0, 180))
    assert eyes_apart(level) > 0.35
    assert eyes_apart(turned) < 0.25
