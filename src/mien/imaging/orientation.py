"""The eight ways in which pixels may be stored, and how each is made upright: one function for pictures and videos.

It does not know where a file keeps its orientation.
"""

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from mien.errors import ShapeError

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
