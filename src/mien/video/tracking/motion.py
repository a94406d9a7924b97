"""Where a face will be: a Kalman filter of constant velocity over a box's center and size (Kalman 1960).

Times are in seconds, so frames may come at any rate. Which box belongs to which face is decided in ``tracker``.
"""

from dataclasses import dataclass, replace
from math import exp, log, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.geometry import Box
from mien.video.tracking.state import number, numbers

Vector = npt.NDArray[np.float64]

#: Standard deviation of a detection: its center in face sizes, and the logarithm of its size.
_MEASURED = np.array([0.03, 0.03, 0.04])
#: Standard deviation of the acceleration, in face sizes per second squared; of the log size in 1 per second squared.
_ACCELERATION = np.array([8.0, 8.0, 3.0])
#: Standard deviation of the velocity of a face that was seen once, in the same units per second.
_FIRST_VELOCITY = np.array([2.0, 2.0, 0.5])
#: No face has a size of e to the power of this in pixels.
_LOG_SIZE_LIMIT = 30.0


@dataclass(frozen=True, slots=True)
class Motion:
    """State of the filter: center x, center y and log of the size, each with its velocity.

    Attributes:
        time_s: Time of the state.
        place: (3,) means.
        speed: (3,) means, per second.
        spread: (3, 2, 2) covariance of place and speed of each of the three, which move independently.
    """

    time_s: float
    place: Vector
    speed: Vector
    spread: Vector

    @classmethod
    def start(cls, box: Box, time_s: float) -> "Motion":
        """The state of a face that was seen for the first time."""
        unit = _units(box_size(box))  # (3,)
        spread = np.zeros((3, 2, 2))
        spread[:, 0, 0] = (_MEASURED * unit) ** 2
        spread[:, 1, 1] = (_FIRST_VELOCITY * unit) ** 2
        return cls(time_s, _place(box), np.zeros(3), spread)

    @property
    def center(self) -> tuple[float, float]:
        return float(self.place[0]), float(self.place[1])

    @property
    def size(self) -> float:
        """Geometric mean of width and height in pixels."""
        return exp(self.place[2])

    def at(self, time_s: float) -> "Motion":
        """The prediction for a later time."""
        step = max(0.0, time_s - self.time_s)
        move = np.array([[1.0, step], [0.0, 1.0]])  # place += step · speed
        # Covariance of place and speed after a constant acceleration of unit variance over the step.
        shape = np.array([[step**4 / 4, step**3 / 2], [step**3 / 2, step**2]])
        noise = (_ACCELERATION * _units(self.size)) ** 2
        spread = move @ self.spread @ move.T + noise[:, None, None] * shape
        return Motion(self.time_s + step, self.place + step * self.speed, self.speed, spread)

    def updated(self, box: Box, time_s: float) -> "Motion":
        """The state after the face was detected in ``box``."""
        predicted = self.at(time_s)
        noise = (_MEASURED * _units(box_size(box))) ** 2
        gain = predicted.spread[:, :, 0] / (predicted.spread[:, 0, 0] + noise)[:, None]  # (3, 2): place, speed
        error = _place(box) - predicted.place  # (3,)
        spread = predicted.spread - gain[:, :, None] * predicted.spread[:, None, 0, :]
        return replace(
            predicted,
            place=predicted.place + gain[:, 0] * error,
            speed=predicted.speed + gain[:, 1] * error,
            spread=spread,
        )

    def to_dict(self) -> dict[str, object]:
        """The state as plain numbers, exact."""
        return {
            "time_s": self.time_s,
            "place": self.place.tolist(),
            "speed": self.speed.tolist(),
            "spread": self.spread.tolist(),
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "Motion":
        """Read what :meth:`to_dict` wrote.

        Raises:
            ValueError, KeyError: It is not that, or no state that the filter comes to.
        """
        state = cls(
            number(record["time_s"]),
            *(numbers(record[key], *shape) for key, shape in (("place", (3,)), ("speed", (3,)), ("spread", (3, 2, 2)))),
        )
        if abs(state.place[2]) > _LOG_SIZE_LIMIT or (np.einsum("nii->ni", state.spread) < 0).any():
            raise ValueError("a size or a variance out of range")
        return state


def box_size(box: Box) -> float:
    """Geometric mean of width and height in pixels, at least one."""
    return sqrt(max(box.width, 1.0) * max(box.height, 1.0))


def _place(box: Box) -> Vector:
    """Center x, center y and log of the size, (3,)."""
    return np.array([*box.center, log(box_size(box))])


def _units(size: float) -> Vector:
    """What one face size is in each coordinate of the state, (3,): the log size has no unit."""
    return np.array([size, size, 1.0])
