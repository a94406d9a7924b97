"""How a video is read: the one place of these settings and of their defaults."""

from dataclasses import dataclass

from mien.errors import ConfigError
from mien.video.sources.base import MAX_RATE, MIN_RATE
from mien.video.sources.sampling import Sampling


@dataclass(frozen=True, slots=True)
class VideoSettings:
    """How a video is read.

    Attributes:
        stride: Read every N-th frame.
        fps: Read at most this many frames per second, by their timestamps; None reads all.
        smoothing_s: Time constant of the smoothing; 0 is off.
        detect_every: Run the detector in every N-th read frame; None adapts to the scene.
        max_gap_s: The longest pause between detector passes that adapt.
        max_lost_s: A face that a pass missed and that was gone for longer comes back with a new number.

    Raises:
        ConfigError: A value is out of range.
    """

    stride: int = 1
    fps: float | None = None
    smoothing_s: float = 0.3
    detect_every: int | None = None
    max_gap_s: float = 0.2
    max_lost_s: float = 1.0

    def __post_init__(self) -> None:
        fps_fits = self.fps is None or MIN_RATE <= self.fps <= MAX_RATE
        wrong = [  # all of them, so that a user mends the settings in one go
            f"{name} is {value}, expected {wanted}"
            for name, value, good, wanted in (
                ("stride", self.stride, self.stride >= 1, "at least 1"),
                ("fps", self.fps, fps_fits, f"{MIN_RATE:g} to {MAX_RATE:g}"),
                ("smoothing_s", self.smoothing_s, self.smoothing_s >= 0, "at least 0"),
                ("detect_every", self.detect_every, self.detect_every is None or self.detect_every >= 1, "at least 1"),
                ("max_gap_s", self.max_gap_s, self.max_gap_s >= 0, "at least 0"),
                ("max_lost_s", self.max_lost_s, self.max_lost_s >= 0, "at least 0"),
            )
            if not good
        ]
        if wrong:
            raise ConfigError("; ".join(wrong))

    def sampling(self, *, after: int = -1) -> Sampling:
        """Which frames are read, of those after frame ``after``."""
        return Sampling(self.stride, self.fps, after)
