"""OpenCV's cascade of Haar features (Viola and Jones 2001), the detector that the capstone used.

It finds upright frontal faces only and has no key points. OpenCV is imported when a detector is created.
"""

from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from mien.detection.base import FaceDetection, drop_contained, in_reading_order
from mien.errors import missing_extra
from mien.geometry import Box, ByteArray
from mien.runtime.files import sha256_of


class HaarCascade:
    """Finds upright frontal faces of at least ``min_size`` pixels.

    Args:
        min_score: Faces below this confidence are left out; it is the logistic function of the last stage's weight.
        min_neighbors: Raw hits that must agree on a face.
        min_size: Smallest side in pixels.

    Raises:
        MissingDependencyError: OpenCV 4 is not installed; OpenCV 5 has no cascades.
    """

    name = "haar"

    def __init__(self, *, min_score: float = 0.5, min_neighbors: int = 5, min_size: int = 24) -> None:
        try:
            import cv2  # noqa: PLC0415 - an extra

            self._cv2: Any = cv2
            self._path = Path(self._cv2.data.haarcascades) / "haarcascade_frontalface_default.xml"
            self._cascade = self._cv2.CascadeClassifier(str(self._path))
        except (ImportError, AttributeError) as err:
            raise missing_extra("OpenCV 4 (version 5 has no cascades)", "haar") from err
        self._one_at_a_time = Lock()  # the cascade keeps the picture that it looks at
        self.min_score, self.min_neighbors, self.min_size = min_score, min_neighbors, min_size

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by its settings: OpenCV's cascade cannot be."""
        return _made, (self.min_score, self.min_neighbors, self.min_size)

    @property
    def files(self) -> Mapping[str, str]:
        return {self.name: sha256_of(self._path)}

    def detect(self, image: ByteArray) -> tuple[FaceDetection, ...]:
        """Faces of an RGB uint8 picture (H, W, 3), from left to right."""
        gray = self._cv2.cvtColor(image, self._cv2.COLOR_RGB2GRAY)  # (H, W)
        with self._one_at_a_time:
            boxes, _, weights = self._cascade.detectMultiScale3(
                gray,
                scaleFactor=1.1,  # OpenCV's default pyramid, which the capstone used
                minNeighbors=self.min_neighbors,
                minSize=(self.min_size, self.min_size),
                outputRejectLevels=True,
            )
        # the last stage's sum of weights is unbounded; the logistic function brings it into [0, 1]
        scores = 1 / (1 + np.exp(-np.asarray(weights, np.float64).reshape(-1)))
        faces = [
            FaceDetection(Box(float(x), float(y), float(x + width), float(y + height)), float(score))
            for (x, y, width, height), score in zip(boxes, scores, strict=True)
            if score >= self.min_score
        ]
        return in_reading_order(drop_contained(faces))


def _made(min_score: float, min_neighbors: int, min_size: int) -> HaarCascade:
    return HaarCascade(min_score=min_score, min_neighbors=min_neighbors, min_size=min_size)
