"""Work in processes that can be ended: a function is run on items within hard limits of time and memory.

Use it for untrusted input, on which code in C may hang, crash or take all memory; a worker to which that happens is
replaced, and only its item is lost.
"""

import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread
from time import monotonic
from types import TracebackType
from typing import IO, Any, Generic, NamedTuple, TypeVar
from weakref import finalize

from mien.errors import ConfigError, LimitError, MienError, OverdueError, WorkerError, WorkerStartError
from mien.runtime.turns import Turns
from mien.runtime.watchdog import Watchdog
from mien.runtime.worker_process import Order, read_frame_size, receive, send

Item = TypeVar("Item")
Result = TypeVar("Result")
Admission = Callable[[int], None]

_CHILD = "from mien.runtime.worker_process import main; main()"
#: A worker that does not start within this time is ended.
_START_S = 60.0
#: Longest time limit: a week.
LONGEST_S = 604_800
#: :meth:`WorkerPool.map` takes so many items for each worker ahead, as long as they have few bytes.
_AHEAD, _AHEAD_BYTES = 32, 2**26


def usable_cores() -> int:
    """The cores that this process may use, which in a container may be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class WorkerPool(Generic[Item, Result]):
    """A function that runs in worker processes, one item at a time each.

    Processes are new Python interpreters (never forks), started when they are first needed; the script that makes
    the pool needs no ``__main__`` guard. They end with the pool, and of themselves where the parent dies.

    Args:
        function: Of a module, not of ``__main__`` and no lambda: workers import it. Items and results are pickled.
        workers: Number of processes.
        time_s: A worker that takes longer for an item is killed.
        memory_bytes: Most memory for an item beyond what a worker starts with, kept on Linux; None sets no limit.
        held_bytes: :meth:`map` holds finished results up to this size until it is their turn, and always one.

    Raises:
        ConfigError: ``time_s`` is no number of seconds up to a week.
        TypeError: ``function`` cannot be pickled.
    """

    def __init__(
        self,
        function: Callable[[Item], Result],
        *,
        workers: int = 2,
        time_s: float = 30.0,
        memory_bytes: int | None = None,
        held_bytes: int = 2**28,
    ) -> None:
        if not 0 < time_s <= LONGEST_S:  # timers take no infinity
            raise ConfigError(f"a time limit of {time_s} s, expected more than 0 and at most {LONGEST_S:,} s")
        order = Order(function, time_s, memory_bytes)
        self._held_bytes, self._soon, self._later = held_bytes, 2 * workers, _AHEAD * workers
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._workers = [_Worker(pickle.dumps(order), time_s, memory_bytes) for _ in range(workers)]
        self._threads = [Thread(target=_serve, args=(w, self._queue), daemon=True) for w in self._workers]
        self._open_turns: set[Turns] = set()
        self._finalizer = finalize(self, _stop, self._queue, self._workers, self._open_turns)
        for thread in self._threads:
            thread.start()

    def submit(self, item: Item) -> "Future[Result]":
        """The outcome of one item, to come; ``cancel()`` works until a worker takes it.

        The future raises what the function raised if that was an error of ours, and else:
            OverdueError: It took longer than ``time_s``.
            LimitError: It took more than ``memory_bytes``.
            WorkerError: The worker crashed, or the function failed in another way.
            WorkerStartError: There is no worker: it does not start.
        """
        return self._enqueue(item, lambda _: None).future

    def map(self, items: Iterable[Item]) -> Iterator[Result | MienError]:
        """The outcomes of all items in order, errors in their places; items are taken as they are needed."""
        turns, waiting = Turns(self._held_bytes), deque[_Job]()
        self._open_turns.add(turns)  # a map that is never finished must not keep the pool from closing
        try:
            for index, item in enumerate(items):
                waiting.append(self._enqueue(item, partial(turns.admit, index)))
                # while whoever takes the outcomes is busy, workers go on with what was taken ahead
                while len(waiting) > self._soon and (len(waiting) > self._later or _size(waiting) > _AHEAD_BYTES):
                    yield _outcome(waiting[0].future, turns)
                    waiting.popleft()
            while waiting:
                yield _outcome(waiting[0].future, turns)
                waiting.popleft()
        finally:
            for _, future, _ in waiting:
                future.cancel()
            turns.close()
            self._open_turns.discard(turns)

    def close(self) -> None:
        """End all workers at once; what has not begun is canceled."""
        self._finalizer()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> "WorkerPool[Item, Result]":
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.close()

    def _enqueue(self, item: Item, admit: Admission) -> "_Job":
        if not self._finalizer.alive:
            raise WorkerError("the pool of workers is closed")
        job = _Job(pickle.dumps(item), Future(), admit)
        self._queue.put(job)
        return job


class _Job(NamedTuple):
    payload: bytes
    future: "Future[Any]"
    admit: Admission


def _size(jobs: "deque[_Job]") -> int:
    return sum(len(job.payload) for job in jobs)


class _Worker:
    """One process and its replacements; used by one thread, ended from any."""

    def __init__(self, order: bytes, time_s: float, memory_bytes: int | None) -> None:
        self._order, self._time_s, self._memory_bytes = order, time_s, memory_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._lock, self._closed = Lock(), False
        self._watchdog = Watchdog()

    def run(self, payload: bytes, admit: Admission) -> object:
        """The function's result for a pickled item; ``admit`` waits until there is room for its size."""
        process = self._process
        if process is None or process.poll() is not None:
            self.end()
            process = self._start()
        try:
            kind, value = self._exchange(process, payload, admit)
        except (OSError, EOFError, pickle.UnpicklingError) as err:
            self.end()
            raise self._what_happened(process, err) from err
        except BaseException:  # the result is not wanted any more
            self.end()
            raise
        if kind == "result":
            return value
        if kind == "memory":
            self.end()  # it may lack memory for the next item too
            raise self._out_of_memory()
        raise value if isinstance(value, MienError) else WorkerError(str(value))

    def _exchange(self, process: "subprocess.Popen[bytes]", payload: bytes, admit: Admission) -> tuple[str, object]:
        """Send an item, receive its outcome; the clock is stopped while the outcome waits for room."""
        into, out = _pipes(process)
        with self._killed_after(self._time_s, process):
            send(into, [payload])
            size = read_frame_size(out)
        admit(size)
        with self._killed_after(self._time_s, process):
            outcome: tuple[str, object] = receive(out, size)
        return outcome

    def end(self) -> None:
        """Kill the process and clear up; the next run starts another."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()
            for pipe in _pipes(process):
                with suppress(OSError):
                    pipe.close()

    def stop(self) -> None:
        """From any thread: kill the process and start no other; the thread whose worker this is clears up."""
        self._watchdog.close()
        with self._lock:
            self._closed = True
            if self._process:
                self._process.kill()

    def _start(self) -> "subprocess.Popen[bytes]":
        # The child imports what the parent can import; -P keeps files of the working folder from being imported.
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109 - text, as sys.path is
        with self._lock:
            if self._closed:
                raise WorkerError("the pool of workers is closed")
            self._process = process = subprocess.Popen(  # noqa: S603 - our own code
                [sys.executable, "-P", "-c", _CHILD],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # decoders in C print their warnings there
                env={**os.environ, "PYTHONPATH": path},
            )
        into, out = _pipes(process)
        try:
            with self._killed_after(_START_S, process):
                send(into, [self._order])
                _, failure = receive(out, read_frame_size(out))
        except (OSError, EOFError) as err:
            self.end()
            raise WorkerStartError(f"a worker process did not start (exit code {process.returncode})") from err
        if failure:
            self.end()
            raise WorkerStartError(
                f"a worker process cannot load its function: {failure}",
                hint="define it in a module that can be imported",
            )
        return process

    @contextmanager
    def _killed_after(self, seconds: float, process: "subprocess.Popen[bytes]") -> Iterator[None]:
        """Kill the process where the block takes longer.

        Raises:
            TimeoutError: It did.
        """
        began = monotonic()
        self._watchdog.watch(process, seconds)
        try:
            yield
        except (EOFError, OSError) as err:
            if monotonic() - began < seconds:
                raise
            raise TimeoutError from err
        finally:
            self._watchdog.leave()

    def _what_happened(self, process: "subprocess.Popen[bytes]", err: Exception) -> MienError:
        if isinstance(err, TimeoutError):
            return OverdueError(f"it took longer than {self._time_s:g} s and was ended")
        if self._memory_bytes is not None and process.returncode in {-6, -9}:  # abort and kill: how memory ends in C
            return self._out_of_memory()
        return WorkerError(f"its worker process crashed (exit code {process.returncode})")

    def _out_of_memory(self) -> LimitError:
        limit = "there is" if self._memory_bytes is None else f"the {self._memory_bytes / 2**20:,.0f} MiB allowed"
        return LimitError(f"it took more memory than {limit}")


def _outcome(future: "Future[Any]", turns: Turns) -> Any:
    try:
        return future.result()
    except MienError as err:
        return err
    finally:
        turns.passed()


def _serve(worker: _Worker, queue: "SimpleQueue[_Job | None]") -> None:
    """A thread's life: give each job to its worker until None comes."""
    while (job := queue.get()) is not None:
        if not job.future.set_running_or_notify_cancel():
            continue
        try:
            job.future.set_result(worker.run(job.payload, job.admit))
        except BaseException as err:  # noqa: BLE001 - whatever it is belongs to who waits for the future
            job.future.set_exception(err)
        del job  # a payload may be large
    worker.end()


def _stop(queue: "SimpleQueue[_Job | None]", workers: list[_Worker], open_turns: set[Turns]) -> None:
    for turns in tuple(open_turns):
        turns.close()
    while not queue.empty():
        if job := queue.get():
            job.future.cancel()
    for worker in workers:
        queue.put(None)
        worker.stop()


def _pipes(process: "subprocess.Popen[bytes]") -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise AssertionError
    return process.stdin, process.stdout
