"""Probabilities that do not flicker: an exponential mean over each track, with its time constant in seconds.

It does not know faces, only tracks' numbers and rows of probabilities.
"""

from math import exp
from typing import Any

import numpy as np

from mien.video.tracking.motion import Vector


class Smoother:
    """Smooths on the probabilities, so that a mean of distributions stays one.

    Args:
        time_constant_s: After so long a new expression has 63 % of the weight; 0 smooths nothing.
    """

    def __init__(self, time_constant_s: float) -> None:
        self._constant = time_constant_s
        self._means: dict[int, tuple[float, Vector]] = {}

    def smoothed(self, track_id: int, raw: Vector, time_s: float) -> Vector:
        """The mean of ``raw`` (classes,) with what was before; a track's first row stays as it is."""
        before_s, before = self._means.get(track_id, (time_s, raw))
        weight = 1.0 if self._constant <= 0 else 1 - exp(-max(0.0, time_s - before_s) / self._constant)
        mean = raw if before is raw else before + weight * (raw - before)
        self._means[track_id] = time_s, mean
        return mean

    def forget(self, *, but: set[int]) -> None:
        """Drop all tracks but these."""
        self._means = {track_id: mean for track_id, mean in self._means.items() if track_id in but}

    def to_dict(self) -> dict[str, Any]:
        """All that is remembered, as plain numbers, exact."""
        return {str(track_id): [time_s, mean.tolist()] for track_id, (time_s, mean) in self._means.items()}

    def restore(self, record: dict[str, Any]) -> None:
        """Go on from what :meth:`to_dict` gave."""
        self._means = {int(track_id): (time_s, np.array(mean)) for track_id, (time_s, mean) in record.items()}
