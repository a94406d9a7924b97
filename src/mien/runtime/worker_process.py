"""The other side of :mod:`mien.runtime.workers`: a process that reads items, runs a function and writes its results.

    parent → child   order, item, item, …          child → parent   loaded, outcome, outcome, …

Each frame is its size in eight bytes and a pickle.
"""

import os
import pickle
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from typing import IO, Any, NamedTuple

from mien.errors import MienError

_SIZE_BYTES = 8


class Order(NamedTuple):
    """What a worker receives at its start: the function and its limits."""

    function: Callable[[Any], Any]
    time_s: float
    memory_bytes: int | None


def send(pipe: IO[bytes], payload: bytes) -> None:
    """Write one frame."""
    pipe.write(len(payload).to_bytes(_SIZE_BYTES, "little"))
    pipe.write(payload)
    pipe.flush()


def read_frame_size(pipe: IO[bytes]) -> int:
    """The size of the next frame.

    Raises:
        EOFError: The other side is gone.
    """
    head = pipe.read(_SIZE_BYTES)
    if len(head) < _SIZE_BYTES:
        raise EOFError
    return int.from_bytes(head, "little")


def receive(pipe: IO[bytes], size: int) -> Any:
    """The content of a frame of ``size`` bytes; both sides of the pipe are this program.

    Raises:
        EOFError: The other side is gone.
    """
    payload = pipe.read(size)
    if len(payload) < size:
        raise EOFError
    return pickle.load(BytesIO(payload))  # noqa: S301 - from our own process


def main() -> None:
    """Serve the parent until it closes its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the parent, which then ends this process
    into = os.fdopen(os.dup(0), "rb")
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what C libraries print must not get between the frames
    try:
        order: Order = receive(into, read_frame_size(into))
    except Exception as err:  # noqa: BLE001 - reported to the parent, whatever it is
        send(out, pickle.dumps(("loaded", f"{type(err).__name__}: {err}")))
        return
    send(out, pickle.dumps(("loaded", "")))
    _limit_memory(order.memory_bytes)
    with suppress(EOFError, BrokenPipeError):
        while True:
            size = read_frame_size(into)
            _end_after(order.time_s + 5)
            outcome = _outcome(order.function, receive(into, size))
            _end_after(0)
            send(out, outcome)


def _outcome(function: Callable[[Any], Any], item: Any) -> bytes:
    """The pickled pair of what came (result, error, memory) and its value."""
    try:
        return pickle.dumps(("result", function(item)), protocol=pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        return pickle.dumps(("memory", None))
    except MienError as err:
        return pickle.dumps(("error", err))
    except Exception as err:  # noqa: BLE001 - a bad item must not end the worker
        return pickle.dumps(("error", f"{type(err).__name__}: {err}"))


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
