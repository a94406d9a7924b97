"""Where the time goes: seconds spent in each stage of reading a video."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Lock
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")


class StageClock:
    """Adds up the time of named stages; threads may share one.

    Attributes:
        seconds: By stage, in all.
        counts: By stage, how often it ran.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self.seconds: dict[str, float] = {}
        self.counts: dict[str, int] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Around the work of one stage."""
        start = perf_counter()
        try:
            yield
        finally:
            spent = perf_counter() - start
            with self._lock:
                self.seconds[name] = self.seconds.get(name, 0.0) + spent
                self.counts[name] = self.counts.get(name, 0) + 1

    def timed(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """The same items; producing each of them counts as the stage ``name``."""
        waiting = iter(items)
        try:
            while True:
                with self.stage(name):
                    item = next(waiting, None)
                if item is None:  # the end: no stage gives None as an item
                    return
                yield item
        finally:
            # A generator below holds files open; it is closed with this one, not when memory is collected.
            getattr(waiting, "close", lambda: None)()

    def lines(self, frames: int) -> list[str]:
        """A line for each stage: milliseconds per frame, and how often it ran."""
        return [
            f"{name:<10} {1000 * self.seconds[name] / max(frames, 1):7.2f} ms per frame, {self.counts[name]} times"
            for name in self.seconds
        ]
