"""Doing two things at once: reading ahead of a file, and the newest frame of a live source.

It does not know what it hands over.
"""

from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Condition, Event, Thread
from typing import Generic, TypeVar

T = TypeVar("T")
_PATIENCE_S = 0.1


def ahead(items: Iterable[T], depth: int = 3) -> Generator[T, None, None]:
    """The same items in the same order, made in another thread that is at most ``depth`` items ahead.

    What the items raise is raised here, and the thread has ended when this generator is closed.
    """
    waiting: Queue[tuple[T] | BaseException | None] = Queue(depth)
    stop = Event()
    worker = Thread(target=_fill, args=(iter(items), waiting, stop), daemon=True)
    worker.start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item[0]
    finally:
        stop.set()
        with suppress(Empty):
            while True:
                waiting.get_nowait()
        worker.join()


def _fill(items: Iterator[T], waiting: "Queue[tuple[T] | BaseException | None]", stop: Event) -> None:
    try:
        for item in items:
            if not _put(waiting, (item,), stop):
                return
        _put(waiting, None, stop)
    except BaseException as err:  # noqa: BLE001 - raised again where the items are taken
        _put(waiting, err, stop)
    finally:
        getattr(items, "close", lambda: None)()


def _put(waiting: "Queue[tuple[T] | BaseException | None]", item: tuple[T] | BaseException | None, stop: Event) -> bool:
    while not stop.is_set():
        with suppress(Full):
            waiting.put(item, timeout=_PATIENCE_S)
            return True
    return False


class Newest(Generic[T]):
    """Iterates over what another thread makes and always gives the newest: what nobody took in time is dropped.

    Attributes:
        dropped: How many items nobody took.
    """

    def __init__(self, items: Iterable[T]) -> None:
        self.dropped = 0
        self._items = items
        self._slot: tuple[T] | None = None
        self._error: BaseException | None = None
        self._ended, self._stop = False, Event()
        self._changed = Condition()

    def __iter__(self) -> Iterator[T]:
        worker = Thread(target=self._watch, daemon=True)
        worker.start()
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._slot is not None or self._ended)
                    item, self._slot = self._slot, None
                if item is None:
                    break
                yield item[0]
            if self._error is not None:
                raise self._error
        finally:
            self._stop.set()
            worker.join()

    def _watch(self) -> None:
        items = iter(self._items)
        try:
            for item in items:
                with self._changed:
                    self.dropped += self._slot is not None
                    self._slot = (item,)
                    self._changed.notify()
                if self._stop.is_set():
                    break
        except BaseException as err:  # noqa: BLE001 - raised again where the items are taken
            self._error = err
        finally:
            getattr(items, "close", lambda: None)()
            with self._changed:
                self._ended = True
                self._changed.notify()
