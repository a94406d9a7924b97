"""From the timestamps of a container to times that strictly increase, whatever the timestamps do.

Recorders append, streams splice and counters wrap, so timestamps restart, jump or run back. Frames come here in the
order they are shown, and keep that order.
"""

from mien.render.text import counted

#: A stream whose format may splice (MPEG-TS, HLS) has jumped from this gap on, any other from the second on: the
#: thresholds of FFmpeg's ``-dts_delta_threshold`` and ``-dts_error_threshold``.
_SPLICED_GAP_S, _ANY_GAP_S = 10.0, 30 * 3600.0
#: Up to this many frames in a row off the line are strays, after which the old line may continue; more are a new line.
_STRAYS = 3
#: Timestamps that run back by less than this are out of order; by more, another recording begins.
_DISORDER_S = 1.0


class Timestamps:
    """Turns stated times into strictly increasing times without jumps.

    Times usually follow a line, ``stated + shift``. A time off the line starts a second line right after the last
    frame; if the following frames fit it, the second line replaces the first.

    Args:
        step_s: Usual time from one frame to the next.
        may_splice: Whether the format may join recordings, as MPEG-TS and HLS do.
        earliest_s: A first time below this is moved to zero.

    Attributes:
        restarts: How often a second line has replaced the first.
        strays: Number of frames off the line.
        missing: Number of frames without a timestamp.
    """

    def __init__(self, *, step_s: float, may_splice: bool = False, earliest_s: float = 0.0) -> None:
        self._step_s, self._earliest_s = step_s, earliest_s
        self._longest_gap_s = _SPLICED_GAP_S if may_splice else _ANY_GAP_S
        self._last_s: float | None = None  # time of the last frame, as returned
        self._stated_s: float | None = None  # and as stated
        self._shift_s, self._second_shift_s = 0.0, 0.0
        self._on_second = 0  # frames in a row on the second line
        self.restarts, self.strays, self.missing = 0, 0, 0

    def place(self, stated_s: float | None) -> float:
        """The time of the next frame in seconds; ``stated_s`` is None where the container states none."""
        if stated_s is None:
            self.missing += 1
            at_s = 0.0 if self._last_s is None else self._last_s + self._step_s
        elif self._last_s is None:  # a first time far from zero is a running counter, not a late start
            at_s = stated_s if self._earliest_s <= stated_s <= self._longest_gap_s else 0.0
            self._shift_s = at_s - stated_s
        elif self._follows(stated_s + self._shift_s, self._last_s):
            at_s = stated_s + self._shift_s
            # Frames on the second line were strays after all.
            self.strays, self._on_second = self.strays + self._on_second, 0
        else:
            at_s = self._off_the_line(stated_s, self._last_s)
        self._last_s, self._stated_s = at_s, stated_s
        return at_s

    def notes(self) -> list[str]:
        """What was repaired, one sentence for each kind."""
        notes = []
        if self.restarts:
            times = counted(self.restarts, "time")
            notes.append(f"the timestamps restart or jump {times}; time continues from the frame before")
        if self.strays + self._on_second:
            frames = counted(self.strays + self._on_second, "frame")
            notes.append(f"{frames} with timestamps out of order; placed after the frame before")
        if self.missing:
            notes.append(f"{counted(self.missing, 'frame')} without a timestamp; placed at the mean rate")
        return notes

    def _follows(self, at_s: float, last_s: float) -> bool:
        return last_s < at_s <= last_s + self._longest_gap_s

    def _off_the_line(self, stated_s: float, last_s: float) -> float:
        """The time of a frame off the first line: on the second line, or where a new second line begins."""
        at_s = stated_s + self._second_shift_s
        if not self._on_second or not self._follows(at_s, last_s):
            at_s = last_s + self._gap_s(stated_s, last_s)
            self._second_shift_s, self._on_second = at_s - stated_s, 0
        self._on_second += 1
        if self._on_second > _STRAYS:
            self._shift_s, self._on_second = self._second_shift_s, 0
            self.restarts += 1
        return at_s

    def _gap_s(self, stated_s: float, last_s: float) -> float:
        """Distance from the last frame: a step to a new line or after a repeated time, half a step to a stray.

        After half a step the next frame still fits between.
        """
        behind_s = last_s - (stated_s + self._shift_s)
        is_stray = 0 < behind_s < _DISORDER_S and stated_s != self._stated_s
        return self._step_s / 2 if is_stray else self._step_s
