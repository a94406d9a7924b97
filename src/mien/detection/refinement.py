"""A second pass over a found face: alone, upright and at a good size.

    doubtful face → cutout (upright, the face fills a share of it) → detector → the same face, or none

That rejects cups and gives each face the box of a large upright one. It does not search.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from mien.detection.base import Detector, FaceDetection, moved, same_place, turned
from mien.detection.traits import SearchTraits
from mien.geometry import ByteArray, Point, upright_sampling

#: Gray of what lies outside the picture.
_OUTSIDE = 128


class Refiner:
    """Second passes with one detector.

    Args:
        detector: That finds faces.
        traits: What is known of it.
        min_score: Faces below this confidence are left out.
    """

    def __init__(self, detector: Detector, traits: SearchTraits, *, min_score: float) -> None:
        self._detector, self._traits, self._min_score = detector, traits, min_score

    def settled(
        self, faces: Iterable[FaceDetection], image: ByteArray, long_side: float, *, confirmed: float
    ) -> Iterator[FaceDetection]:
        """The faces that a pass over ``long_side`` pixels found and that are confirmed, each with its best box.

        Args:
            faces: As found, in pixels of ``image``.
            image: RGB uint8 (H, W, 3).
            long_side: Of the part of the picture that the pass covered.
            confirmed: Score that a doubtful one must reach in its second pass.
        """
        for face in faces:
            if self.is_clear(face, long_side):
                yield face
            elif face.score >= self._min_score:
                again = self.second_pass([face], image, confirmed)
                yield from again or ([face] if self._is_sure(face) else [])

    def second_pass(self, faces: Sequence[FaceDetection], image: ByteArray, wanted: float) -> list[FaceDetection]:
        """The faces as they are seen in their cutouts, up to four in one pass; without those below ``wanted``."""
        cells = 1 if len(faces) == 1 else 2
        least = max(wanted, self._min_score)
        seen: list[FaceDetection] = []
        for start in range(0, len(faces), cells**2):
            cutouts = [
                _Cutout.around(face, place, cells, self._traits)
                for place, face in enumerate(faces[start : start + cells**2])
            ]
            canvas = np.full((self._traits.cutout_px,) * 2 + (3,), _OUTSIDE, np.uint8)
            for cutout in cutouts:
                cutout.show(image, canvas)
            shown = self._detector.detect(canvas)
            found = (cutout.best_of(shown, least) for cutout in cutouts)
            seen += [face for face in found if face]
        return seen

    def is_clear(self, face: FaceDetection, long_side: float) -> bool:
        """Whether a pass over ``long_side`` pixels shows the face well enough for its box to be kept."""
        is_fine = face.box.width >= self._traits.coarse_share * long_side
        return is_fine and abs(face.roll_deg) < self._traits.rolled_deg and self._is_sure(face)

    def _is_sure(self, face: FaceDetection) -> bool:
        return face.score >= max(self._traits.sure_score, self._min_score)


@dataclass(frozen=True, slots=True)
class _Cutout:
    """The surroundings of a face, upright, in a square part of the canvas that is shown to the detector.

    Attributes:
        face: As it was seen or is expected.
        side: Of its surroundings, in pixels of the picture.
        roll_deg: By which they are turned back.
        left: Where the part begins on the canvas.
        top: Likewise.
        pixels: Side of the part.
    """

    face: FaceDetection
    side: float
    roll_deg: float
    left: int
    top: int
    pixels: int

    @classmethod
    def around(cls, face: FaceDetection, place: int, cells: int, traits: SearchTraits) -> "_Cutout":
        """For part ``place`` of a canvas of ``cells`` by ``cells`` parts."""
        roll_deg = face.roll_deg if abs(face.roll_deg) >= traits.rolled_deg else 0.0
        pixels = traits.cutout_px // cells
        side = face.box.width / traits.cutout_share
        return cls(face, side, roll_deg, place % cells * pixels, place // cells * pixels, pixels)

    def show(self, image: ByteArray, canvas: ByteArray) -> None:
        """Draw it on the canvas."""
        part = cut_upright(image, self.face.box.center, self.roll_deg, self.side, self.pixels)
        canvas[self.top : self.top + self.pixels, self.left : self.left + self.pixels] = part

    def best_of(self, seen: Sequence[FaceDetection], wanted: float) -> FaceDetection | None:
        """The face again, in the picture, as the detector saw it on the canvas; None if it did not."""
        scale, (x, y) = self.side / self.pixels, self.face.box.center
        # canvas → picture: undo the scale, put the cutout's corner where it was cut, turn about the face's center
        left, top = x - self.side / 2 - self.left * scale, y - self.side / 2 - self.top * scale
        there = [moved(other, left, top, scale) for other in seen if other.score >= wanted]
        best = max((f for f in there if same_place(f.box, self.face.box)), key=lambda f: f.score, default=None)
        return best and turned(best, (x, y), self.roll_deg)


def cut_upright(image: ByteArray, center: Point, roll_deg: float, side: float, pixels: int) -> ByteArray:
    """The square of ``side`` around ``center``, turned back by ``roll_deg``, (pixels, pixels, 3); gray outside."""
    reach = side * 0.75 + 1  # a square turned by 45° reaches 0.71 sides from its center
    left, top = (max(0, int(middle - reach)) for middle in center)
    region = image[top : max(0, int(center[1] + reach) + 1), left : max(0, int(center[0] + reach) + 1)]
    if not region.size:
        return np.full((pixels, pixels, 3), _OUTSIDE, np.uint8)
    shrink = max(1, int(side / pixels))  # whole pixels are averaged first, since sampling alone would alias
    small = Image.fromarray(np.ascontiguousarray(region)).reduce(shrink)
    step = side / shrink / pixels
    middle = (center[0] - left) / shrink, (center[1] - top) / shrink
    matrix = upright_sampling(middle, (step, step), roll_deg, pixels)
    turn = Image.Transform.AFFINE
    return np.asarray(
        small.transform((pixels, pixels), turn, matrix, Image.Resampling.BILINEAR, fillcolor=(_OUTSIDE,) * 3)
    )
