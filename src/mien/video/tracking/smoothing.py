"""Probabilities that do not flicker: an exponential mean over each track, with its time constant in seconds."""

from math import exp
from typing import Any

from mien.video.tracking.motion import Vector
from mien.video.tracking.state import number, numbers


class Smoother:
    """Smooths on the probabilities, so that a mean of distributions stays one.

    Args:
        time_constant_s: Time after which a new expression has 63 % (1 - 1/e) of the weight; 0 smooths nothing.
    """

    def __init__(self, time_constant_s: float) -> None:
        self._constant = time_constant_s
        self._means: dict[int, tuple[float, Vector]] = {}  # by track: time of the last frame, mean (classes,)

    def smoothed(self, track_id: int, raw: Vector, time_s: float) -> Vector:
        """The mean of ``raw`` (classes,) and the track's earlier rows; a track's first row stays as it is."""
        before_s, before = self._means.get(track_id, (time_s, raw))
        # The weight follows the time that passed, so that the frame rate does not change how fast an expression shows.
        weight = 1.0 if self._constant <= 0 else 1 - exp(-max(0.0, time_s - before_s) / self._constant)
        mean = raw if before is raw else before + weight * (raw - before)
        self._means[track_id] = time_s, mean
        return mean

    def forget(self, *, but: set[int]) -> None:
        """Drop the means of all tracks except ``but``."""
        self._means = {track_id: mean for track_id, mean in self._means.items() if track_id in but}

    def to_dict(self) -> dict[str, Any]:
        """The state between two frames as plain numbers, exact."""
        return {str(track_id): [time_s, mean.tolist()] for track_id, (time_s, mean) in self._means.items()}

    def restore(self, record: dict[str, Any], *, classes: int) -> None:
        """Continue from what :meth:`to_dict` gave.

        Raises:
            ValueError: It is not that.
        """
        self._means = {
            int(track_id): (number(time_s), numbers(mean, classes)) for track_id, (time_s, mean) in record.items()
        }
