"""Memory that was freed and not given back: what makes a long video look larger than a short one.

It does not know who used the memory.
"""

import ctypes
import sys


def give_back_freed_memory() -> None:
    """Ask the C library to return what it keeps of freed pictures; does nothing where that library is not glibc.

    Threads that pass pictures on scatter what they free, and glibc keeps the pieces: 50 MB after an hour of drawing.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)
