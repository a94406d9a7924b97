"""Simulated people before a noisy detector, with known identities: for experiments and tests of the tracker."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mien.detection.base import FaceDetection
from mien.geometry import Box, FloatArray, iou


@dataclass(frozen=True, slots=True)
class Glance:
    """What the detector found in one frame.

    Attributes:
        time_s: Time of the frame.
        people: The true person of each face.
        faces: Their boxes.
        crops: Their gray crops, (48, 48) each.
    """

    time_s: float
    people: list[int]
    faces: list[FaceDetection]
    crops: list[FloatArray]


def face_at(x: float, y: float = 100.0, side: float = 60.0, score: float = 0.9) -> FaceDetection:
    return FaceDetection(Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2), score)


def meeting(seed: int, *, turn_back: bool) -> Iterator[Glance]:
    """Two people of similar appearance walk past each other, or meet and turn back.

    The boxes are noisy, one face in twenty is missed, and where two overlap only one is found.
    """
    noise = np.random.default_rng(seed)
    shared, own = noise.random((48, 48)), noise.random((2, 48, 48))
    speeds = noise.uniform(80, 240, 2)  # pixels per second; faces of 80 pixels, 400 apart
    meet_s = 400 / speeds.sum()
    for step in range(100):
        time_s = step / 25
        walked_s = 2 * meet_s - time_s if turn_back and time_s > meet_s else time_s
        xs = 150 + speeds[0] * walked_s, 550 - speeds[1] * walked_s
        # Boxes jitter by 1.5 pixels, 2 % of a face, as detectors do.
        truth = [face_at(x + noise.normal(0, 1.5), 200 + noise.normal(0, 1.5), 80) for x in xs]
        crops = [0.6 * shared + 0.4 * own[who] + noise.normal(0, 0.05, (48, 48)) for who in (0, 1)]
        # Suppression of overlapping boxes leaves the first of two close faces.
        seen = [0] if iou(truth[0].box, truth[1].box) > 0.3 else [0, 1]
        seen = [who for who in seen if noise.random() > 0.05]
        yield Glance(time_s, seen, [truth[who] for who in seen], [crops[who].astype(np.float32) for who in seen])
