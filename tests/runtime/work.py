"""What workers are given to do in the tests: sound work, and each way to go wrong."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from mien.errors import ImageDecodeError


def doubled(number: int) -> int:
    return 2 * number


def after(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def process_id(_: object) -> int:
    return os.getpid()


def gray(side: int) -> np.ndarray:
    return np.full((side, side), 7, np.uint8)


def taken(mebibytes: int) -> int:
    return len(bytearray(mebibytes * 2**20))


def noisy(number: int) -> int:
    """Prints where the frames go."""
    os.write(1, b"warning of a decoder\n")
    sys.stdout.write("more of it\n")
    sys.stdout.flush()
    return number


def told_in_a_file(path: str) -> None:
    with Path(path).open("a") as stream:
        stream.write("begun\n")


def misbehaving(how: object) -> object:
    """By name: a hang in Python, crashes in C, exits, errors; else the item itself."""
    if how == "hang":
        while True:
            pass
    elif how == "hang deaf":
        signal.pthread_sigmask(signal.SIG_BLOCK, [s for s in signal.Signals if s != signal.SIGKILL])
        time.sleep(600)
    elif how == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif how == "exit":
        os._exit(3)
    elif how == "recursion":
        return misbehaving(how)
    elif how == "unpicklable":
        return lambda: None
    elif how == "ours":
        raise ImageDecodeError("bad picture", hint="take another")
    elif how == "theirs":
        raise ZeroDivisionError("0/0 in a date")
    return how
