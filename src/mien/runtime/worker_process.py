"""The other side of :mod:`mien.runtime.workers`: a process that reads items, runs a function and writes its results.

    parent → child   order, item, item, …          child → parent   loaded, outcome, outcome, …

A frame is a pickle and the buffers that it refers to (pickle protocol 5), so that a decoded picture is written from
its own memory and read into that of its copy. In bytes: size of all that follows, number of parts, their sizes, parts.
"""

import os
import pickle
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO, Any, NamedTuple

from mien.errors import MienError

_SIZE_BYTES = 8


class Order(NamedTuple):
    """What a worker receives at its start: the function and its limits."""

    function: Callable[[Any], Any]
    time_s: float
    memory_bytes: int | None


#: The bytes of a frame's parts: the pickle, then buffers.
Parts = Sequence[bytes | memoryview]


def pickled(value: object) -> Parts:
    """The parts of a frame: large arrays of ``value`` are not copied."""
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL, buffer_callback=buffers.append)
    return [head, *(buffer.raw() for buffer in buffers)]


def send(pipe: IO[bytes], parts: Parts) -> None:
    """Write one frame."""
    sizes = [memoryview(part).nbytes for part in parts]
    index = [len(parts), *sizes]
    for number in (sum(sizes) + _SIZE_BYTES * len(index), *index):
        pipe.write(number.to_bytes(_SIZE_BYTES, "little"))
    for part in parts:
        pipe.write(part)
    pipe.flush()


def read_frame_size(pipe: IO[bytes]) -> int:
    """The size of the next frame.

    Raises:
        EOFError: The other side is gone.
    """
    return _number(pipe)


def receive(pipe: IO[bytes], size: int) -> Any:
    """The content of a frame of ``size`` bytes; both sides of the pipe are this program.

    Raises:
        EOFError: The other side is gone.
    """
    count = _number(pipe)
    if _SIZE_BYTES * (count + 1) > size:
        raise EOFError
    parts = [bytearray(_number(pipe)) for _ in range(count)]
    for part in parts:
        if pipe.readinto(part) < len(part):  # type: ignore[attr-defined]  # a buffered reader
            raise EOFError
    head, *buffers = parts
    return pickle.loads(head, buffers=buffers)  # noqa: S301 - from our own process


def _number(pipe: IO[bytes]) -> int:
    head = pipe.read(_SIZE_BYTES)
    if len(head) < _SIZE_BYTES:
        raise EOFError
    return int.from_bytes(head, "little")


def main() -> None:
    """Serve the parent until it closes its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the parent, which then ends this process
    into = os.fdopen(os.dup(0), "rb")
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what C libraries print must not get between the frames
    try:
        order: Order = receive(into, read_frame_size(into))
    except Exception as err:  # noqa: BLE001 - reported to the parent, whatever it is
        send(out, pickled(("loaded", f"{type(err).__name__}: {err}")))
        return
    send(out, pickled(("loaded", "")))
    _limit_memory(order.memory_bytes)
    with suppress(EOFError, BrokenPipeError):
        while True:
            size = read_frame_size(into)
            _end_after(order.time_s + 5)
            outcome = _outcome(order.function, receive(into, size))
            _end_after(0)
            send(out, outcome)
            del outcome  # a picture would be held while the next one is decoded


def _outcome(function: Callable[[Any], Any], item: Any) -> Parts:
    """The pickled pair of what came (result, error, memory) and its value."""
    try:
        return pickled(("result", function(item)))
    except MemoryError:
        return pickled(("memory", None))
    except MienError as err:
        return pickled(("error", err))
    except Exception as err:  # noqa: BLE001 - a bad item must not end the worker
        return pickled(("error", f"{type(err).__name__}: {err}"))


def _limit_memory(extra_bytes: int | None) -> None:
    """Let this process grow by so much from now on; Linux keeps to it."""
    if extra_bytes is None or sys.platform != "linux":
        return
    import resource  # noqa: PLC0415 - Windows has none

    with open("/proc/self/statm", encoding="ascii") as stream:  # noqa: PTH123 - before anything heavy is imported
        now = int(stream.read().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + extra_bytes, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _end_after(seconds: float) -> None:
    """Have the system end this process, should the parent have died while an item hangs; 0 takes it back."""
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
