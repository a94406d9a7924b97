"""From a detected face to the network's input tensor; training and inference share this code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, cos, isfinite, radians, sin
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mien.errors import ShapeError
from mien.geometry import WHOLE_FRAME, Box, ByteArray, CropFrame, FloatArray, upright_sampling
from mien.metadata import InputSpec

#: Weights of red, green and blue in gray (ITU-R BT.601), the gray that FER2013 was made with.
LUMA_601 = (0.299, 0.587, 0.114)

#: Largest number of samples per pixel and axis when a large face is averaged.
_MAX_SAMPLES = 16


def face_crop_box(box: Box, frame: CropFrame, *, roll_deg: float = 0.0) -> Box:
    """The square that frames a detected face as in training, for :func:`crop_face` with the same ``roll_deg``.

    The frame's offset from the box is that of an upright face; it rotates with the face.
    """
    upright = frame.crop_box(box)
    (box_x, box_y), (crop_x, crop_y) = box.center, upright.center
    dx, dy = crop_x - box_x, crop_y - box_y
    turn_cos, turn_sin = cos(radians(roll_deg)), sin(radians(roll_deg))
    return upright.shifted(turn_cos * dx - turn_sin * dy - dx, turn_sin * dx + turn_cos * dy - dy)


@dataclass(frozen=True, slots=True)
class Framing:
    """How a model wants the faces of a detector to be cropped.

    Attributes:
        frame: Where the detector's box lies in the crop.
        upright_from_deg: Faces are turned upright from this roll on; smaller ones are left as they are.
    """

    frame: CropFrame
    upright_from_deg: float

    def place(self, box: Box, roll_deg: float) -> tuple[Box, float]:
        """The square to crop for a detected ``box``, and the angle to turn it back by, as :func:`crop_face` takes."""
        roll_deg = roll_deg if abs(roll_deg) >= self.upright_from_deg else 0.0
        return face_crop_box(box, self.frame, roll_deg=roll_deg), roll_deg


def crop_face(image: ByteArray, box: Box, *, roll_deg: float = 0.0, size: int = 48) -> FloatArray:
    """The face in ``box`` as gray float32 of shape (size, size) in [0, 1].

    A face larger than ``size`` is averaged over each pixel's area; outside the picture its edge pixels are repeated.

    Args:
        image: RGB uint8 (H, W, 3).
        box: The part to show, in pixels; float and partly outside is fine.
        roll_deg: Rotation of the face, clockwise; the crop is rotated back by it about the center of the box.
        size: Side of the result in pixels.

    Raises:
        ShapeError: The image is not RGB uint8, or the box has no area.
    """
    part, left, top = _part_around(image, box, roll_deg)
    gray = np.asarray(part @ np.array(LUMA_601, np.float32), np.float32)  # (span, span)
    crop = bytes_to_unit(_upright(gray, box.shifted(-left, -top), roll_deg, size))  # (size, size)
    return np.asarray(np.clip(crop, 0, 1), np.float32)


def crop_face_color(image: ByteArray, box: Box, *, roll_deg: float = 0.0, size: int = 224) -> ByteArray:
    """The same part as :func:`crop_face` shows, in color for people to look at: RGB uint8 (size, size, 3).

    Raises:
        ShapeError: The image is not RGB uint8, or the box has no area.
    """
    part, left, top = _part_around(image, box, roll_deg)
    local = box.shifted(-left, -top)  # in pixels of the part
    channels = [_upright(part[..., channel].astype(np.float32), local, roll_deg, size) for channel in range(3)]
    return np.asarray(np.clip(np.stack(channels, axis=-1) + 0.5, 0, 255), np.uint8)  # rounded


def to_model_input(crops: npt.NDArray[Any] | Sequence[npt.NDArray[Any]], spec: InputSpec) -> FloatArray:
    """Faces as the tensor of a network: float32 (N, channels, size, size) with values in [spec.low, spec.high].

    A network that reads color gets the gray in each of its channels.

    Args:
        crops: Gray faces of shape (N, size, size), (N, size, size, 1) or (N, 1, size, size), or a sequence of
            (size, size); uint8 in [0, 255] or float in [0, 1].
        spec: The network's input.

    Raises:
        ShapeError: The crops have another shape, type or range.
    """
    side = spec.size
    array = np.asarray(crops)  # (N, side, side), or with one channel first or last
    if isinstance(crops, Sequence) and not crops:
        array = np.empty((0, side, side), np.float32)
    if array.ndim == 0 or array.shape[1:] not in {(side, side), (side, side, 1), (1, side, side)}:
        raise ShapeError(f"faces of shape {array.shape}, expected (N, {side}, {side}), with one channel if any")
    tensor = _unit_range(array).reshape(-1, 1, side, side)  # one channel, so that its place does not matter
    if (spec.low, spec.high) != (0, 1):
        tensor = np.asarray(tensor * (spec.high - spec.low) + spec.low, np.float32)
    return tensor if spec.channels == 1 else np.repeat(tensor, spec.channels, axis=1)


def bytes_to_unit(pixels: npt.NDArray[Any]) -> FloatArray:
    """Values in [0, 255] as float32 in [0, 1]; training divides in the same way (``training/batches.py``)."""
    return pixels.astype(np.float32, copy=False) / np.float32(255)


def _unit_range(array: npt.NDArray[Any]) -> FloatArray:
    if array.dtype == np.uint8:
        return bytes_to_unit(array)
    if not np.issubdtype(array.dtype, np.floating):
        raise ShapeError(f"faces of type {array.dtype}, expected uint8 in [0, 255] or float in [0, 1]")
    if array.size and not (array.min() >= -1e-6 and array.max() <= 1 + 1e-6):  # NaN fails both
        raise ShapeError(
            f"float faces with values in [{array.min():g}, {array.max():g}], expected [0, 1]",
            hint="divide by 255, or give uint8",
        )
    return array.astype(np.float32, copy=False)


def _upright(plane: FloatArray, box: Box, roll_deg: float, size: int) -> FloatArray:
    """The box of one channel, turned back and averaged to (size, size); values keep their range."""
    samples = min(max(ceil(max(box.width, box.height) / size), 1), _MAX_SAMPLES)
    side = size * samples
    matrix = upright_sampling(box.center, (box.width / side, box.height / side), roll_deg, side)
    fine = Image.fromarray(plane).transform((side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    return np.asarray(fine.reduce(samples))


def _part_around(image: ByteArray, box: Box, roll_deg: float) -> tuple[ByteArray, int, int]:
    """The pixels that a crop of the turned ``box`` may touch, and where their corner lies in the picture."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ShapeError(f"image of shape {image.shape} and type {image.dtype}, expected (H, W, 3) uint8")
    if not (all(map(isfinite, box.xywh)) and box.width > 0 and box.height > 0):
        raise ShapeError(f"{box} has no area to crop")
    turn = abs(cos(radians(roll_deg))) + abs(sin(radians(roll_deg)))  # a turned square reaches further: √2 at 45°
    reach = max(box.width, box.height) / 2 * turn + 2  # and bilinear sampling by one pixel more
    center_x, center_y = box.center
    left, top = int(center_x - reach) - 1, int(center_y - reach) - 1
    span = int(2 * reach) + 4
    if min(left, top) >= 0 and left + span <= image.shape[1] and top + span <= image.shape[0]:
        part = image[top : top + span, left : left + span]  # (span, span, 3)
    else:  # indices beyond the picture are clipped, which repeats its edge
        columns = np.clip(np.arange(left, left + span), 0, image.shape[1] - 1)
        rows = np.clip(np.arange(top, top + span), 0, image.shape[0] - 1)
        part = image[np.ix_(rows, columns)]
    return part, left, top  # (span, span, 3)


#: Position of each detector's box in FER2013's crops: medians over its training images
#: (experiments/crop_geometry.py).
DEFAULT_FRAMES: Mapping[str, CropFrame] = {
    "blazeface": CropFrame(0.069, 0.156, 0.864, 0.864),
    "centerface": CropFrame(0.090, 0.026, 0.827, 0.985),
    "haar": CropFrame(0.010, 0.010, 0.974, 0.974),
    "yunet": CropFrame(0.101, 0.036, 0.801, 0.979),
    "whole": WHOLE_FRAME,
}

#: Roll from which a face is turned upright before it is cropped (experiments/crop_geometry.py).
UPRIGHT_FROM_DEG = 0.0
