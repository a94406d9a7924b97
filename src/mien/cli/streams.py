"""Standard output and error as every command has them: UTF-8, and an end in words where they cannot be written.

It does not know what is written.
"""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, TextIO

from mien.errors import StorageError

#: Exit code of a command whose reader went away, as of programs that SIGPIPE ends (128 and its number).
_BROKEN_PIPE = 141
#: A pipe whose reader is gone; Windows says EINVAL.
_READER_GONE = {errno.EPIPE} | ({errno.EINVAL} if os.name == "nt" else set())


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Write UTF-8 whatever the locale says; what cannot be encoded becomes an escape.

    The streams of a test or a host program (anything but the process's own) are left as they are.

    Raises:
        StorageError: Standard output is full or closed.
        SystemExit: The reader of a pipe went away, which is no error.
    """
    if sys.stdout is sys.__stdout__:
        sys.stdout = _Output(_raw(sys.stdout, 1), line_buffering=_is_terminal(sys.stdout))
    if sys.stderr is sys.__stderr__:
        sys.stderr = _Errors(_raw(sys.stderr, 2), line_buffering=True)
    try:
        yield
    finally:
        if isinstance(sys.stdout, _Output):
            sys.stdout.flush()


def _raw(stream: TextIO | None, number: int) -> BinaryIO:
    """The bytes below a stream; of a closed one a file that cannot be written."""
    if stream is not None:
        stream.flush()
        return stream.buffer
    with suppress(OSError):
        os.fstat(number)
        return open(number, "wb", closefd=False)
    # Take the number, or the next file that is opened would get it and what other code prints.
    nothing = os.open(os.devnull, os.O_RDONLY)
    if nothing != number:
        os.dup2(nothing, number)
    return open(number, "wb", closefd=False)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


class _Guarded(io.TextIOWrapper):
    """UTF-8 text; an error of the system goes to :meth:`failed`."""

    def __init__(self, raw: BinaryIO, *, line_buffering: bool) -> None:
        super().__init__(raw, encoding="utf-8", errors="backslashreplace", line_buffering=line_buffering)

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as err:
            self.failed(err)
        return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as err:
            self.failed(err)

    def failed(self, err: OSError) -> None:
        """What is still held goes nowhere, or it would fail once more when Python ends."""
        with suppress(OSError):
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self.fileno())
            os.close(nothing)
        self.told(err)

    def told(self, err: OSError) -> None:
        """Say that the stream cannot be written, where that matters."""


class _Output(_Guarded):
    def told(self, err: OSError) -> None:
        if err.errno in _READER_GONE:
            raise SystemExit(_BROKEN_PIPE) from None
        raise StorageError(f"cannot write standard output: {err.strerror}") from None


class _Errors(_Guarded):
    """Messages that nobody can read end nothing."""
