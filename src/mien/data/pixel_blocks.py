"""The published layout of ``fer2013.csv``, parsed by arithmetic on whole blocks of bytes.

It knows one layout, ``emotion,pixels,Usage`` with LF line ends, and returns None for everything else, which the
caller parses row by row. The file holds 82 million numbers of one to three digits;
``int`` on each takes minutes, a dozen array operations on the bytes take seconds.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

SIDE = 48
PIXELS = SIDE * SIDE
#: FER2013's names of the splits, in the order of :data:`mien.data.splits.SPLITS`.
USAGES = ("Training", "PublicTest", "PrivateTest")
_SPLITS = {usage.encode(): split for split, usage in enumerate(USAGES)}
_NEWLINE, _SPACE, _COMMA, _ZERO = b"\n ,0"
_LAST_EMOTION = 6

_Bytes = npt.NDArray[np.uint8]
_Flags = npt.NDArray[np.bool_]
_Positions = npt.NDArray[np.int64]
#: Pixels (n, 2304), splits (n,), emotions (n,).
Part = tuple[_Bytes, _Bytes, _Bytes]


class _Rows(NamedTuple):
    """Positions of the rows of a block and of their fields ``emotion,pixels,Usage``, int64 (n,) each."""

    starts: _Positions
    first_commas: _Positions
    second_commas: _Positions
    ends: _Positions


def parse_published(block: bytes) -> Part | None:
    """Pixels (n, 2304), splits (n,) and emotions (n,) of a block of whole lines; None if it is of any other layout."""
    codes = np.frombuffer(block, np.uint8)  # (bytes,)
    rows = _find_rows(block, codes)
    if rows is None:
        return None
    splits = _splits(block, rows)
    digits = codes - np.uint8(_ZERO)  # below "0" wraps around to more than 9
    is_digit = digits < 10
    emotions = digits[rows.starts]
    is_digit[rows.starts] = False  # so that only pixels count as digits
    if splits is None or emotions.max() > _LAST_EMOTION or not _only_pixels(codes, is_digit, rows):
        return None
    # From here on every byte between the commas is a digit or a space.
    values, is_last = _numbers(digits, is_digit)
    if values is None:
        return None
    at = np.flatnonzero(is_last)  # position of each number's last digit
    if len(at) != PIXELS * len(rows.ends):
        return None
    per_row = at.reshape(-1, PIXELS)  # (n, 2304)
    # A row too short and one too long would cancel out in the count, but not stay between their commas.
    if (per_row[:, 0] < rows.first_commas).any() or (per_row[:, -1] > rows.second_commas).any():
        return None
    return values[per_row], splits, emotions


def _find_rows(block: bytes, codes: _Bytes) -> _Rows | None:
    """The rows, if each has two commas and the first of them follows a single character; otherwise None."""
    ends, commas = np.flatnonzero(codes == _NEWLINE), np.flatnonzero(codes == _COMMA)
    if not block.endswith(b"\n") or len(commas) != 2 * len(ends):
        return None
    starts = np.concatenate(([0], ends[:-1] + 1))
    rows = _Rows(starts, commas[::2], commas[1::2], ends)
    # One row with three commas and one with one would cancel out in the count, but shift the first commas.
    return rows if (rows.first_commas == starts + 1).all() else None


def _splits(block: bytes, rows: _Rows) -> _Bytes | None:
    """The split of each row by its Usage, uint8 (n,); None where one has no such name."""
    fields = zip(rows.second_commas.tolist(), rows.ends.tolist(), strict=True)
    splits = [_SPLITS.get(block[comma + 1 : end], -1) for comma, end in fields]
    return None if min(splits) < 0 else np.array(splits, np.uint8)


def _only_pixels(codes: _Bytes, is_digit: _Flags, rows: _Rows) -> bool:
    """Whether each row has its emotion, two commas, its Usage and a line end, and otherwise only digits and spaces."""
    others = len(codes) - np.count_nonzero(is_digit) - np.count_nonzero(codes == _SPACE)
    return bool(others == (rows.ends - rows.second_commas + 3).sum())


def _numbers(digits: _Bytes, is_digit: _Flags) -> tuple[_Bytes | None, _Flags]:
    """Each number's value at the position of its last digit, and a mask of these positions, both (bytes - 1,).

    The last digit counts once, the one before it ten times, the one before that a hundred times. All sums are computed
    in uint8, for speed; the values are None if a number exceeds 255.
    """
    digits = digits * is_digit  # everything else counts as 0
    is_last = is_digit[:-1] > is_digit[1:]  # a digit that no digit follows
    pairs = is_digit[:-2] & is_digit[1:-1]  # two digits in a row
    hundreds = digits[:-3] * pairs[1:]  # 0 where only two digits come before the end
    values = digits[:-1].copy()
    values[1:] += digits[:-2] * np.uint8(10)
    # Above 255: a hundreds digit of 3 or more; 2 hundreds and more than 55; a fourth digit.
    too_large = ((hundreds > 2) | ((hundreds == 2) & (values[2:] > 55))) & is_last[2:]
    if too_large.any() or (pairs[:-2] & pairs[2:]).any():
        return None, is_last
    values[2:] += hundreds * np.uint8(100)
    return values, is_last
