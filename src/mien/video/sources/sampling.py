"""Which frames of a video are read.

It does not read them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import floor

#: Frames a second, where nobody says.
DEFAULT_RATE = 25.0


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which frames are read.

    Attributes:
        stride: Every so many frames.
        fps: At most so many a second, by their times; None takes all.
        after: Only frames with a higher index.
    """

    stride: int = 1
    fps: float | None = None
    after: int = -1

    def chooser(self) -> Callable[[int, float], bool]:
        """What says of each frame, told in order by its index and its time from 0 on, whether to read it."""
        last = -1

        def wants(index: int, time_s: float) -> bool:
            nonlocal last
            if index % self.stride:
                return False
            tick = index if self.fps is None else floor(time_s * self.fps + 1e-6)
            is_new, last = tick > last, tick
            return is_new and index > self.after

        return wants

    def step_s(self, rate: float | None) -> float:
        """Usual time between two wanted frames of a source with ``rate`` frames a second; 0 if unknown."""
        return max(self.stride / rate if rate else 0.0, 1 / self.fps if self.fps else 0.0)
