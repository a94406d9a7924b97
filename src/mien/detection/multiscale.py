"""The search for faces of any size with a detector that sees a range of sizes.

    pass over the whole → second passes over doubtful faces
                      → from afar, where a face may fill the picture
                      → closer, tile by tile, where small ones may hide
                      → each face once

It works with any detector and knows of it only its :class:`SearchTraits`.
"""

from collections.abc import Iterator, Sequence
from math import ceil

import numpy as np
from PIL import Image

from mien.detection.base import (
    MAX_IOU,
    Detector,
    DetectorWrapper,
    FaceDetection,
    drop_contained,
    in_reading_order,
    is_among,
    merge_overlapping,
    moved,
)
from mien.detection.refinement import Refiner
from mien.detection.settings import DEFAULT_SEARCH, SearchSettings
from mien.detection.tiles import cut_by_tile, tiles_of
from mien.detection.traits import SearchTraits
from mien.geometry import Box, ByteArray, iou

#: A tile's side as a share of the long side of what it is cut from.
_TILE_SHARE = 1 / 3

#: Long side in pixels that the pass for large faces shrinks a picture to, before the margin; and gray of the margin.
_AFAR_PX, _MARGIN_GRAY = 256, 128


class MultiscaleDetector(DetectorWrapper[Detector]):
    """A detector with closer passes where faces are small, or where it saw none at all.

    One pass over the whole picture is all that a photo with large faces costs. Where that finds nothing, or
    something near the limit of what it can see, the picture is cut into overlapping tiles and each is treated alike,
    until a face of ``min_face`` pixels would be seen. A picture that one face fills is seen with a margin around it.

    A face that is doubtful, rolled, or so small that its box is coarse, gets a second pass (``refinement.py``).

    Args:
        detector: Should also return doubtful faces.
        traits: What is known of it.
        settings: What is looked for; doubtful faces, below its score, still cause closer passes. ``fast`` makes
            none, ``thorough`` makes them everywhere.
    """

    def __init__(self, detector: Detector, traits: SearchTraits, settings: SearchSettings = DEFAULT_SEARCH) -> None:
        super().__init__(detector)
        self._traits, self.settings = traits, settings
        self.min_score = traits.min_score if settings.min_score is None else settings.min_score
        self._refiner = Refiner(detector, traits, min_score=self.min_score)

    def detect(self, image: ByteArray) -> tuple[FaceDetection, ...]:
        """Faces of an RGB uint8 picture (H, W, 3), from left to right, each once."""
        height, width = image.shape[:2]
        long_side = max(height, width)
        # 1. The whole picture.
        first = list(self._detector.detect(image))
        found = list(self._settled(first, image, long_side))
        # 2. From afar: what fills the picture was seen badly or not at all.
        if not found or any(self._is_tight(face, long_side) for face in first):
            large = list(self._settled(self._large_faces(image), image, long_side))
            found = large + [face for face in found if all(iou(face.box, seen.box) <= MAX_IOU for seen in large)]
        # 3. Closer, where smaller faces may be.
        if self._may_hide_small(found, first, long_side):
            found += self._closer(image, Box(0, 0, width, height))
        # 4. Passes overlap: each face once, and no eye or mouth beside its face.
        return self._chosen(found, long_side)

    def detect_again(
        self, image: ByteArray, expected: Sequence[FaceDetection], *, closer: bool
    ) -> tuple[FaceDetection, ...]:
        """Faces of a picture much like the one before, from left to right, in a fraction of the passes.

        Expected faces that one pass over the whole does not show clearly get a second pass, four in one; only the
        others are treated as in :meth:`detect`.

        Args:
            image: RGB uint8 (H, W, 3).
            expected: Faces where they should be now.
            closer: Whether to look for new faces that are too small for a pass over the whole.
        """
        height, width = image.shape[:2]
        long_side = max(height, width)
        first = self._detector.detect(image)
        clear = [f for f in first if self._refiner.is_clear(f, long_side) and not self._is_tight(f, long_side)]
        missing = [face for face in expected if not is_among(face, clear)]
        # half of a hidden face reaches 0.7, so that a face that left must look sure
        known = clear + self._refiner.second_pass(missing, image, self._traits.sure_score)
        known += self._settled([face for face in first if not is_among(face, known)], image, long_side)
        if closer and self._may_hide_small(known, first, long_side):
            known += self._closer(image, Box(0, 0, width, height), tuple(known))
        return self._chosen(known, long_side)

    def _chosen(self, faces: Sequence[FaceDetection], long_side: int) -> tuple[FaceDetection, ...]:
        return in_reading_order(self.settings.kept(drop_contained(merge_overlapping(faces)), long_side))

    def _settled(self, faces: Sequence[FaceDetection], image: ByteArray, long_side: float) -> Iterator[FaceDetection]:
        return self._refiner.settled(faces, image, long_side, confirmed=self._traits.confirmed_score)

    def _large_faces(self, image: ByteArray) -> list[FaceDetection]:
        """Faces too large for the picture: it is shrunk and gets a gray margin of half its long side."""
        height, width = image.shape[:2]
        scale = min(1.0, _AFAR_PX / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
        margin = max(size) // 2
        padded = np.pad(small, ((margin, margin), (margin, margin), (0, 0)), constant_values=_MARGIN_GRAY)
        seen = [moved(face, -margin / scale, -margin / scale, 1 / scale) for face in self._detector.detect(padded)]
        large = self._traits.tight_share / 2 * max(height, width)
        return [face for face in seen if face.box.width > large and face.score >= self._traits.confirmed_score]

    def _closer(self, image: ByteArray, region: Box, known: Sequence[FaceDetection] = ()) -> Iterator[FaceDetection]:
        """Confident faces in the tiles of ``region``, and in their tiles in turn, without the known ones."""
        height, width = image.shape[:2]
        smallest = ceil(self.settings.min_face_px(max(height, width)) / self._traits.visible_share)
        if max(region.width, region.height) <= smallest:
            return
        for tile in tiles_of(region, max(_TILE_SHARE * max(region.width, region.height), smallest)):
            part = np.ascontiguousarray(image[int(tile.top) : int(tile.bottom), int(tile.left) : int(tile.right)])
            faces = [moved(face, tile.left, tile.top) for face in self._detector.detect(part)]
            long_side = max(tile.width, tile.height)
            whole = [f for f in faces if not cut_by_tile(f.box, tile, (width, height)) and not is_among(f, known)]
            yield from self._refiner.settled(whole, image, long_side, confirmed=self._traits.confirmed_tile_score)
            if self.settings.mode == "thorough" or self._has_small(faces, long_side):
                yield from self._closer(image, tile, known)

    def _may_hide_small(self, found: Sequence[FaceDetection], first: Sequence[FaceDetection], long_side: float) -> bool:
        """Whether smaller faces than the ``first`` pass sees may be there, by what was ``found`` in all."""
        if self.settings.mode != "default":
            return self.settings.mode == "thorough"
        is_doubtful = all(face.score < self._traits.confirmed_tile_score for face in found)
        return is_doubtful or self._has_small(first, long_side)

    def _has_small(self, faces: Sequence[FaceDetection], long_side: float) -> bool:
        return any(face.box.width < self._traits.visible_share * long_side for face in faces)

    def _is_tight(self, face: FaceDetection, long_side: float) -> bool:
        return face.box.width > self._traits.tight_share * long_side
