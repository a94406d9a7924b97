"""Which frames of a video are read."""

from collections.abc import Callable
from dataclasses import dataclass
from math import floor

#: Frames per second where a source states none.
DEFAULT_RATE = 25.0


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which frames are read.

    Attributes:
        stride: Take every N-th frame.
        fps: Take at most this many per second, by their times; None takes all.
        after: Take only frames with a higher index.
    """

    stride: int = 1
    fps: float | None = None
    after: int = -1

    def chooser(self) -> Callable[[int, float], bool]:
        """A function of each frame's index and time, called in order from frame 0: whether to read the frame."""
        last = -1

        def wants(index: int, time_s: float) -> bool:
            nonlocal last
            if index % self.stride:
                return False
            # The first frame of each interval of 1/fps; the small term absorbs rounding of times such as 1/3.
            tick = index if self.fps is None else floor(time_s * self.fps + 1e-6)
            is_new, last = tick > last, tick
            return is_new and index > self.after  # decided last, so that a resumed run takes the same frames

        return wants

    def step_s(self, rate: float | None) -> float:
        """Usual time between two wanted frames of a source with ``rate`` frames a second; 0 if unknown."""
        return max(self.stride / rate if rate else 0.0, 1 / self.fps if self.fps else 0.0)
