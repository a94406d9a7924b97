"""Looking twice: closer where faces are small, and from further away where one fills the picture.

It works with any detector, and knows of it only which share of a picture's side a face must have to be seen.
"""

from collections.abc import Iterator
from math import ceil, cos, radians, sin

import numpy as np
from PIL import Image

from mien.detection.base import (
    Detector,
    FaceDetection,
    drop_contained,
    in_reading_order,
    merge_overlapping,
    moved,
    turned,
)
from mien.geometry import Box, ByteArray, Point

#: A tile's side as a share of the long side of what it is cut from, and by how much neighbours overlap.
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
        if not found or any(face.box.width > _TIGHT_SHARE * max(height, width) for face in first):
            found = list(self._settled(self._look_from_afar(image), image, max(height, width))) or found
        if all(face.score < _TILE_SCORE for face in found) or self._has_small(first, max(height, width)):
            found += self._look_closer(image, Box(0, 0, width, height))
        return in_reading_order(drop_contained(merge_overlapping(found)))

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

    def _look_closer(self, image: ByteArray, region: Box) -> Iterator[FaceDetection]:
        """Confident faces in the tiles of ``region``, and in their tiles in turn."""
        if max(region.width, region.height) <= self._smallest_tile:
            return
        for tile in tiles_of(region, max(_TILE_SHARE * max(region.width, region.height), self._smallest_tile)):
            part = np.ascontiguousarray(image[int(tile.top) : int(tile.bottom), int(tile.left) : int(tile.right)])
            faces = [moved(face, tile.left, tile.top) for face in self._detector.detect(part)]
            whole = [face for face in faces if _is_whole(face.box, tile, image)]
            yield from self._settled(whole, image, max(tile.width, tile.height), convincing=_TILE_SCORE)
            if self._has_small(faces, max(tile.width, tile.height)):
                yield from self._look_closer(image, tile)

    def _settled(
        self, faces: list[FaceDetection], image: ByteArray, long_side: float, *, convincing: float = _SECOND_LOOK_SCORE
    ) -> Iterator[FaceDetection]:
        """The faces that a look over ``long_side`` pixels found and that stand, each with its best box."""
        for face in faces:
            sure = face.score >= max(_SURE_SCORE, self.min_score)
            fine = face.box.width >= _COARSE_SHARE * long_side and abs(face.roll_deg) < _ROLLED_DEG
            if sure and fine:
                yield face
            elif face.score >= self.min_score:
                again = self._look_alone(face, image, max(convincing, self.min_score))
                yield from [again] if again else [face] if sure else []

    def _look_alone(self, face: FaceDetection, image: ByteArray, wanted: float) -> FaceDetection | None:
        """The face seen again, cut out upright at a good size; None where nothing is seen there."""
        side = face.box.width / _SECOND_LOOK_SHARE
        roll_deg = face.roll_deg if abs(face.roll_deg) >= _ROLLED_DEG else 0.0
        part = _cut_upright(image, face.box.center, roll_deg, side)
        left, top = (center - side / 2 for center in face.box.center)
        seen = [moved(other, left, top, side / _LOOK_SIDE) for other in self._detector.detect(part)]
        there = [other for other in seen if other.score >= wanted and _same_place(other.box, face.box)]
        best = max(there, key=lambda other: other.score, default=None)
        return best and turned(best, face.box.center, roll_deg)

    def _has_small(self, faces: list[FaceDetection], long_side: float) -> bool:
        return any(face.box.width < self._small_share * long_side for face in faces)


def tiles_of(region: Box, side: float) -> Iterator[Box]:
    """Equal tiles of at most ``side`` whole pixels that cover ``region``, neighbours overlapping by a quarter.

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


def _cut_upright(image: ByteArray, center: Point, roll_deg: float, side: float) -> ByteArray:
    """The square of ``side`` pixels around ``center``, turned back by ``roll_deg``, 256 × 256; gray outside."""
    reach = side * 0.75 + 1
    left, top = (max(0, int(middle - reach)) for middle in center)
    region = image[top : int(center[1] + reach) + 1, left : int(center[0] + reach) + 1]
    shrink = max(1, int(side / _LOOK_SIDE))
    small = Image.fromarray(np.ascontiguousarray(region)).reduce(shrink)
    step, half = side / shrink / _LOOK_SIDE, _LOOK_SIDE / 2
    a, b = step * cos(radians(roll_deg)), step * sin(radians(roll_deg))
    x, y = (center[0] - left) / shrink, (center[1] - top) / shrink
    matrix = (a, -b, x - (a - b) * half, b, a, y - (a + b) * half)
    turn = Image.Transform.AFFINE
    return np.asarray(
        small.transform((_LOOK_SIDE, _LOOK_SIDE), turn, matrix, Image.Resampling.BILINEAR, fillcolor=(128, 128, 128))
    )


def _same_place(first: Box, second: Box) -> bool:
    """Whether the centres lie within half a face of each other; sizes may differ."""
    (x0, y0), (x1, y1) = first.center, second.center
    return max(abs(x0 - x1), abs(y0 - y1)) < max(first.width, second.width) / 2


def _is_whole(box: Box, tile: Box, image: ByteArray) -> bool:
    """Whether the face is not cut by an inner edge of its tile; a neighbouring tile shows the whole of one that is."""
    height, width = image.shape[:2]
    return (
        (box.left > tile.left or tile.left <= 0)
        and (box.top > tile.top or tile.top <= 0)
        and (box.right < tile.right or tile.right >= width)
        and (box.bottom < tile.bottom or tile.bottom >= height)
    )
