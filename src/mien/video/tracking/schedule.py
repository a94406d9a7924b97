"""When to look for faces: often while the picture changes, seldom while motion alone tells where the faces are.

It sees the picture as a thumbnail, and does not know how faces are found.
"""

from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.geometry import ByteArray

Thumbnail = npt.NDArray[np.float32]

#: Mean difference of gray levels between neighboring frames from which it is a cut, and since the last look from
#: which the picture has moved.
_CUT_LEVELS, _MOVED_LEVELS = 28.0, 9.0
#: Overlap of expected and found boxes from which the motion is understood.
_AGREEMENT = 0.7
#: The first pause between looks, and by how much it grows with each look that found what was expected.
_FIRST_GAP_S, _GROWTH = 0.04, 2.0
#: Every so often a look is a close one, that finds new faces however small.
_CLOSE_EVERY_S = 0.5


class Look(Enum):
    """What a frame asks of the detector: nothing, the large and the expected faces, all faces, all faces anew."""

    NONE = "none"
    AGAIN = "again"
    CLOSE = "close"
    AFTER_CUT = "after cut"


class LookSchedule:
    """Decides for each frame whether the detector looks.

    Args:
        every: Look at every so many frames; None adapts to the scene.
        max_gap_s: The longest pause between looks.
    """

    def __init__(self, *, every: int | None = None, max_gap_s: float = 0.2) -> None:
        self._every, self._max_gap_s = every, max_gap_s
        self._previous: Thumbnail | None = None
        self._looked: Thumbnail | None = None
        self._looked_s, self._close_s, self._gap_s, self._since = 0.0, 0.0, 0.0, 0

    def decide(self, image: ByteArray, time_s: float) -> Look:
        """What to do with a frame, RGB uint8 (H, W, 3); frames come in order."""
        small = thumbnail(image)
        cut = self._previous is not None and difference(small, self._previous) > _CUT_LEVELS
        look = Look.AFTER_CUT if cut else self._due(small, time_s)
        self._previous = small
        self._since += 1
        if look is not Look.NONE:
            self._looked, self._looked_s, self._since = small, time_s, 0
            self._close_s = self._close_s if look is Look.AGAIN else time_s
        return look

    def judge(self, agreement: float) -> None:
        """Tell how well the look fitted the expectation: the least overlap, 0 where a face came or went."""
        understood = agreement >= _AGREEMENT
        self._gap_s = min(max(_FIRST_GAP_S, self._gap_s * _GROWTH), self._max_gap_s) if understood else 0.0

    def _due(self, small: Thumbnail, time_s: float) -> Look:
        if self._looked is None:
            return Look.CLOSE
        if self._every is not None:
            return Look.CLOSE if self._since + 1 >= self._every else Look.NONE
        waited = time_s - self._looked_s >= self._gap_s - 1e-6
        if not waited and difference(small, self._looked) <= _MOVED_LEVELS:
            return Look.NONE
        return Look.CLOSE if time_s - self._close_s >= _CLOSE_EVERY_S - 1e-6 else Look.AGAIN

    def to_dict(self) -> dict[str, Any]:
        """All that is remembered, as plain numbers, exact."""
        thumbs = [None if small is None else small.tolist() for small in (self._previous, self._looked)]
        times = {"looked_s": self._looked_s, "close_s": self._close_s, "gap_s": self._gap_s}
        return {"thumbnails": thumbs, **times, "since": self._since}

    def restore(self, record: dict[str, Any]) -> None:
        """Go on from what :meth:`to_dict` gave."""
        small = [None if values is None else np.array(values, np.float32) for values in record["thumbnails"]]
        self._previous, self._looked = small
        self._looked_s, self._close_s, self._gap_s = record["looked_s"], record["close_s"], record["gap_s"]
        self._since = record["since"]


def thumbnail(image: ByteArray) -> Thumbnail:
    """A small gray picture of at most 48 × 48 means of the green channel."""
    rows, columns = (max(1, side // 48) for side in image.shape[:2])
    green = image[:: max(1, rows // 4), :: max(1, columns // 4), 1].astype(np.float32)
    rows, columns = (max(1, side // 48) for side in green.shape)
    kept = green[: green.shape[0] // rows * rows, : green.shape[1] // columns * columns]
    means = kept.reshape(kept.shape[0] // rows, rows, kept.shape[1] // columns, columns).mean(axis=(1, 3))
    return np.asarray(np.rint(means), np.float32)


def difference(first: Thumbnail, second: Thumbnail) -> float:
    """Mean absolute difference in gray levels; pictures of different sizes differ wholly."""
    return float(np.abs(first - second).mean()) if first.shape == second.shape else 255.0
