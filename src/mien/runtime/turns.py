"""Bounding the memory of results that finish out of order and are consumed in order."""

from concurrent.futures import CancelledError
from threading import Condition


class Turns:
    """Admits results up to a number of bytes, and always the one that is consumed next, so that it cannot deadlock."""

    def __init__(self, limit: int) -> None:
        self._limit, self._held, self._next, self._closed = limit, 0, 0, False
        self._sizes: dict[int, int] = {}
        self._changed = Condition()

    def admit(self, index: int, size: int) -> None:
        """Wait until the result of an item may be kept in memory.

        Raises:
            CancelledError: No more results are consumed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or index == self._next or self._held + size <= self._limit)
            if self._closed:
                raise CancelledError
            self._held += size
            self._sizes[index] = size

    def passed(self) -> None:
        """The next result has been consumed."""
        with self._changed:
            self._held -= self._sizes.pop(self._next, 0)
            self._next += 1
            self._changed.notify_all()

    def close(self) -> None:
        """No more results are consumed: waiting calls of :meth:`admit` are canceled."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
