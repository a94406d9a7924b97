"""Arrays as pictures: the orders of colors and the types of numbers that callers may give.

It does not open files.
"""

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

from mien.errors import ConfigError, ImageDecodeError
from mien.geometry import ByteArray
from mien.imaging.limits import check_size
from mien.imaging.pixels import Samples, scaled, to_rgb

ColorOrder = Literal["rgb", "bgr", "gray"]


def from_array(array: npt.NDArray[Any], color: ColorOrder, max_pixels: int) -> ByteArray:
    """An array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) as RGB uint8 (H, W, 3).

    Raises:
        ConfigError: ``color`` is none of the orders.
        ImageDecodeError: Shape, type or values are none of a picture.
    """
    orders = get_args(ColorOrder)
    if color not in orders:
        raise ConfigError(f"color is {color!r}, expected one of {', '.join(orders)}")
    channels = array.shape[2] if array.ndim == 3 else 1
    allowed = (1,) if color == "gray" else (1, 3, 4)
    if array.ndim not in {2, 3} or channels not in allowed:
        raise ImageDecodeError(
            f"array of shape {array.shape} as a {color} picture, expected (H, W) or (H, W, C) with C in {allowed}"
        )
    check_size(array.shape[1], array.shape[0], max_pixels, "array")
    pixels = _to_8_bit(array).reshape(*array.shape[:2], channels)
    if channels == 1:
        return np.repeat(pixels, 3, axis=2)
    if color == "bgr":
        pixels = pixels[..., [2, 1, 0, *range(3, channels)]]
    if channels == 4:
        return to_rgb(Image.fromarray(np.ascontiguousarray(pixels)), Samples())
    return np.ascontiguousarray(pixels)


def _to_8_bit(array: npt.NDArray[Any]) -> ByteArray:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype == np.uint16:
        return scaled(array, 0.0, 65535.0)
    if np.issubdtype(array.dtype, np.floating):
        low, high = float(array.min()), float(array.max())
        if low >= 0 and high <= 1:
            return np.asarray(np.rint(array * 255), np.uint8)
        raise ImageDecodeError(f"float array with values in [{low:g}, {high:g}], expected [0, 1]")
    raise ImageDecodeError(f"array of type {array.dtype}, expected uint8, uint16, bool, or float in [0, 1]")
