"""The eight ways in which pixels may be stored, and how each is made upright: one function for pictures and videos.

It does not turn a box or a landmark; what is found is found in the upright picture.
"""

from io import BytesIO
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from mien.errors import ShapeError
from mien.imaging.tiff import ORIENTATION, pages

_Scalar = TypeVar("_Scalar", bound=np.generic)


def orient(pixels: npt.NDArray[_Scalar], orientation: int) -> npt.NDArray[_Scalar]:
    """Stored pixels made upright; contiguous, and the same array where nothing has to be done.

    The numbers are those of the EXIF tag 0x0112 (Exif 2.32, 4.6.5), which says on which side of the upright picture
    the first stored row and the first stored column lie:

        1  row top, column left      as it is            5  row left, column top       along the diagonal
        2  row top, column right     mirrored            6  row right, column top      turned clockwise
        3  row bottom, column right  turned by 180°      7  row right, column bottom   the other diagonal
        4  row bottom, column left   upside down         8  row left, column bottom    turned counterclockwise

    Args:
        pixels: (H, W) or (H, W, channels).
        orientation: 1 to 8.

    Raises:
        ShapeError: ``orientation`` is none of these, or the array has another number of axes.

    Examples:
        >>> import numpy as np
        >>> orient(np.array([[1, 2, 3]]), 6).tolist()
        [[1], [2], [3]]
    """
    if orientation not in range(1, 9) or pixels.ndim not in {2, 3}:
        raise ShapeError(
            f"orientation {orientation} of an array of shape {pixels.shape}, "
            "expected 1 to 8 and (H, W) or (H, W, channels)"
        )
    turned: npt.NDArray[Any] = pixels
    if orientation >= 5:  # rows and columns change places; what remains is one of the first four
        turned = turned.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        turned = turned[::-1]
    if orientation in {2, 3, 6, 7}:
        turned = turned[:, ::-1]
    return np.ascontiguousarray(turned)


def stored_orientation(picture: Image.Image) -> int:
    """The orientation that a loaded picture's EXIF or XMP states, 1 where there is none or none that makes sense.

    EXIF that is damaged elsewhere does not matter: then its first directory alone is read.
    """
    try:
        stated = picture.getexif().get(ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - Pillow's readers of metadata raise anything; the picture is sound
        block = picture.info.get("exif", b"")
        content = block.removeprefix(b"Exif\0\0") if isinstance(block, bytes) else b""
        return next((page.orientation for page in pages(BytesIO(content))), 1)
    return stated if isinstance(stated, int) and stated in range(1, 9) else 1
