"""Results that are finished out of order and taken in order, in bounded memory.

It does not know what the results are, only their sizes.
"""

from concurrent.futures import CancelledError
from threading import Condition


class Turns:
    """Room for results that wait for their turn: bounded by bytes, and never refused to the one that is next."""

    def __init__(self, limit: int) -> None:
        self._limit, self._held, self._next, self._closed = limit, 0, 0, False
        self._sizes: dict[int, int] = {}
        self._changed = Condition()

    def admit(self, index: int, size: int) -> None:
        """Wait until the result of an item may be held.

        Raises:
            CancelledError: Nobody takes results any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or index == self._next or self._held + size <= self._limit)
            if self._closed:
                raise CancelledError
            self._held += size
            self._sizes[index] = size

    def passed(self) -> None:
        """The result whose turn it was has been taken."""
        with self._changed:
            self._held -= self._sizes.pop(self._next, 0)
            self._next += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Nobody takes results any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
