"""Looking twice: closer where faces are small, and from further away where one fills the picture.

It works with any detector, and knows of it only which share of a picture's side a face must have to be seen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, cos, radians, sin

import numpy as np
from PIL import Image

from mien.detection.base import (
    MAX_IOU,
    Detector,
    FaceDetection,
    drop_contained,
    in_reading_order,
    merge_overlapping,
    moved,
    turned,
)
from mien.geometry import Box, ByteArray, Point, iou

#: A tile's side as a share of the long side of what it is cut from, and by how much neighbors overlap.
_TILE_SHARE = 1 / 3
_OVERLAP = 0.25

#: Side in pixels of what is shown to a detector in another look.
_LOOK_SIDE = 256

#: A face that takes a larger share of the long side fills the picture.
_TIGHT_SHARE = 0.6

#: A face with a lower score than the first is looked at once more, cut out so that it fills this share of the crop,
#: and must reach the second there, or the third if it comes from a tile: many tiles give many chances of error.
_SURE_SCORE, _SECOND_LOOK_SCORE, _TILE_SCORE = 0.8, 0.6, 0.7
_SECOND_LOOK_SHARE = 0.4

#: Boxes below this share of the long side are too small by up to a third (measured), so these are looked at again too.
_COARSE_SHARE = 0.075

#: From this roll a box no longer lies on the face as it does on an upright one.
_ROLLED_DEG = 15.0


class Tiled:
    """A detector that looks closer where faces are small, or where it saw none at all.

    One look at the whole picture is all that a photo with large faces costs. Where that look finds nothing, or
    something near the limit of what it can see, the picture is cut into overlapping tiles and each is treated alike,
    until a face of ``min_face`` pixels would be seen. A picture that one face fills is seen with a margin around it.

    A face that is doubtful, rolled, or so small that its box is coarse, is looked at once more: alone, upright and at a
    good size. That rejects cups and gives each face the box of a large upright one; an ordinary photo pays nothing.

    Args:
        detector: Sees faces from ``visible_share`` of a picture's long side; should also return doubtful ones.
        min_score: Faces below this confidence are left out; doubtful ones still make it look closer.
        min_face: Side in pixels of the smallest face looked for.
        visible_share: Share of the long side from which the detector finds faces reliably.
    """

    def __init__(
        self, detector: Detector, *, min_score: float = 0.55, min_face: float = 24, visible_share: float = 0.056
    ) -> None:
        self._detector = detector
        self.min_score = min_score
        self._smallest_tile = ceil(min_face / visible_share)
        self._small_share = visible_share

    @property
    def name(self) -> str:
        return self._detector.name

    def detect(self, image: ByteArray) -> tuple[FaceDetection, ...]:
        """Faces of an RGB uint8 picture (H, W, 3), from left to right, each once."""
        height, width = image.shape[:2]
        first = list(self._detector.detect(image))
        found = list(self._settled(first, image, max(height, width)))
        if not found or any(_is_tight(face, max(height, width)) for face in first):
            large = list(self._settled(self._look_from_afar(image), image, max(height, width)))
            found = large + [face for face in found if all(iou(face.box, seen.box) <= MAX_IOU for seen in large)]
        if self._may_hide_small(found, first, max(height, width)):
            found += self._look_closer(image, Box(0, 0, width, height))
        return in_reading_order(drop_contained(merge_overlapping(found)))

    def detect_again(
        self, image: ByteArray, expected: Sequence[FaceDetection], *, closer: bool
    ) -> tuple[FaceDetection, ...]:
        """Faces of a picture much like one just looked at, from left to right, in a fraction of the looks.

        Expected faces that one look at the whole does not show clearly are looked at again, four in one look; only the
        others are treated as in :meth:`detect`.

        Args:
            image: RGB uint8 (H, W, 3).
            expected: Faces where they should be now.
            closer: Whether to look for new faces that are too small for a look at the whole.
        """
        height, width = image.shape[:2]
        long_side = max(height, width)
        first = self._detector.detect(image)
        clear = [face for face in first if self._is_clear(face, long_side) and not _is_tight(face, long_side)]
        missing = [face for face in expected if not _is_among(face, clear)]
        known = clear + self._look_together(missing, image, _SURE_SCORE)  # half of a hidden face reaches 0.7
        known += self._settled([face for face in first if not _is_among(face, known)], image, long_side)
        if closer and self._may_hide_small(known, first, long_side):
            known += self._look_closer(image, Box(0, 0, width, height), tuple(known))
        return in_reading_order(drop_contained(merge_overlapping(known)))

    def _look_from_afar(self, image: ByteArray) -> list[FaceDetection]:
        """Faces too large for the picture: it is shrunk and gets a gray margin of half its long side."""
        height, width = image.shape[:2]
        scale = min(1.0, _LOOK_SIDE / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
        margin = max(size) // 2
        padded = np.pad(small, ((margin, margin), (margin, margin), (0, 0)), constant_values=128)
        seen = [moved(face, -margin / scale, -margin / scale, 1 / scale) for face in self._detector.detect(padded)]
        large = _TIGHT_SHARE / 2 * max(height, width)
        return [face for face in seen if face.box.width > large and face.score >= _SECOND_LOOK_SCORE]

    def _look_closer(
        self, image: ByteArray, region: Box, known: Sequence[FaceDetection] = ()
    ) -> Iterator[FaceDetection]:
        """Confident faces in the tiles of ``region``, and in their tiles in turn, without the known ones."""
        if max(region.width, region.height) <= self._smallest_tile:
            return
        for tile in tiles_of(region, max(_TILE_SHARE * max(region.width, region.height), self._smallest_tile)):
            part = np.ascontiguousarray(image[int(tile.top) : int(tile.bottom), int(tile.left) : int(tile.right)])
            faces = [moved(face, tile.left, tile.top) for face in self._detector.detect(part)]
            whole = [face for face in faces if _is_whole(face.box, tile, image) and not _is_among(face, known)]
            yield from self._settled(whole, image, max(tile.width, tile.height), convincing=_TILE_SCORE)
            if self._has_small(faces, max(tile.width, tile.height)):
                yield from self._look_closer(image, tile, known)

    def _settled(
        self, faces: list[FaceDetection], image: ByteArray, long_side: float, *, convincing: float = _SECOND_LOOK_SCORE
    ) -> Iterator[FaceDetection]:
        """The faces that a look over ``long_side`` pixels found and that stand, each with its best box."""
        for face in faces:
            if self._is_clear(face, long_side):
                yield face
            elif face.score >= self.min_score:
                again = self._look_together([face], image, max(convincing, self.min_score))
                yield from again or ([face] if self._is_sure(face) else [])

    def _look_together(self, faces: Sequence[FaceDetection], image: ByteArray, wanted: float) -> list[FaceDetection]:
        """The faces as they are seen cut out upright at a good size, up to four in one look; without the unseen."""
        cells = 1 if len(faces) == 1 else 2
        seen: list[FaceDetection] = []
        for start in range(0, len(faces), cells**2):
            cutouts = [_Cutout.around(face, place, cells) for place, face in enumerate(faces[start : start + cells**2])]
            canvas = np.full((_LOOK_SIDE, _LOOK_SIDE, 3), 128, np.uint8)
            for cutout in cutouts:
                cutout.show(image, canvas)
            shown = self._detector.detect(canvas)
            found = (cutout.best_of(shown, max(wanted, self.min_score)) for cutout in cutouts)
            seen += [face for face in found if face]
        return seen

    def _is_sure(self, face: FaceDetection) -> bool:
        return face.score >= max(_SURE_SCORE, self.min_score)

    def _is_clear(self, face: FaceDetection, long_side: float) -> bool:
        """Whether a look over ``long_side`` pixels shows the face well enough for its box to stand."""
        fine = face.box.width >= _COARSE_SHARE * long_side and abs(face.roll_deg) < _ROLLED_DEG
        return fine and self._is_sure(face)

    def _may_hide_small(self, found: Sequence[FaceDetection], first: Sequence[FaceDetection], long_side: float) -> bool:
        """Whether smaller faces than the ``first`` look sees may be there, by what was ``found`` in all."""
        return all(face.score < _TILE_SCORE for face in found) or self._has_small(first, long_side)

    def _has_small(self, faces: Sequence[FaceDetection], long_side: float) -> bool:
        return any(face.box.width < self._small_share * long_side for face in faces)


def tiles_of(region: Box, side: float) -> Iterator[Box]:
    """Equal tiles of at most ``side`` whole pixels that cover ``region``, neighbors overlapping by a quarter.

    Examples:
        >>> [(tile.left, tile.right) for tile in tiles_of(Box(0, 0, 100, 30), 40)]
        [(0.0, 40.0), (30.0, 70.0), (60.0, 100.0)]
    """
    for top, bottom in _spans(region.top, region.bottom, side):
        for left, right in _spans(region.left, region.right, side):
            yield Box(left, top, right, bottom)


def _spans(start: float, stop: float, side: float) -> list[tuple[float, float]]:
    length = stop - start
    side = min(round(side), length)
    count = 1 if side >= length else int(np.ceil((length - side) / (side * (1 - _OVERLAP)))) + 1
    starts = np.rint(np.linspace(start, stop - side, count))
    return [(float(first), float(first + side)) for first in starts]


@dataclass(frozen=True, slots=True)
class _Cutout:
    """The surroundings of a face, upright, in a square part of a picture that is shown to the detector.

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
    def around(cls, face: FaceDetection, place: int, cells: int) -> "_Cutout":
        """For part ``place`` of a canvas of ``cells`` by ``cells`` parts."""
        roll_deg = face.roll_deg if abs(face.roll_deg) >= _ROLLED_DEG else 0.0
        pixels = _LOOK_SIDE // cells
        side = face.box.width / _SECOND_LOOK_SHARE
        return cls(face, side, roll_deg, place % cells * pixels, place // cells * pixels, pixels)

    def show(self, image: ByteArray, canvas: ByteArray) -> None:
        """Draw it on the canvas."""
        part = _cut_upright(image, self.face.box.center, self.roll_deg, self.side, self.pixels)
        canvas[self.top : self.top + self.pixels, self.left : self.left + self.pixels] = part

    def best_of(self, seen: Sequence[FaceDetection], wanted: float) -> FaceDetection | None:
        """The face again, in the picture, as the detector saw it on the canvas; None if it did not."""
        scale, (x, y) = self.side / self.pixels, self.face.box.center
        left, top = x - self.side / 2 - self.left * scale, y - self.side / 2 - self.top * scale
        there = [moved(other, left, top, scale) for other in seen if other.score >= wanted]
        best = max((f for f in there if _same_place(f.box, self.face.box)), key=lambda f: f.score, default=None)
        return best and turned(best, (x, y), self.roll_deg)


def _cut_upright(image: ByteArray, center: Point, roll_deg: float, side: float, pixels: int) -> ByteArray:
    """The square of ``side`` around ``center``, turned back by ``roll_deg``, (pixels, pixels, 3); gray outside."""
    reach = side * 0.75 + 1
    left, top = (max(0, int(middle - reach)) for middle in center)
    region = image[top : max(0, int(center[1] + reach) + 1), left : max(0, int(center[0] + reach) + 1)]
    if not region.size:
        return np.full((pixels, pixels, 3), 128, np.uint8)
    shrink = max(1, int(side / pixels))
    small = Image.fromarray(np.ascontiguousarray(region)).reduce(shrink)
    step, half = side / shrink / pixels, pixels / 2
    a, b = step * cos(radians(roll_deg)), step * sin(radians(roll_deg))
    x, y = (center[0] - left) / shrink, (center[1] - top) / shrink
    matrix = (a, -b, x - (a - b) * half, b, a, y - (a + b) * half)
    turn = Image.Transform.AFFINE
    return np.asarray(small.transform((pixels, pixels), turn, matrix, Image.Resampling.BILINEAR, fillcolor=(128,) * 3))


def _same_place(first: Box, second: Box) -> bool:
    """Whether the centers lie within half a face of each other; sizes may differ."""
    (x0, y0), (x1, y1) = first.center, second.center
    return max(abs(x0 - x1), abs(y0 - y1)) < max(first.width, second.width) / 2


def _is_among(face: FaceDetection, others: Sequence[FaceDetection]) -> bool:
    return any(_same_place(face.box, other.box) for other in others)


def _is_tight(face: FaceDetection, long_side: float) -> bool:
    return face.box.width > _TIGHT_SHARE * long_side


def _is_whole(box: Box, tile: Box, image: ByteArray) -> bool:
    """Whether the face is not cut by an inner edge of its tile; a neighboring tile shows the whole of one that is."""
    height, width = image.shape[:2]
    return (
        (box.left > tile.left or tile.left <= 0)
        and (box.top > tile.top or tile.top <= 0)
        and (box.right < tile.right or tile.right >= width)
        and (box.bottom < tile.bottom or tile.bottom >= height)
    )
