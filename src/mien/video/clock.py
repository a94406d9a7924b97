"""Where the time goes: seconds spent in each stage of reading a video.

It does not know the stages.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Lock
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")


class StageClock:
    """Adds up the time of named stages; threads may share one."""

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
        """The same items; making each of them counts as the stage ``name``."""
        waiting = iter(items)
        try:
            while True:
                with self.stage(name):
                    item = next(waiting, None)
                if item is None:
                    return
                yield item
        finally:
            getattr(waiting, "close", lambda: None)()

    def lines(self, frames: int) -> list[str]:
        """One line a stage: milliseconds a frame, and how often it ran."""
        return [
            f"{name:<10} {1000 * self.seconds[name] / max(frames, 1):7.2f} ms a frame, {self.counts[name]} times"
            for name in self.seconds
        ]
