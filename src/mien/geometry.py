"""Boxes, facial key points and crop frames, in pixels with the origin at the top left.

Pixel *centers* are at half integers: pixel (0, 0) covers [0, 1) × [0, 1). Angles are clockwise, as y points down.
"""

from dataclasses import astuple, dataclass, fields
from math import atan2, cos, degrees, radians, sin

import numpy as np
import numpy.typing as npt

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned rectangle in pixels; ``right`` and ``bottom`` are exclusive edges.

    Examples:
        >>> Box(0, 0, 4, 2).area
        8
        >>> iou(Box(0, 0, 2, 2), Box(1, 0, 3, 2))
        0.3333333333333333
    """

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def area(self) -> float:
        """Zero for an empty or inverted box."""
        return max(0, self.width) * max(0, self.height)

    @property
    def center(self) -> Point:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    @property
    def xywh(self) -> tuple[float, float, float, float]:
        return self.left, self.top, self.width, self.height

    def shifted(self, dx: float, dy: float) -> "Box":
        return Box(self.left + dx, self.top + dy, self.right + dx, self.bottom + dy)

    def clipped(self, width: float, height: float) -> "Box":
        """The part inside a picture of ``width`` × ``height``."""
        return Box(
            min(max(self.left, 0), width),
            min(max(self.top, 0), height),
            min(max(self.right, 0), width),
            min(max(self.bottom, 0), height),
        )

    def to_dict(self) -> dict[str, float]:
        return dict(zip(("left", "top", "right", "bottom"), map(float, astuple(self)), strict=True))


def intersection(first: Box, second: Box) -> float:
    """Area that both boxes cover, in square pixels."""
    across = min(first.right, second.right) - max(first.left, second.left)
    down = min(first.bottom, second.bottom) - max(first.top, second.top)
    return max(0, across) * max(0, down)


def iou(first: Box, second: Box) -> float:
    """Intersection over union, 0 where both are empty."""
    overlap = intersection(first, second)
    union = first.area + second.area - overlap
    return overlap / union if union > 0 else 0.0


def overlap_share(first: Box, second: Box) -> float:
    """Their intersection as a share of the smaller one, in [0, 1]; 0 where one is empty."""
    smaller = min(first.area, second.area)
    # clamped, as rounding can lift the quotient of two nearly equal areas above 1
    return min(max(intersection(first, second) / smaller, 0.0), 1.0) if smaller > 0 else 0.0


def corner_ious(corners: "FloatArray", others: "FloatArray") -> "FloatArray":
    """:func:`iou` of one box with many, for the thousands of raw boxes of a network.

    Args:
        corners: (2, 2): top left and bottom right as x, y.
        others: (N, 2, 2).

    Returns:
        float32 (N,).
    """
    # (N, 2) widths and heights, below 0 where boxes do not overlap; their product is the area, (N,)
    inside = np.maximum(0, np.minimum(corners[1], others[:, 1]) - np.maximum(corners[0], others[:, 0])).prod(axis=1)
    areas = np.maximum(0, others[:, 1] - others[:, 0]).prod(axis=1)
    union = np.maximum(0, corners[1] - corners[0]).prod() + areas - inside
    return np.asarray(inside / np.maximum(union, 1e-9), np.float32)  # 0 for two empty boxes, as iou()


def upright_sampling(
    center: Point, step: Point, roll_deg: float, side: int
) -> tuple[float, float, float, float, float, float]:
    """Pillow's affine map that shows a rotated part of a picture upright, in a square result.

    Args:
        center: Of the part, in pixels of the picture.
        step: Pixels of the picture per pixel of the result, across and down the upright part.
        roll_deg: Rotation of the part in the picture, clockwise.
        side: Of the result in pixels.

    Returns:
        (a, b, c, d, e, f): (x, y) of the result is (a·x + b·y + c, d·x + e·y + f) of the picture.
    """
    # the map goes from the result to the picture, so it rotates by +roll: [a b; d e] = rotation · diag(step)
    turn_cos, turn_sin = cos(radians(roll_deg)), sin(radians(roll_deg))
    a, b = step[0] * turn_cos, -step[1] * turn_sin
    d, e = step[0] * turn_sin, step[1] * turn_cos
    half = side / 2  # the center of the result maps to the center of the part
    return a, b, center[0] - (a + b) * half, d, e, center[1] - (d + e) * half


@dataclass(frozen=True, slots=True)
class FaceLandmarks:
    """Key points of a face in pixels. Right and left are the person's: on an upright face ``right_eye`` has smaller x.

    ``right_ear`` and ``left_ear`` are None for detectors of five points.
    """

    right_eye: Point
    left_eye: Point
    nose: Point
    mouth: Point
    right_ear: Point | None = None
    left_ear: Point | None = None

    @property
    def roll_deg(self) -> float:
        """Angle of the line from the right to the left eye, in (-180, 180]; positive is clockwise in the picture."""
        (x0, y0), (x1, y1) = self.right_eye, self.left_eye
        return degrees(atan2(y1 - y0, x1 - x0))

    def to_dict(self) -> dict[str, list[float] | None]:
        """Each point as [x, y] by name; None for an ear that the detector does not return."""
        return {item.name: list(at) if (at := getattr(self, item.name)) else None for item in fields(self)}


@dataclass(frozen=True, slots=True)
class CropFrame:
    """The position of a detector's box inside the training crop, in fractions of the crop's side.

    Applying the inverse to a detected box gives the crop that frames the face as in training.

    Examples:
        >>> CropFrame(0.25, 0.25, 0.5, 0.5).crop_box(Box(100, 100, 200, 200))
        Box(left=50.0, top=50.0, right=250.0, bottom=250.0)
    """

    x: float
    y: float
    width: float
    height: float

    def crop_box(self, face: Box) -> Box:
        """The square crop around ``face``; its side is the geometric mean of those implied by width and height."""
        # a box with another aspect than the frame's implies two sides; negative ones come from inverted boxes
        side = float(np.sqrt(max(face.width, 0) / self.width * max(face.height, 0) / self.height))
        # the center of the box stays at its place in the frame; its edges need not, where the aspect differs
        center_x, center_y = face.center
        left = center_x - (self.x + self.width / 2) * side
        top = center_y - (self.y + self.height / 2) * side
        return Box(left, top, left + side, top + side)


#: The detected box is the crop: for the detector ``whole``, and for detectors whose frame was not measured.
WHOLE_FRAME = CropFrame(0.0, 0.0, 1.0, 1.0)

#: Gray faces in [0, 1] and probabilities; and the pixels of pictures.
FloatArray = npt.NDArray[np.float32]
ByteArray = npt.NDArray[np.uint8]
