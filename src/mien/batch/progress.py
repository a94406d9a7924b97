"""Progress of a running job, reported at intervals."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import NamedTuple

#: Shortest time between two reports, in seconds.
_EVERY_S = 0.5


class Tally(NamedTuple):
    """What some pictures and videos gave."""

    pictures: int
    faces: int
    failed: int


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far a running job is.

    Attributes:
        pictures, faces, failed: Read so far, what an earlier run did among them.
        entries: Pictures and videos in all.
        seconds: Since this run began.
        new_pictures, new_faces: Read by this run.
    """

    pictures: int
    faces: int
    failed: int
    entries: int
    seconds: float
    new_pictures: int
    new_faces: int

    @property
    def pictures_per_s(self) -> float:
        return self.new_pictures / self.seconds if self.seconds > 0 else 0.0

    @property
    def faces_per_s(self) -> float:
        return self.new_faces / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At the rate so far; None before the first picture."""
        return (self.entries - self.pictures) / self.pictures_per_s if self.new_pictures else None


class ProgressReporter:
    """Adds up what is read and reports to a listener, at most twice a second and always after the last picture.

    Args:
        before: What an earlier run has read.
        entries: Pictures and videos in all.
        listener: Receives the progress; None reports nothing.
    """

    def __init__(self, before: Tally, entries: int, listener: Callable[[BatchProgress], None] | None) -> None:
        self._before, self._entries, self._listener = before, entries, listener
        self._began, self._last = monotonic(), -_EVERY_S
        self._pictures = self._faces = self._failed = 0

    def add(self, more: Tally) -> None:
        """Count what has been read since the last call."""
        self._pictures += more.pictures
        self._faces += more.faces
        self._failed += more.failed
        now, at = monotonic(), self.now
        if self._listener and (now - self._last >= _EVERY_S or at.pictures == at.entries):
            self._last = now
            self._listener(at)

    @property
    def now(self) -> BatchProgress:
        before = self._before
        return BatchProgress(
            before.pictures + self._pictures,
            before.faces + self._faces,
            before.failed + self._failed,
            self._entries,
            monotonic() - self._began,
            self._pictures,
            self._faces,
        )
