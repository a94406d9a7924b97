"""Two ways to take items from another thread: all of them, read ahead, or each time the newest."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Condition, Event, Thread
from typing import Generic, TypeVar

T = TypeVar("T")
#: A thread that waits for room in the queue checks this often whether it should stop.
_CHECK_EVERY_S = 0.1


def ahead(items: Iterable[T], depth: int = 3) -> Generator[T, None, None]:
    """The same items in the same order, made in another thread that is at most ``depth`` items ahead.

    What the items raise is raised here, and the thread has ended when this generator is closed.
    """
    # A tuple holds an item, which may itself be None; None alone is the end.
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
        with suppress(Empty):  # make room, so that a thread that waits for it ends at once
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
        # Generators must be closed in the thread that runs them, or they are "already executing".
        getattr(items, "close", lambda: None)()


def _put(waiting: "Queue[tuple[T] | BaseException | None]", item: tuple[T] | BaseException | None, stop: Event) -> bool:
    while not stop.is_set():
        with suppress(Full):
            waiting.put(item, timeout=_CHECK_EVERY_S)
            return True
    return False


class Newest(Generic[T]):
    """Iterates over what another thread produces and always gives the newest: what is not taken in time is dropped.

    Attributes:
        dropped: Number of items that were replaced before they were taken.
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
                if item is None:  # ended, and the last item has been taken
                    break
                yield item[0]
            if self._error is not None:  # after the items that came before it
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
