"""Killing a process that takes too long, by one thread for all its items: a timer each costs more than a small item."""

from math import inf
from subprocess import Popen
from threading import Condition, Thread
from time import monotonic


class Watchdog:
    """Watches one process at a time; its thread starts when it is first needed and ends with :meth:`close`."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._process: Popen[bytes] | None = None
        self._deadline, self._wakes_at = inf, inf
        self._has_begun = self._closed = False

    def watch(self, process: "Popen[bytes]", seconds: float) -> None:
        """Kill the process after so many seconds, unless it is left before."""
        with self._changed:
            self._process, self._deadline = process, monotonic() + seconds
            if not self._has_begun:
                self._has_begun = True
                Thread(target=self._serve, name="mien-watchdog", daemon=True).start()
            elif self._deadline < self._wakes_at:
                self._changed.notify()

    def leave(self) -> None:
        """Kill nothing any more. The thread sleeps on: most often the next deadline is later than the last one."""
        with self._changed:
            self._process = None

    def close(self) -> None:
        """End the thread; nothing is killed after that."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _serve(self) -> None:
        with self._changed:
            while not self._closed:
                left = inf if self._process is None else self._deadline - monotonic()
                if left <= 0 and self._process is not None:
                    self._process.kill()
                    self._process = None
                    continue
                self._wakes_at = monotonic() + left
                self._changed.wait(None if left == inf else left)
