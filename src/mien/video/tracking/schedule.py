"""When the detector runs: often while the picture changes, rarely while motion alone predicts where the faces are.

It sees a frame as a thumbnail and never a face.
"""

from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.geometry import ByteArray
from mien.video.tracking.state import number, numbers, whole

Thumbnail = npt.NDArray[np.float32]

#: Mean absolute difference in gray levels: between neighboring frames it means a cut from here on, and since the last
#: pass that the picture has moved.
_CUT_LEVELS, _MOVED_LEVELS = 28.0, 9.0
#: Least overlap (IoU) of predicted and detected boxes at which the motion model counts as right.
_AGREEMENT = 0.7
#: The first pause between passes, and its growth with each pass that found what was predicted.
_FIRST_GAP_S, _GROWTH = 0.04, 2.0
#: Longest time between full passes, which find new faces however small.
_FULL_EVERY_S = 0.5
#: Timestamps are sums of fractions; a pass that is due is not put off by their rounding.
_EPSILON_S = 1e-6


class DetectionPass(Enum):
    """What a frame asks of the detector.

    ``NONE``: nothing; ``QUICK``: large faces and those that are expected; ``FULL``: small new faces too; ``AFTER_CUT``:
    all faces, without regard to earlier ones.
    """

    NONE = "none"
    QUICK = "quick"
    FULL = "full"
    AFTER_CUT = "after cut"


class PassSchedule:
    """Decides for each frame whether the detector runs, and how.

    Args:
        every: Run in every so many frames; None adapts to the scene.
        max_gap_s: The longest pause between passes.
    """

    def __init__(self, *, every: int | None = None, max_gap_s: float = 0.2) -> None:
        self._every, self._max_gap_s = every, max_gap_s
        self._previous: Thumbnail | None = None  # of the last frame
        self._passed: Thumbnail | None = None  # of the last frame with a pass
        self._pass_s, self._full_s, self._gap_s = 0.0, 0.0, 0.0
        self._since = 0  # frames since the last pass

    def decide(self, image: ByteArray, time_s: float) -> DetectionPass:
        """What to do with a frame, RGB uint8 (H, W, 3); frames come in order."""
        small = thumbnail(image)
        is_cut = self._previous is not None and difference(small, self._previous) > _CUT_LEVELS
        kind = DetectionPass.AFTER_CUT if is_cut else self._due(small, time_s)
        self._previous = small
        self._since += 1
        if kind is not DetectionPass.NONE:
            self._passed, self._pass_s, self._since = small, time_s, 0
            self._full_s = self._full_s if kind is DetectionPass.QUICK else time_s
        return kind

    def judge(self, agreement: float) -> None:
        """Adapt the pause to the last pass: the least overlap of prediction and detection, 0 if a face came or went."""
        fits = agreement >= _AGREEMENT
        # Doubling finds the longest safe pause in a few passes; one misprediction starts over with every frame.
        self._gap_s = min(max(_FIRST_GAP_S, self._gap_s * _GROWTH), self._max_gap_s) if fits else 0.0

    def _due(self, small: Thumbnail, time_s: float) -> DetectionPass:
        if self._passed is None:
            return DetectionPass.FULL
        if self._every is not None:
            return DetectionPass.FULL if self._since + 1 >= self._every else DetectionPass.NONE
        has_waited = time_s - self._pass_s >= self._gap_s - _EPSILON_S
        if not has_waited and difference(small, self._passed) <= _MOVED_LEVELS:
            return DetectionPass.NONE
        is_full_due = time_s - self._full_s >= _FULL_EVERY_S - _EPSILON_S
        return DetectionPass.FULL if is_full_due else DetectionPass.QUICK

    def to_dict(self) -> dict[str, Any]:
        """The state between two frames as plain numbers, exact."""
        thumbs = [None if small is None else small.tolist() for small in (self._previous, self._passed)]
        # The keys are those of progress files that exist.
        times = {"looked_s": self._pass_s, "close_s": self._full_s, "gap_s": self._gap_s}
        return {"thumbnails": thumbs, **times, "since": self._since}

    def restore(self, record: dict[str, Any]) -> None:
        """Continue from what :meth:`to_dict` gave.

        Raises:
            ValueError, KeyError: It is not that.
        """
        small = [v if v is None else numbers(v, None, None).astype(np.float32) for v in record["thumbnails"]]
        self._previous, self._passed = small
        self._pass_s, self._full_s = number(record["looked_s"]), number(record["close_s"])
        self._gap_s, self._since = number(record["gap_s"]), whole(record["since"])


def thumbnail(image: ByteArray) -> Thumbnail:
    """A small gray picture, about 48 × 48 means of the green channel, which carries most of the brightness."""
    # Pixels are skipped first: four samples along each side of a cell suffice, whatever the size of the frame.
    rows, columns = (max(1, side // 48) for side in image.shape[:2])
    green = image[:: max(1, rows // 4), :: max(1, columns // 4), 1].astype(np.float32)  # (H', W')
    rows, columns = (max(1, side // 48) for side in green.shape)
    kept = green[: green.shape[0] // rows * rows, : green.shape[1] // columns * columns]  # whole cells
    means = kept.reshape(kept.shape[0] // rows, rows, kept.shape[1] // columns, columns).mean(axis=(1, 3))
    return np.asarray(np.rint(means), np.float32)


def difference(first: Thumbnail, second: Thumbnail) -> float:
    """Mean absolute difference in gray levels; pictures of different sizes differ wholly."""
    return float(np.abs(first - second).mean()) if first.shape == second.shape else 255.0
