"""Sinks, which take results: one protocol for tables, annotated videos, timelines and live pictures."""

from collections.abc import Iterable
from contextlib import ExitStack
from enum import Enum
from types import TracebackType
from typing import Protocol, Self

from mien.expressions import LabelSet
from mien.video.clock import StageClock
from mien.video.results import FrameResult
from mien.video.sources.base import VideoInfo


class Ending(Enum):
    """How the results end: the source is exhausted, the user stopped the run, or an error did."""

    COMPLETE = "complete"
    STOPPED = "stopped"
    FAILED = "failed"


class Sink(Protocol):
    """Anything that takes the results of a video in order."""

    @property
    def name(self) -> str:
        """The stage under which :class:`mien.video.clock.StageClock` counts its time."""

    def open(self, video: VideoInfo, labels: LabelSet) -> None:
        """Prepare for results; ``labels`` are the classes of the probabilities.

        Raises:
            StorageError: The output cannot be written.
        """

    def write(self, result: FrameResult) -> None:
        """Take the next result."""

    def close(self, ending: Ending) -> None:
        """Finish; called once if :meth:`open` has returned, after a failure too."""


class OpenSinks:
    """Several sinks, opened, written and closed as one; each is closed even where another fails.

    Args:
        sinks: In the order in which they are written and closed.
        video: The source.
        labels: Classes of the probabilities.
        clock: Takes the time of each sink.
    """

    def __init__(self, sinks: Iterable[Sink], video: VideoInfo, labels: LabelSet, clock: StageClock) -> None:
        self._sinks, self._video, self._labels, self._clock = list(sinks), video, labels, clock
        self._ending = Ending.COMPLETE

    def __enter__(self) -> Self:
        opened: list[Sink] = []
        try:
            for sink in self._sinks:
                sink.open(self._video, self._labels)
                opened.append(sink)
        except BaseException:  # Ctrl-C too: what is open must be closed
            _close_all(opened, Ending.FAILED)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        _close_all(self._sinks, self._ending if kind is None else Ending.FAILED)

    def write(self, result: FrameResult) -> None:
        """Give each sink the next result."""
        for sink in self._sinks:
            with self._clock.stage(sink.name):
                sink.write(result)

    def stop(self) -> None:
        """End before the source does: no further result follows."""
        self._ending = Ending.STOPPED


def _close_all(sinks: list[Sink], ending: Ending) -> None:
    with ExitStack() as stack:  # the last that is pushed is closed first
        for sink in reversed(sinks):
            stack.callback(sink.close, ending)
