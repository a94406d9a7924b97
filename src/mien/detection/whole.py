"""A detector for pictures that are cropped faces: it returns the whole picture as the only face."""

from collections.abc import Mapping

from mien.detection.base import FaceDetection
from mien.geometry import Box, ByteArray


class WholePicture:
    """Returns the picture's own frame as its only face."""

    name = "whole"

    @property
    def files(self) -> Mapping[str, str]:
        return {}

    def detect(self, image: ByteArray) -> tuple[FaceDetection, ...]:
        """One face: all of the picture, with score 1."""
        height, width = image.shape[:2]
        return (FaceDetection(Box(0.0, 0.0, float(width), float(height)), 1.0),)
