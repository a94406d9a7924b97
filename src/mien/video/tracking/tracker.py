"""Following faces: which face of this frame is which of the frames before, by motion and by look.

It does not know detectors or networks: it is given boxes, and the crops that the network reads anyway.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mien.detection.base import FaceDetection, moved
from mien.geometry import Box, FaceLandmarks, FloatArray, iou
from mien.video.tracking.assignment import FORBIDDEN, assign
from mien.video.tracking.motion import Motion, Vector, box_size

#: How far, in face sizes, a face may be from where it is expected: when it was just seen, per second since, at most.
_REACH, _REACH_PER_S, _REACH_LIMIT = 0.6, 2.0, 2.0
#: A face may be so much larger or smaller than expected (logarithm; 0.5 is a factor of 1.65).
_SIZE_LIMIT = 0.5
#: What a wholly different look costs, in face sizes of distance. Of 100 simulated pairs that meet and turn back, 5 keep
#: their numbers at 0, 68 at 1, 94 at 2 and 95 at 3; of pairs that walk past each other 96 at any of these.
_LOOK_COST = 3.0
#: A face further from its place than the first, in face sizes, must look at least so much alike: one that was there at
#: the last look, and one that comes back, which may be half hidden by what it comes back from behind.
_STAYING, _COMING_BACK = (0.3, 0.5), (0.8, 0.4)
#: How fast the remembered look follows the seen one.
_LOOK_RATE = 0.2
#: After a cut only a face at the same place that looks like this (correlation) is the same; 17 photographed faces of
#: different people correlate by 0.25 in the median, by 0.88 at most.
_SAME_LOOK = 0.85
#: Side of a remembered look in pixels.
_LOOK_SIDE = 16


@dataclass(slots=True)
class Track:
    """One face over time.

    Attributes:
        track_id: From 1, in the order of appearance, never used again.
        face: As it was last detected.
        motion: Where it goes.
        look: Its normalized crop, averaged over time, (256,).
        present: Whether the last look of the detector saw it.
    """

    track_id: int
    face: FaceDetection
    motion: Motion
    look: Vector
    present: bool = True

    @property
    def seen_s(self) -> float:
        return self.motion.time_s

    def expected(self, time_s: float) -> FaceDetection:
        """The face where its motion takes it: the detected box and key points, moved and scaled."""
        (x, y), believed = self.face.box.center, self.motion.at(time_s)
        scale = believed.size / self.motion.size
        (now_x, now_y), (then_x, then_y) = believed.center, self.motion.center
        return moved(self.face, x + now_x - then_x - x * scale, y + now_y - then_y - y * scale, scale)


class Tracker:
    """Gives each face its number; a face that is gone for longer than ``max_lost_s`` comes back as a new one.

    Gone is what a look missed: a face that the last look saw is followed however long ago that was.
    """

    def __init__(self, *, max_lost_s: float = 1.0) -> None:
        self.max_lost_s = max_lost_s
        self.tracks: list[Track] = []
        self._next_id = 1

    def expected(self, time_s: float) -> list[tuple[int, FaceDetection]]:
        """The faces that the last look saw, where they should be now."""
        return [(track.track_id, track.expected(time_s)) for track in self.tracks if track.present]

    def update(
        self, faces: Sequence[FaceDetection], crops: Sequence[FloatArray], time_s: float, *, after_cut: bool = False
    ) -> list[int]:
        """The track of each detected face; unknown ones begin a track.

        Args:
            faces: All that the detector saw.
            crops: Of each the gray crop (size, size).
            time_s: Of the frame.
            after_cut: The picture changed as a whole: only a face that looks the same at its place goes on.
        """
        self.tracks = [track for track in self.tracks if track.present or time_s - track.seen_s <= self.max_lost_s]
        looks = [remembered_look(crop) for crop in crops]
        matched = {
            column: self.tracks[row] for row, column in assign(self._costs(faces, looks, time_s, after_cut=after_cut))
        }
        for track in self.tracks:
            track.present = False
        ids = []
        for position, (face, look) in enumerate(zip(faces, looks, strict=True)):
            track = matched.get(position) or self._begin(face, look, time_s)
            track.motion = track.motion.updated(face.box, time_s) if position in matched else track.motion
            track.look = track.look + _LOOK_RATE * (look - track.look)
            track.face, track.present = face, True
            ids.append(track.track_id)
        if after_cut:
            self.tracks = [track for track in self.tracks if track.present]
        return ids

    def _begin(self, face: FaceDetection, look: Vector, time_s: float) -> Track:
        track = Track(self._next_id, face, Motion.start(face.box, time_s), look)
        self._next_id += 1
        self.tracks.append(track)
        return track

    def _costs(
        self, faces: Sequence[FaceDetection], looks: Sequence[Vector], time_s: float, *, after_cut: bool
    ) -> Vector:
        costs = np.full((len(self.tracks), len(faces)), FORBIDDEN)
        for row, track in enumerate(self.tracks):
            believed = track.motion.at(time_s)
            for column, (face, look) in enumerate(zip(faces, looks, strict=True)):
                costs[row, column] = _cost(track, believed, face, look, after_cut=after_cut)
        return costs

    def to_dict(self) -> dict[str, Any]:
        """All that is remembered, as plain numbers, exact."""
        tracks = [
            {
                "track_id": track.track_id,
                "score": track.face.score,
                "box": list(track.face.box.to_dict().values()),
                "landmarks": _points(track.face.landmarks),
                "motion": track.motion.to_dict(),
                "look": track.look.tolist(),
                "present": track.present,
            }
            for track in self.tracks
        ]
        return {"next_id": self._next_id, "tracks": tracks}

    def restore(self, record: dict[str, Any]) -> None:
        """Go on from what :meth:`to_dict` gave."""
        self._next_id = record["next_id"]
        self.tracks = [_track_from(entry) for entry in record["tracks"]]


def remembered_look(crop: FloatArray) -> Vector:
    """A gray crop (size, size) as 16 × 16 means, without its brightness and contrast, (256,)."""
    edges = np.linspace(0, len(crop), _LOOK_SIDE + 1).astype(int)[:-1]
    small = np.add.reduceat(np.add.reduceat(crop.astype(np.float64), edges, 0), edges, 1).ravel()
    centered = small - small.mean()
    return np.asarray(centered / max(float(np.linalg.norm(centered)), 1e-9))


def likeness(first: Vector, second: Vector) -> float:
    """Correlation of two looks, in [-1, 1]."""
    return float(first @ second / max(float(np.linalg.norm(first) * np.linalg.norm(second)), 1e-9))


def _cost(track: Track, believed: Motion, face: FaceDetection, look: Vector, *, after_cut: bool) -> float:
    """Distance in face sizes, difference of size, and of look; of a face and what is ``believed`` of the track now."""
    size = box_size(face.box)
    (x0, y0), (x1, y1) = believed.center, face.box.center
    distance = float(np.hypot(x0 - x1, y0 - y1)) / max(size, believed.size)
    resized = abs(float(np.log(size)) - float(believed.place[2]))
    lost_s = believed.time_s - track.seen_s
    alike = likeness(track.look, look)
    near, least_alike = _STAYING if track.present else _COMING_BACK
    stranger = distance > near and alike < least_alike
    far = distance > min(_REACH + _REACH_PER_S * lost_s, _REACH_LIMIT) and iou(track.face.box, face.box) <= 0
    if far or stranger or resized > _SIZE_LIMIT or (after_cut and (alike < _SAME_LOOK or distance > _REACH)):
        return FORBIDDEN
    return distance + resized + _LOOK_COST * (1 - alike) / 2


def _points(marks: FaceLandmarks | None) -> list[Any] | None:
    if marks is None:
        return None
    return [marks.right_eye, marks.left_eye, marks.nose, marks.mouth, marks.right_ear, marks.left_ear]


def _track_from(entry: dict[str, Any]) -> Track:
    points = entry["landmarks"]
    marks = FaceLandmarks(*[point and tuple(point) for point in points]) if points else None
    motion = entry["motion"]
    belief = Motion(motion["time_s"], *(np.array(motion[key]) for key in ("place", "speed", "spread")))
    face = FaceDetection(Box(*entry["box"]), entry["score"], marks)
    return Track(entry["track_id"], face, belief, np.array(entry["look"]), entry["present"])
