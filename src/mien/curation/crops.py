"""From a picture of a source to the gray square that is kept: the picture as it is, or the face found in it."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from mien.curation.items import SourceItem
from mien.detection.base import Detector, FaceDetection
from mien.detection.registry import build_detector
from mien.errors import ConfigError, DatasetFormatError, MienError
from mien.geometry import WHOLE_FRAME, Box, ByteArray, CropFrame, iou
from mien.imaging import load_image
from mien.preprocessing import DEFAULT_FRAMES, crop_face, face_crop_box
from mien.recognition.recognizer import load_recognizer

Crop = Literal["as-is", "detected"]
#: Sides that a prepared set may have; the pictures of published sets are not larger.
MIN_SIDE, MAX_SIDE = 8, 512
#: Larger pictures than any published set has are refused unread.
_MAX_PIXELS = 2**26


class Cropper(Protocol):
    """Turns a picture into the square that is kept."""

    def __call__(self, image: ByteArray, box: Box | None) -> tuple[ByteArray, bool]:
        """Gray uint8 (S, S), and whether a face was found; ``box`` is the published one."""


@dataclass(frozen=True, slots=True)
class AsIs:
    """The picture, or the published box in it, as a square about its center; edges are repeated outside."""

    side: int

    def __call__(self, image: ByteArray, box: Box | None) -> tuple[ByteArray, bool]:
        """Gray uint8 (S, S), and True: what is as it is needs no finding."""
        height, width = image.shape[:2]
        whole = box or Box(0.0, 0.0, float(width), float(height))
        return _gray(crop_face(image, WHOLE_FRAME.crop_box(whole), size=self.side)), True


@dataclass(frozen=True, slots=True)
class Detected:
    """The face that a detector finds, framed as in training; the picture as it is where none is found.

    Of several faces the one that overlaps the published box most is taken, else the largest.
    """

    side: int
    detector: Detector
    frame: CropFrame
    upright_from_deg: float = 0.0
    fallback: AsIs = field(default_factory=lambda: AsIs(48))

    def __call__(self, image: ByteArray, box: Box | None) -> tuple[ByteArray, bool]:
        """Gray uint8 (S, S), and whether a face was found."""
        faces = self.detector.detect(image)
        if not faces:
            return self.fallback(image, box)[0], False

        def rank(face: FaceDetection) -> float:
            return iou(face.box, box) if box is not None else face.box.area

        face = max(faces, key=rank)
        roll = face.roll_deg if abs(face.roll_deg) >= self.upright_from_deg else 0.0
        return _gray(
            crop_face(image, face_crop_box(face.box, self.frame, roll_deg=roll), roll_deg=roll, size=self.side)
        ), True


def build_cropper(crop: Crop, side: int) -> Cropper:
    """The cropper called ``crop``; ``detected`` is the default detector in the frame of the default model.

    Raises:
        ConfigError: There is no such way to crop, or ``side`` is out of range.
    """
    if not MIN_SIDE <= side <= MAX_SIDE:
        raise ConfigError(f"side is {side}, expected {MIN_SIDE} to {MAX_SIDE} pixels")
    if crop == "as-is":
        return AsIs(side)
    if crop != "detected":
        raise ConfigError(f"crop is {crop!r}, expected as-is or detected")
    detector, metadata = build_detector(), load_recognizer().metadata
    frame = metadata.frames.get(detector.name) or DEFAULT_FRAMES.get(detector.name, WHOLE_FRAME)
    return Detected(side, detector, frame, metadata.upright_from_deg, AsIs(side))


def read_and_crop(item: SourceItem, cropper: Cropper, side: int | None) -> tuple[ByteArray, bool] | DatasetFormatError:
    """Decode the picture of ``item`` and crop it; what is wrong with it otherwise.

    Args:
        item: Whose picture.
        cropper: What makes a square of it.
        side: Width and height that the picture must have, None for any.
    """
    try:
        image = load_image(item.content, max_pixels=_MAX_PIXELS)  # (H, W, 3)
    except MienError as err:
        reason = str(err).removeprefix(f"{item.place}: ")  # where the file is its own place, it is named once
        return DatasetFormatError(f"{item.place}: {reason}", hint="--skip-bad leaves it out")
    height, width = image.shape[:2]
    if side is not None and (width, height) != (side, side):
        return DatasetFormatError(
            f"{item.place}: {item.name[:60]} has {width}×{height} pixels, this layout has {side}×{side}",
            hint="--skip-bad leaves it out",
        )
    box = item.box
    if box is not None and (box.left >= width or box.top >= height):
        return DatasetFormatError(f"{item.place}: the box lies outside the picture of {width}×{height} pixels")
    return cropper(image, box)


def _gray(crop: np.ndarray) -> ByteArray:
    """Float (S, S) in [0, 1] as uint8."""
    return np.asarray(np.rint(crop * 255), np.uint8)
