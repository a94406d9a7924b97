"""Quality of a detected face: size, sharpness, pose and truncation, which limit the accuracy of its expression.

``experiments/face_quality.py`` measures how accuracy decreases with each of them.
"""

from dataclasses import asdict, dataclass
from math import hypot

import numpy as np

from mien.detection.base import FaceDetection
from mien.geometry import Box, FloatArray, intersection

#: A face beyond any of these limits is unreliable: accuracy is 3 to 5 points lower there (experiments/face_quality.py).
LEAST_SIZE_PX, LEAST_SHARPNESS, MOST_TURN, MOST_CUT = 18.0, 0.035, 0.6, 0.3


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """Quality measures of one face.

    Attributes:
        size_px: Width of its box in pixels of the picture.
        sharpness: Mean absolute difference of a pixel of the crop from the mean of its four neighbors, in standard
            deviations of the crop; 0 for a flat crop.
        turn: Distance of the nose from the middle of the eyes along their line, in eye distances, at most 1: 0 is
            frontal, 0.5 and more is a profile. None if the detector has no key points.
        cut: Share of the box outside the picture, in [0, 1].
        unreliable: Whether one of them is beyond its limit.
    """

    size_px: float
    sharpness: float
    turn: float | None
    cut: float
    unreliable: bool

    def to_dict(self) -> dict[str, float | bool | None]:
        """Plain numbers."""
        return asdict(self)


def measure_quality(face: FaceDetection, crop: FloatArray, size: tuple[int, int]) -> FaceQuality:
    """The quality of a detected face.

    Args:
        face: The detection.
        crop: As the network sees it, gray float32 (side, side) in [0, 1].
        size: (width, height) of the picture.
    """
    width, sharpness, turn = face.box.width, _sharpness(crop), _turn(face)
    # detectors place boxes partly outside where a face is truncated
    cut = 1 - intersection(face.box, Box(0, 0, *size)) / face.box.area if face.box.area > 0 else 1.0
    # a turn that is unknown counts as frontal
    is_unclear = width < LEAST_SIZE_PX or sharpness < LEAST_SHARPNESS
    unreliable = is_unclear or (turn or 0.0) > MOST_TURN or cut > MOST_CUT
    return FaceQuality(width, sharpness, turn, max(0.0, cut), unreliable)


def _sharpness(crop: FloatArray) -> float:
    neighbors = (crop[:-2, 1:-1] + crop[2:, 1:-1] + crop[1:-1, :-2] + crop[1:-1, 2:]) / 4  # (side - 2, side - 2)
    spread = float(crop.std())  # in units of it, so that low contrast is not taken for blur
    return float(np.abs(crop[1:-1, 1:-1] - neighbors).mean() / spread) if spread > 0 else 0.0


def _turn(face: FaceDetection) -> float | None:
    if face.landmarks is None:
        return None
    (x0, y0), (x1, y1) = face.landmarks.right_eye, face.landmarks.left_eye
    apart = hypot(x1 - x0, y1 - y0)  # eye distance in pixels
    if apart <= 0:  # both eyes at one point: a full profile
        return 1.0
    nose_x, nose_y = face.landmarks.nose
    # projection of the nose, seen from the middle of the eyes, onto their line
    along = (nose_x - (x0 + x1) / 2) * (x1 - x0) + (nose_y - (y0 + y1) / 2) * (y1 - y0)
    return min(1.0, abs(along) / apart**2)
