"""The seven classes that most other packages answer with, from our eight."""

from functools import cache

import numpy as np
import numpy.typing as npt

from mien.detection.base import FaceDetection
from mien.errors import ShapeError
from mien.expressions import Expression
from mien.geometry import ByteArray
from mien.recognition.pipeline import ExpressionPipeline, load
from mien.recognition.results import FaceExpression

#: Their names in their order, and which of ours each is. Contempt is left out and the rest made to sum to one again.
NAMES: dict[str, Expression] = {
    "angry": Expression.ANGER,
    "disgust": Expression.DISGUST,
    "fear": Expression.FEAR,
    "happy": Expression.HAPPINESS,
    "sad": Expression.SADNESS,
    "surprise": Expression.SURPRISE,
    "neutral": Expression.NEUTRAL,
}


@cache
def shared_pipeline() -> ExpressionPipeline:
    """The pipeline of all calls, loaded once, as these packages do."""
    return load()


def seven_shares(face: FaceExpression) -> dict[str, float]:
    """Probabilities by their names, which sum to one."""
    shares = {name: face.probabilities[expression] for name, expression in NAMES.items()}
    total = sum(shares.values())
    return {name: share / total if total else 1 / len(shares) for name, share in shares.items()}


def bgr_picture(image: npt.NDArray[np.uint8]) -> ByteArray:
    """A BGR (H, W, 3) or gray (H, W) uint8 array as RGB.

    Raises:
        ShapeError: It is neither.
    """
    array = np.asarray(image)
    if array.dtype != np.uint8 or array.ndim not in {2, 3} or (array.ndim == 3 and array.shape[2] != 3):
        raise ShapeError(
            f"picture of shape {array.shape} and type {array.dtype}, expected (H, W, 3) BGR or (H, W), uint8"
        )
    if array.ndim == 2:
        return np.repeat(array[:, :, None], 3, axis=2)
    return np.ascontiguousarray(array[:, :, ::-1])


def area_of(detection: FaceDetection) -> tuple[int, int, int, int]:
    """Left, top, width and height of a face in whole pixels."""
    left, top, width, height = map(round, detection.box.xywh)
    return left, top, width, height
