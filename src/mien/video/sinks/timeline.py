"""A whole video in little memory: for each track its expressions over time, its best picture, and a summary.

Time is divided into at most ``MAX_BINS`` equal bins, whose width doubles as the video grows.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from mien.expressions import Expression, LabelSet
from mien.geometry import Box, ByteArray
from mien.video.results import FrameResult, Row
from mien.video.tracking.motion import Vector

#: Most bins of the time axis, and the width of a bin at first.
MAX_BINS = 600
_FIRST_BIN_S = 0.1
#: A frame counts for at most this long when seconds are added up, or for this many steps if these are longer.
_LONGEST_FRAME_S, _LONGEST_FRAME_STEPS = 1.0, 1.5
#: Side of a track's picture in pixels, and how much of its surroundings it shows, in face sizes.
_THUMB_SIDE, _THUMB_REACH = 96, 1.5


@dataclass(slots=True)
class TrackHistory:
    """What is kept of one track.

    Attributes:
        track_id: Its number.
        first_s: Time of its first frame.
        last_s: Time of its last frame.
        seconds: For each label how long it was the most probable one, (classes,).
        changes: How often the most probable expression changed.
        bins: By bin, the sum of the probabilities and their count, (classes + 1,).
        picture: The face where it was largest and surest, RGB uint8 (96, 96, 3); None if read back from a table.
        picture_worth: What the picture was chosen by.
        expression: The most probable expression of the last frame.
    """

    track_id: int
    first_s: float
    last_s: float
    seconds: Vector
    changes: int = 0
    bins: dict[int, Vector] = field(default_factory=dict)
    picture: ByteArray | None = None
    picture_worth: float = 0.0
    expression: str | None = None


@dataclass(frozen=True, slots=True)
class TrackSummary:
    """Summary of one track.

    Attributes:
        track_id: Its number.
        first_s: Time of its first frame.
        last_s: Time of its last frame.
        seconds: How long it was on the screen.
        shares: For each expression, the share of these seconds in which it was the most probable.
        changes: How often the most probable expression changed.
    """

    track_id: int
    first_s: float
    last_s: float
    seconds: float
    shares: dict[Expression, float]
    changes: int

    @property
    def top(self) -> Expression:
        """The expression that was the most probable for the longest time."""
        return max(self.shares, key=lambda name: self.shares[name])

    def to_dict(self) -> dict[str, Any]:
        """The summary as plain numbers and strings, nothing rounded."""
        times = {"first_s": self.first_s, "last_s": self.last_s, "seconds": self.seconds}
        shares = {str(name): share for name, share in self.shares.items()}
        return {"track_id": self.track_id, **times, "changes": self.changes, "shares": shares}


class Timeline:
    """Gathers frames, or rows of a table, in the order of time.

    Args:
        labels: Classes of the probabilities.
        step_s: Usual time from one read frame to the next, 0 if unknown.
    """

    def __init__(self, labels: LabelSet, *, step_s: float = 0.0) -> None:
        self.labels = labels
        self._longest_s = max(_LONGEST_FRAME_S, _LONGEST_FRAME_STEPS * step_s)
        self.bin_s = _FIRST_BIN_S
        self.tracks: dict[int, TrackHistory] = {}
        self.frames, self.damaged, self.end_s, self._step_s = 0, 0, 0.0, 0.0

    def add(self, result: FrameResult) -> None:
        """Add a frame with its faces."""
        self._step_to(result.timestamp_s)
        self.damaged += result.damaged
        for face in result.faces:
            if face.track_id is not None:
                track = self._seen(face.track_id, np.array(face.probabilities.row))
                _keep_best_picture(track, result.image, face.detection.box, face.detection.score)

    def add_rows(self, rows: Iterable[Row]) -> None:
        """Add the rows of a table, which has no pictures."""
        frame: object = None
        for row in rows:
            if row["frame"] != frame:  # rows of one frame are consecutive
                self._step_to(float(row["timestamp_s"] or 0.0))
                frame = row["frame"]
                self.damaged += bool(row.get("damaged"))
            if isinstance(row["track_id"], int):
                self._seen(row["track_id"], np.array([float(row[str(label)] or 0.0) for label in self.labels]))

    def summaries(self) -> list[TrackSummary]:
        """A summary of each track, the longest first."""
        found = [self._summary(track) for track in self.tracks.values()]
        return sorted(found, key=lambda summary: (-summary.seconds, summary.track_id))

    def curves(self, track_id: int) -> Vector:
        """Mean probabilities of a track over time, (bins, classes); NaN where it was not on the screen."""
        curve = np.full((int(self.end_s / self.bin_s) + 1, len(self.labels)), np.nan)
        for place, total in self.tracks[track_id].bins.items():
            curve[place] = total[:-1] / total[-1]
        return curve

    def _step_to(self, time_s: float) -> None:
        """Begin a frame at ``time_s``: it lasts as long as the time since the frame before it."""
        if self.frames:
            self._step_s = min(max(time_s - self.end_s, 0.0), self._longest_s)
            if self.frames == 1:  # the first frame, counted as 1 so far, lasts as long as the second
                for track in self.tracks.values():
                    track.seconds *= self._step_s
        self.frames, self.end_s = self.frames + 1, time_s
        while time_s / self.bin_s >= MAX_BINS:
            self._widen()

    def _widen(self) -> None:
        """Merge each two neighboring bins into one of double width."""
        self.bin_s *= 2
        for track in self.tracks.values():
            merged: dict[int, Vector] = {}
            for place, total in track.bins.items():
                merged[place // 2] = merged.get(place // 2, 0) + total
            track.bins = merged

    def _seen(self, track_id: int, probabilities: Vector) -> TrackHistory:
        now = self.end_s
        if track_id not in self.tracks:
            self.tracks[track_id] = TrackHistory(track_id, now, now, np.zeros(len(self.labels)))
        track = self.tracks[track_id]
        # The most probable expression, whatever rule names it: rows of a table hold no rule.
        top = int(np.argmax(probabilities))
        track.seconds[top] += self._step_s if self.frames > 1 else 1.0
        track.changes += track.expression is not None and track.expression != self.labels[top]
        track.expression, track.last_s = self.labels[top], now
        place = int(now / self.bin_s)
        # The last element counts the frames of the bin.
        track.bins[place] = track.bins.get(place, np.zeros(len(self.labels) + 1)) + np.append(probabilities, 1.0)
        return track

    def _summary(self, track: TrackHistory) -> TrackSummary:
        total = float(track.seconds.sum()) if self.frames > 1 else 0.0
        counted = track.seconds.sum() or 1.0
        shares = {label: float(value / counted) for label, value in zip(self.labels, track.seconds, strict=True)}
        return TrackSummary(track.track_id, track.first_s, track.last_s, total, shares, int(track.changes))


def _keep_best_picture(track: TrackHistory, image: ByteArray, box: Box, score: float) -> None:
    """Cut the face out of ``image``, RGB uint8 (H, W, 3), if it is clearly better than the picture that is kept."""
    worth = score * min(box.height, _THUMB_SIDE * 2)  # more pixels than twice the picture's add nothing
    if worth <= track.picture_worth * 1.05:  # cutting costs time; a gain of 5 % is not seen
        return
    # The square is moved into the frame, and centered where the frame is smaller.
    reach = max(box.width, box.height) * _THUMB_REACH / 2
    x, y = (
        min(max(middle, reach), max(side - reach, side / 2))
        for middle, side in zip(box.center, image.shape[1::-1], strict=True)
    )
    cut = Image.fromarray(image).crop((round(x - reach), round(y - reach), round(x + reach), round(y + reach)))
    track.picture = np.asarray(cut.resize((_THUMB_SIDE, _THUMB_SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0))
    track.picture_worth = worth
