"""Following faces: which face of this frame is which of the frames before, by motion and by appearance.

    faces, crops → cost of each (track, face) → assignment → updated and new tracks

It does not know detectors or networks: it is given boxes, and the crops that the network reads anyway.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mien.detection.base import FaceDetection, moved
from mien.geometry import Box, FaceLandmarks, FloatArray, Point, iou
from mien.video.tracking.assignment import FORBIDDEN, assign
from mien.video.tracking.motion import Motion, Vector, box_size
from mien.video.tracking.state import number, numbers, whole

#: How far, in face sizes, a face may be from where it is expected: when it was just seen, per second since, at most.
_REACH, _REACH_PER_S, _REACH_LIMIT = 0.6, 2.0, 2.0
#: A face may be so much larger or smaller than expected (logarithm; 0.5 is a factor of 1.65).
_SIZE_LIMIT = 0.5
#: What a wholly different appearance costs, in face sizes of distance. Of 100 simulated pairs that meet and turn back,
#: 5 keep their numbers at 0, 68 at 1, 94 at 2 and 95 at 3; of pairs that walk past each other 96 at any of these.
_APPEARANCE_COST = 3.0
#: A face further from its place than the first, in face sizes, must correlate with its track by at least the second:
#: one that the last pass saw, and one that comes back, which may be half hidden by what it comes back from behind.
_STAYING, _COMING_BACK = (0.3, 0.5), (0.8, 0.4)
#: Weight of the newest crop in a track's appearance.
_APPEARANCE_RATE = 0.2
#: After a cut only a face at the same place whose crop correlates by this is the same; 17 photographed faces of
#: different people correlate by 0.25 in the median, by 0.88 at most.
_SAME_APPEARANCE = 0.85
#: Side of an appearance in pixels.
_APPEARANCE_SIDE = 16


@dataclass(slots=True)
class Track:
    """One face over time.

    Attributes:
        track_id: From 1, in the order of appearance, never used again.
        face: As it was last detected.
        motion: State of its motion filter.
        appearance: Its normalized crop, averaged over time, (256,).
        present: Whether the last pass of the detector saw it.
    """

    track_id: int
    face: FaceDetection
    motion: Motion
    appearance: Vector
    present: bool = True

    @property
    def seen_s(self) -> float:
        return self.motion.time_s

    def expected(self, time_s: float) -> FaceDetection:
        """The face where its motion takes it: the detected box and key points, moved and scaled."""
        (x, y), predicted = self.face.box.center, self.motion.at(time_s)
        scale = predicted.size / self.motion.size
        (now_x, now_y), (then_x, then_y) = predicted.center, self.motion.center
        # Scaling is about the picture's origin, so the center's own displacement by it is taken off again.
        return moved(self.face, x + now_x - then_x - x * scale, y + now_y - then_y - y * scale, scale)


class Tracker:
    """Gives each face its number; a face that is gone for longer than ``max_lost_s`` comes back as a new one.

    Only a face that a pass missed is gone: one that the last pass saw is followed however long ago that was.
    """

    def __init__(self, *, max_lost_s: float = 1.0) -> None:
        self.max_lost_s = max_lost_s
        self.tracks: list[Track] = []
        self._next_id = 1

    def expected(self, time_s: float) -> list[tuple[int, FaceDetection]]:
        """The faces that the last pass saw, where they should be now."""
        return [(track.track_id, track.expected(time_s)) for track in self.tracks if track.present]

    def update(
        self, faces: Sequence[FaceDetection], crops: Sequence[FloatArray], time_s: float, *, after_cut: bool = False
    ) -> list[int]:
        """The track of each detected face; unknown ones begin a track.

        Args:
            faces: All that the detector found.
            crops: The gray crop (size, size) of each.
            time_s: Time of the frame.
            after_cut: The picture changed as a whole: only a face that looks the same at its place continues its track.
        """
        # A track that is gone stays for a while, so that its face can come back under its number.
        self.tracks = [track for track in self.tracks if track.present or time_s - track.seen_s <= self.max_lost_s]
        appearances = [appearance_of(crop) for crop in crops]  # (256,) each
        costs = self._costs(faces, appearances, time_s, after_cut=after_cut)  # (tracks, faces)
        matched = {column: self.tracks[row] for row, column in assign(costs)}
        for track in self.tracks:
            track.present = False
        ids = []
        for position, (face, appearance) in enumerate(zip(faces, appearances, strict=True)):
            track = matched.get(position) or self._begin(face, appearance, time_s)
            # A new track holds this box already; counted twice, the filter would be too sure of it.
            track.motion = track.motion.updated(face.box, time_s) if position in matched else track.motion
            track.appearance = track.appearance + _APPEARANCE_RATE * (appearance - track.appearance)
            track.face, track.present = face, True
            ids.append(track.track_id)
        if after_cut:  # a face of the scene before does not come back
            self.tracks = [track for track in self.tracks if track.present]
        return ids

    def _begin(self, face: FaceDetection, appearance: Vector, time_s: float) -> Track:
        track = Track(self._next_id, face, Motion.start(face.box, time_s), appearance)
        self._next_id += 1
        self.tracks.append(track)
        return track

    def _costs(
        self, faces: Sequence[FaceDetection], appearances: Sequence[Vector], time_s: float, *, after_cut: bool
    ) -> Vector:
        """What it costs to take each face for each track, (tracks, faces); ``FORBIDDEN`` where it cannot be."""
        costs = np.full((len(self.tracks), len(faces)), FORBIDDEN)
        for row, track in enumerate(self.tracks):
            predicted = track.motion.at(time_s)
            for column, (face, appearance) in enumerate(zip(faces, appearances, strict=True)):
                costs[row, column] = _cost(track, predicted, face, appearance, after_cut=after_cut)
        return costs

    def to_dict(self) -> dict[str, Any]:
        """The state between two frames as plain numbers, exact."""
        tracks = [
            {
                "track_id": track.track_id,
                "score": track.face.score,
                "box": list(track.face.box.to_dict().values()),
                "landmarks": _points(track.face.landmarks),
                "motion": track.motion.to_dict(),
                "look": track.appearance.tolist(),  # the key of progress files that exist
                "present": track.present,
            }
            for track in self.tracks
        ]
        return {"next_id": self._next_id, "tracks": tracks}

    def restore(self, record: dict[str, Any]) -> None:
        """Continue from what :meth:`to_dict` gave.

        Raises:
            ValueError, KeyError, TypeError: It is not that.
        """
        self._next_id = whole(record["next_id"])
        self.tracks = [_track_from(entry) for entry in record["tracks"]]


def appearance_of(crop: FloatArray) -> Vector:
    """A gray crop (size, size) as 16 × 16 means, without its brightness and contrast, (256,)."""
    edges = np.linspace(0, len(crop), _APPEARANCE_SIDE + 1).astype(int)[:-1]  # first pixel of each cell, (16,)
    # Sums in place of means: cells are equally large up to a pixel, and the norm goes below.
    small = np.add.reduceat(np.add.reduceat(crop.astype(np.float64), edges, 0), edges, 1).ravel()  # (256,)
    centered = small - small.mean()
    return np.asarray(centered / max(float(np.linalg.norm(centered)), 1e-9))


def likeness(first: Vector, second: Vector) -> float:
    """Correlation of two appearances, in [-1, 1]."""
    return float(first @ second / max(float(np.linalg.norm(first) * np.linalg.norm(second)), 1e-9))


def _cost(track: Track, predicted: Motion, face: FaceDetection, appearance: Vector, *, after_cut: bool) -> float:
    """Distance in face sizes, plus difference in size, plus difference in appearance."""
    size = box_size(face.box)
    (x0, y0), (x1, y1) = predicted.center, face.box.center
    distance = float(np.hypot(x0 - x1, y0 - y1)) / max(size, predicted.size)
    resized = abs(float(np.log(size)) - float(predicted.place[2]))
    lost_s = predicted.time_s - track.seen_s
    alike = likeness(track.appearance, appearance)
    near, least_alike = _STAYING if track.present else _COMING_BACK
    # Each of these alone rules the pair out: too far for the time that passed, another person, another size.
    is_far = distance > min(_REACH + _REACH_PER_S * lost_s, _REACH_LIMIT) and iou(track.face.box, face.box) <= 0
    is_stranger = distance > near and alike < least_alike
    is_new_after_cut = after_cut and (alike < _SAME_APPEARANCE or distance > _REACH)
    if is_far or is_stranger or resized > _SIZE_LIMIT or is_new_after_cut:
        return FORBIDDEN
    return distance + resized + _APPEARANCE_COST * (1 - alike) / 2  # (1 - alike) / 2 lies in [0, 1]


def _points(marks: FaceLandmarks | None) -> list[Any] | None:
    if marks is None:
        return None
    return [marks.right_eye, marks.left_eye, marks.nose, marks.mouth, marks.right_ear, marks.left_ear]


def _track_from(entry: dict[str, Any]) -> Track:
    points = entry["landmarks"]
    ears = [None if point is None else _pair(point) for point in points[4:]] if points else []
    marks = FaceLandmarks(*map(_pair, points[:4]), *ears) if points else None
    face = FaceDetection(Box(*numbers(entry["box"], 4).tolist()), number(entry["score"]), marks)
    appearance = numbers(entry["look"], _APPEARANCE_SIDE**2)
    return Track(whole(entry["track_id"]), face, Motion.from_dict(entry["motion"]), appearance, bool(entry["present"]))


def _pair(point: Any) -> Point:
    x, y = numbers(point, 2).tolist()
    return x, y
