"""The detector protocol, its results, and operations on them: moving, rotating, and merging overlapping boxes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import cos, radians, sin
from typing import Generic, Protocol, TypeVar, runtime_checkable

from mien.geometry import Box, ByteArray, FaceLandmarks, Point, iou, overlap_share

#: Boxes that overlap by more (intersection over union) are the same face.
MAX_IOU = 0.3


@dataclass(frozen=True, slots=True)
class FaceDetection:
    """One detected face.

    Attributes:
        box: In pixels of the picture; it may extend beyond the edge. It is upright: a rolled face fits it after
            rotation about the center of the box.
        score: The detector's confidence in [0, 1]; scores of different detectors are not comparable.
        landmarks: Key points; None if the detector has none.
    """

    box: Box
    score: float
    landmarks: FaceLandmarks | None = None

    @property
    def roll_deg(self) -> float:
        """Angle of the face by its eyes, clockwise; 0 where the detector gives no key points."""
        return self.landmarks.roll_deg if self.landmarks else 0.0


class Detector(Protocol):
    """Anything that finds faces."""

    @property
    def name(self) -> str:
        """Key of its frame in a model's metadata."""

    @property
    def files(self) -> Mapping[str, str]:
        """SHA-256 of each file that it runs on, by what the file is called; empty for one that has none."""

    def detect(self, image: ByteArray) -> tuple[FaceDetection, ...]:
        """Faces of an RGB uint8 picture (H, W, 3), from left to right."""


Wrapped = TypeVar("Wrapped", bound=Detector)


class DetectorWrapper(Generic[Wrapped]):
    """Base class of wrappers around a detector, with its name and files."""

    def __init__(self, detector: Wrapped) -> None:
        self._detector = detector

    @property
    def name(self) -> str:
        return self._detector.name

    @property
    def files(self) -> Mapping[str, str]:
        return self._detector.files


@runtime_checkable
class FollowingDetector(Detector, Protocol):
    """A detector that can use the faces of the previous frame of a video to find those of the next one faster."""

    def detect_again(
        self, image: ByteArray, expected: Sequence[FaceDetection], *, closer: bool
    ) -> tuple[FaceDetection, ...]:
        """Faces of a picture much like the one before; ``closer`` searches for small new faces too."""


def in_reading_order(faces: Iterable[FaceDetection]) -> tuple[FaceDetection, ...]:
    """Faces from left to right by the center of their boxes; at the same place from top to bottom, then by score."""
    return tuple(sorted(faces, key=lambda face: (*face.box.center, -face.score)))


def moved(face: FaceDetection, dx: float, dy: float, scale: float = 1.0) -> FaceDetection:
    """The face in other coordinates: scaled about the origin, then shifted."""
    box = face.box
    scaled = Box(box.left * scale, box.top * scale, box.right * scale, box.bottom * scale).shifted(dx, dy)
    return replace(face, box=scaled, landmarks=_mapped(face.landmarks, lambda x, y: (x * scale + dx, y * scale + dy)))


def same_place(first: Box, second: Box) -> bool:
    """Whether the centers lie within half a face of each other; sizes may differ."""
    (x0, y0), (x1, y1) = first.center, second.center
    return max(abs(x0 - x1), abs(y0 - y1)) < max(first.width, second.width) / 2


def is_among(face: FaceDetection, others: Iterable[FaceDetection]) -> bool:
    """Whether one of the others lies in the :func:`same_place`."""
    return any(same_place(face.box, other.box) for other in others)


def turned(face: FaceDetection, pivot: Point, angle_deg: float) -> FaceDetection:
    """The face rotated clockwise about ``pivot``; the box keeps its size and stays upright, its center moves."""
    turn_cos, turn_sin = cos(radians(angle_deg)), sin(radians(angle_deg))

    def at(x: float, y: float) -> Point:
        dx, dy = x - pivot[0], y - pivot[1]
        return pivot[0] + turn_cos * dx - turn_sin * dy, pivot[1] + turn_sin * dx + turn_cos * dy

    before, after = face.box.center, at(*face.box.center)
    box = face.box.shifted(after[0] - before[0], after[1] - before[1])
    return replace(face, box=box, landmarks=_mapped(face.landmarks, at))


def _mapped(marks: FaceLandmarks | None, at: Callable[[float, float], Point]) -> FaceLandmarks | None:
    if marks is None:
        return None
    right_ear = at(*marks.right_ear) if marks.right_ear else None
    left_ear = at(*marks.left_ear) if marks.left_ear else None
    return FaceLandmarks(
        at(*marks.right_eye), at(*marks.left_eye), at(*marks.nose), at(*marks.mouth), right_ear, left_ear
    )


def merge_overlapping(faces: Sequence[FaceDetection], *, max_iou: float = MAX_IOU) -> list[FaceDetection]:
    """Non-maximum suppression: of faces that overlap by more than ``max_iou`` the best stays; best first."""
    kept: list[FaceDetection] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(iou(face.box, other.box) <= max_iou for other in kept):
            kept.append(face)
    return kept


def drop_contained(faces: Sequence[FaceDetection], *, max_share: float = 0.6) -> list[FaceDetection]:
    """Without boxes of which more than ``max_share`` lies in a larger one: an eye or a mouth taken for a face."""
    kept: list[FaceDetection] = []
    for face in sorted(faces, key=lambda face: -face.box.area):
        if all(overlap_share(face.box, other.box) <= max_share for other in kept):
            kept.append(face)
    return kept
