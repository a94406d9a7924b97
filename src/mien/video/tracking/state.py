"""Numbers of a stored state, checked before the tracker computes with them: a progress file may hold anything."""

from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

#: Far beyond any time in seconds or place in pixels, and small enough for the fourth power of a time.
_LARGEST = 1e12


def number(value: Any) -> float:
    """A finite number.

    Raises:
        ValueError: It is not one.
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value) or abs(value) > _LARGEST:
        raise ValueError(f"{str(value)[:40]!r}, expected a number")
    return value


def whole(value: Any) -> int:
    """A whole number from 0.

    Raises:
        ValueError: It is not one.
    """
    if type(value) is not int or not 0 <= value < _LARGEST:
        raise ValueError(f"{str(value)[:40]!r}, expected a whole number")
    return value


def numbers(values: Any, *shape: int | None) -> npt.NDArray[np.float64]:
    """An array of finite numbers; None in ``shape`` means any length.

    Raises:
        ValueError: It has another shape, or something in it is not a number.
    """
    array = np.array(values)
    fits = len(array.shape) == len(shape) and all(
        length in (None, side) for length, side in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype.kind not in "if" or not (np.abs(array) <= _LARGEST).all():
        raise ValueError(f"an array of {array.dtype} {array.shape}, expected numbers {shape}")
    return array.astype(np.float64)
