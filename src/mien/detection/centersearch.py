"""The default search: CenterFace over the small picture, closer where that may have missed a face, and rotated.

    first pass (whole picture, small) ── all faces large and sure ──→ done
      └ else → close pass (tile by tile, at a scale that shows the smallest face wanted)
                 └ nothing found → rotated passes (by 90°, 180°, 270°)
    each doubtful face → cutouts at four turns → the best one's box, score and roll, or none

A face that lies on its side or upside down is found, but with key points in a heap: its eyes seem close together.
Such a face is shown again at four turns, and the one with the highest score is upright.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import hypot, sqrt

import numpy as np

from mien.detection.base import (
    DetectorWrapper,
    FaceDetection,
    drop_contained,
    in_reading_order,
    is_among,
    merge_overlapping,
    moved,
    same_place,
    turned,
)
from mien.detection.centerface import CenterFace, resized
from mien.detection.refinement import cut_upright
from mien.detection.settings import DEFAULT_SEARCH, SearchSettings
from mien.detection.tiles import cut_by_tile, fitted_tiles
from mien.geometry import ByteArray

# What was measured for CenterFace on made pictures (experiments/detection_benchmark).
#: Faces of so many pixels are found reliably; of those below the second number most are missed, and some invented.
_VISIBLE_PX, _LEAST_PX = 18.0, 13.0
#: A lower score is noise; a higher one needs no second pass; between them the cutouts decide, by the third.
DOUBTFUL_SCORE, _SURE_SCORE, _CONFIRMED_SCORE = 0.25, 0.5, 0.6
#: Upright eyes are at least so many box widths apart; of turned faces, and full profiles, fewer.
_EYES_APART = 0.3
#: From this roll on the box no longer lies on the face as on an upright one.
_ROLLED_DEG = 15.0

#: Long side of the first pass. Smaller pictures are enlarged, so that one face that fills them is seen well.
_FIRST_PX, _SMALLEST_PX, _MOST_ENLARGED = 320, 160, 8.0
#: People in a picture differ in size by about so much; a pass that is closer by less than the second is not worth it.
_SMALLER_BY, _WORTHWHILE = 2.5, 1.25
#: A pass is closer than the last by at most so much, so that a face that a tile cuts was seen whole in the last.
_LONGEST_STEP = 3.2
#: Side of a tile in pixels that the network sees, and by how many neighbors overlap; larger ones cost memory. A face
#: that is larger than the margin was seen in the pass before, which was coarser by :data:`_LONGEST_STEP`.
_TILE_PX, _MARGIN_PX = 768, 96
#: By default rotated passes see faces from 2.5 times the size that the close pass sees.
_TURNED_COARSER = 0.4
#: Side of a cutout, and the share of it that its face fills; so many cutouts share a call of the network.
_CUTOUT_PX, _CUTOUT_SHARE, _CUTOUTS_A_CALL = 128, 0.42, 32
_TURNS_DEG = (0.0, 90.0, 180.0, 270.0)


class CenterFaceSearch(DetectorWrapper[CenterFace]):
    """Finds faces of any size and turn with :class:`~mien.detection.centerface.CenterFace`.

    Args:
        detector: Also returns doubtful faces, from :data:`DOUBTFUL_SCORE` on.
        settings: What is looked for.
    """

    def __init__(self, detector: CenterFace, settings: SearchSettings = DEFAULT_SEARCH) -> None:
        super().__init__(detector)
        self.settings = settings
        self.min_score = _SURE_SCORE if settings.min_score is None else settings.min_score

    def detect(self, image: ByteArray) -> tuple[FaceDetection, ...]:
        """Faces of an RGB uint8 picture (H, W, 3), from left to right, each once."""
        mode, long_side = self.settings.mode, max(image.shape[:2])
        first, close = self._scales(long_side)
        # 1. The whole picture, small.
        found = list(self._examined(self._pass(image, first), image))
        # 2. Closer, until faces much smaller than all that were found would have been seen.
        if mode != "fast":
            found += self._closer(image, found, first, close)
        # 3. At other turns, where nothing is upright.
        if mode == "thorough" or (mode == "default" and not found):
            coarser = close if mode == "thorough" else max(first, close * _TURNED_COARSER)
            found += self._new_faces(self._rotated_passes(image, coarser), found, image)
        return self._chosen(found, long_side)

    def detect_again(
        self, image: ByteArray, expected: Sequence[FaceDetection], *, closer: bool
    ) -> tuple[FaceDetection, ...]:
        """Faces of a picture much like the one before, from left to right, in a fraction of the passes.

        Args:
            image: RGB uint8 (H, W, 3).
            expected: Faces where they should be now.
            closer: Whether to look for new faces that are too small for the first pass.
        """
        long_side = max(image.shape[:2])
        first, close = self._scales(long_side)
        found = self._pass(image, first)
        if closer and self._needed(found, close) > first * _WORTHWHILE:
            found += [face for face in self._close_pass(image, close) if not is_among(face, found)]
        # what the first pass shows clearly is kept; the other expected faces are searched for where they should be
        clear = [face for face in found if self._is_clear(face)]
        missing = [face for face in expected if not is_among(face, clear)]
        again = (best for best in self._cut_out(missing, image, [[face.roll_deg] for face in missing]) if best)
        known = clear + [face for face in again if face.score >= self.min_score]
        known += self._examined([face for face in found if not is_among(face, known)], image)
        return self._chosen(known, long_side)

    def _scales(self, long_side: int) -> tuple[float, float]:
        """By how much the picture is resized for the first pass, and for the close one."""
        enlarged = min(max(1.0, _SMALLEST_PX / long_side), _MOST_ENLARGED)
        smallest = self.settings.min_face_px(long_side)
        close = min(max(1.0, enlarged), _VISIBLE_PX / smallest)
        return min(enlarged, _FIRST_PX / long_side), close

    def _chosen(self, faces: Sequence[FaceDetection], long_side: int) -> tuple[FaceDetection, ...]:
        """Each face once, no eye or mouth beside its face, of the wanted sizes and number."""
        once = drop_contained(merge_overlapping([face for face in faces if face.score >= self.min_score]))
        return in_reading_order(self.settings.kept(once, long_side))

    def _closer(
        self, image: ByteArray, known: Sequence[FaceDetection], scale: float, close: float
    ) -> list[FaceDetection]:
        """What passes closer than ``scale`` add to the known faces; each new smaller face is a reason for another."""
        found: list[FaceDetection] = []
        while (needed := self._needed([*known, *found], close)) > scale * _WORTHWHILE:
            scale = min(needed, scale * _LONGEST_STEP)
            found += self._new_faces(self._close_pass(image, scale), [*known, *found], image)
        return found

    def _needed(self, faces: Sequence[FaceDetection], close: float) -> float:
        """By how much the picture must be resized to show faces much smaller than these; ``close`` is the most."""
        smallest = min((face.box.width for face in faces), default=0.0)
        if self.settings.mode == "thorough" or smallest <= 0:
            return close
        return min(close, _VISIBLE_PX * _SMALLER_BY / smallest)

    def _new_faces(
        self, seen: Iterable[FaceDetection], known: Sequence[FaceDetection], image: ByteArray
    ) -> list[FaceDetection]:
        """Of the faces that a pass shows those that are confirmed and not known."""
        return self._examined([face for face in seen if not is_among(face, known)], image)

    # ---- passes: each returns faces in pixels of the picture, doubtful ones too ----

    def _pass(self, image: ByteArray, scale: float) -> list[FaceDetection]:
        seen = self._detector.detect_at(image, scale)
        return [face for face in seen if face.score >= DOUBTFUL_SCORE and face.box.width * scale >= _LEAST_PX]

    def _close_pass(self, image: ByteArray, scale: float) -> Iterator[FaceDetection]:
        """Tile by tile, so that memory does not grow with the picture."""
        height, width = image.shape[:2]
        for tile in fitted_tiles((width, height), _TILE_PX / scale, _MARGIN_PX / scale):
            part = np.ascontiguousarray(image[int(tile.top) : int(tile.bottom), int(tile.left) : int(tile.right)])
            for face in self._pass(part, scale):
                there = moved(face, tile.left, tile.top)
                if not cut_by_tile(there.box, tile, (width, height)):
                    yield there

    def _rotated_passes(self, image: ByteArray, scale: float) -> Iterator[FaceDetection]:
        """The picture turned by each quarter; its faces are turned back."""
        small = resized(image, scale)
        height, width = small.shape[:2]
        for quarters in (1, 2, 3):
            shown = np.ascontiguousarray(np.rot90(small, quarters))  # counterclockwise
            middle = shown.shape[1] / 2, shown.shape[0] / 2
            for face in self._close_pass(shown, 1.0):
                back = turned(face, middle, 90.0 * quarters)
                centered = moved(back, width / 2 - middle[0], height / 2 - middle[1])
                yield moved(centered, 0, 0, 1 / scale)

    # ---- second passes, over cutouts ----

    def _is_clear(self, face: FaceDetection) -> bool:
        """Whether a face is sure, upright, and its box exact."""
        return face.score >= max(_SURE_SCORE, self.min_score) and is_upright(face)

    def _examined(self, faces: Iterable[FaceDetection], image: ByteArray) -> list[FaceDetection]:
        """Clear faces as they are; the others as found in upright cutouts, without those that are not confirmed."""
        given = merge_overlapping(list(faces))
        clear = [face for face in given if self._is_clear(face)]
        others = [face for face in given if not self._is_clear(face)]
        # a sure face whose eyes are far enough apart is turned upright by them; of others every turn is tried
        turns = [[face.roll_deg] if self._knows_roll(face) else list(_TURNS_DEG) for face in others]
        best = self._cut_out(others, image, turns)
        # the best of four turns is within 45° of upright: once more, exactly
        rolled = [(at, face) for at, face in enumerate(best) if face and len(turns[at]) > 1]
        again = self._cut_out([face for _, face in rolled], image, [[face.roll_deg] for _, face in rolled])
        for (at, _), face in zip(rolled, again, strict=True):
            best[at] = face or best[at]
        for face, seen in zip(others, best, strict=True):
            if seen and max(seen.score, face.score) >= max(_CONFIRMED_SCORE, self.min_score):
                clear.append(replace(seen, score=max(seen.score, face.score)))
        return clear

    def _knows_roll(self, face: FaceDetection) -> bool:
        return face.score >= max(_SURE_SCORE, self.min_score) and eyes_apart(face) >= _EYES_APART

    def _cut_out(
        self, faces: Sequence[FaceDetection], image: ByteArray, turns: Sequence[Sequence[float]]
    ) -> list[FaceDetection | None]:
        """Each face as it looks in the best of its cutouts, one for each of its turns; None where in none."""
        jobs = [(at, turn) for at in range(len(faces)) for turn in turns[at]]
        best: list[FaceDetection | None] = [None] * len(faces)
        for start in range(0, len(jobs), _CUTOUTS_A_CALL):
            part = jobs[start : start + _CUTOUTS_A_CALL]
            cutouts = np.stack([self._cutout(image, faces[at], turn) for at, turn in part])  # (n, px, px, 3)
            for (at, turn), seen in zip(part, self._detector.detect_batch(cutouts), strict=True):
                face = _back_in_picture(seen, faces[at], turn)
                known = best[at]
                if face and (known is None or face.score > known.score):
                    best[at] = face
        return best

    def _cutout(self, image: ByteArray, face: FaceDetection, turn_deg: float) -> ByteArray:
        return cut_upright(image, face.box.center, turn_deg, _cutout_side(face), _CUTOUT_PX)


def eyes_apart(face: FaceDetection) -> float:
    """Distance of the eyes in widths of the box."""
    if face.landmarks is None or face.box.width <= 0:
        return 0.0
    (x0, y0), (x1, y1) = face.landmarks.right_eye, face.landmarks.left_eye
    return hypot(x1 - x0, y1 - y0) / face.box.width


def is_upright(face: FaceDetection, *, by: float = _EYES_APART) -> bool:
    """Whether the key points say that a face is upright, and lie apart by enough to be believed."""
    return abs(face.roll_deg) < _ROLLED_DEG and eyes_apart(face) >= by


def _cutout_side(face: FaceDetection) -> float:
    """Of a turned face the box is as inexact as its key points; its area says how large the face is."""
    return max(face.box.width, sqrt(face.box.area) * 0.85) / _CUTOUT_SHARE


def _back_in_picture(seen: Sequence[FaceDetection], face: FaceDetection, turn_deg: float) -> FaceDetection | None:
    """The best of what a cutout shows at the face's place, in the picture."""
    side, (x, y) = _cutout_side(face), face.box.center
    there = [moved(other, x - side / 2, y - side / 2, side / _CUTOUT_PX) for other in seen]
    best = max((f for f in there if same_place(f.box, face.box)), key=lambda f: f.score, default=None)
    return best and turned(best, (x, y), turn_deg)
