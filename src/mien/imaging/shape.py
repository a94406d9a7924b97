"""Which of several frames is the picture, and pixels that are not square.

It does not decode.
"""

import numpy as np
from PIL import Image, ImageFile

from mien.geometry import ByteArray
from mien.imaging.limits import check_size

#: Files with more frames are read by their first ones.
_MAX_FRAMES = 16
#: Sides of a pixel whose proportion lies within this are square, beyond the other it is a mistake.
_SQUARE, _IMPLAUSIBLE = 1.01, 4.0


def largest_frame(picture: ImageFile.ImageFile) -> int:
    """The number of the largest frame, of equals the first; those that cannot be read do not count."""
    sizes = []
    for number in range(min(getattr(picture, "n_frames", 1), _MAX_FRAMES)):
        try:
            picture.seek(number)
        except Exception:  # noqa: BLE001 - Pillow's readers raise anything; the others are sound
            sizes.append(0)
            continue
        sizes.append(picture.width * picture.height)
    return int(np.argmax(sizes)) if sizes else 0


def pixel_proportion(picture: Image.Image) -> float:
    """Width of a stored pixel by its height, by the resolutions that the file states; 1 where they make no sense."""
    info = picture.info
    stated = info.get("aspect") or (info.get("jfif_density") if info.get("jfif_unit") == 0 else info.get("dpi"))
    try:
        across, down = (float(value) for value in stated or (1, 1))
        proportion = down / across  # more pixels to the inch are narrower ones
    except (TypeError, ValueError, ZeroDivisionError):
        return 1.0
    return proportion if 1 / _IMPLAUSIBLE <= proportion <= _IMPLAUSIBLE else 1.0


def with_square_pixels(pixels: ByteArray, picture: Image.Image, max_pixels: int, name: str) -> ByteArray:
    """The picture (H, W, 3) made wider or higher until its pixels are square.

    Raises:
        ImageSizeError: It would have too many.
    """
    proportion = pixel_proportion(picture)
    if 1 / _SQUARE <= proportion <= _SQUARE:
        return pixels
    height, width = pixels.shape[:2]
    size = (round(width * proportion), height) if proportion > 1 else (width, round(height / proportion))
    check_size(*size, max_pixels, name)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
