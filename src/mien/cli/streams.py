"""Standard output and error of every command: UTF-8, and a clear error where they cannot be written."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, TextIO

from mien.errors import StorageError
from mien.text import printable

#: Exit code when the reader of a pipe has gone: 128 and the number of SIGPIPE, as a shell reports it.
_BROKEN_PIPE = 141
#: Error numbers of a pipe without a reader; Windows reports EINVAL.
_READER_GONE = {errno.EPIPE} | ({errno.EINVAL} if os.name == "nt" else set())


def warn(text: str) -> None:
    """A line of the command on standard error; text of files and devices is escaped."""
    print(f"mien: {printable(text)}", file=sys.stderr)


def print_line(text: str) -> None:
    """A line of a result on standard output; text of files, such as a manifest's, is escaped."""
    print(printable(text))


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Write UTF-8 whatever the locale; what cannot be encoded becomes an escape.

    Streams that a test or a host program has put in place of the process's own are left unchanged.

    Raises:
        StorageError: Standard output is full or closed.
        SystemExit: The reader of a pipe has gone, which is not an error.
    """
    # Otherwise Windows encodes pipes in the ANSI code page, and other systems in the encoding of the locale.
    if sys.stdout is sys.__stdout__:
        sys.stdout = _Output(_raw(sys.stdout, 1), line_buffering=_is_terminal(sys.stdout))
    if sys.stderr is sys.__stderr__:
        sys.stderr = _Errors(_raw(sys.stderr, 2), line_buffering=True)
    try:
        yield
    finally:
        if isinstance(sys.stdout, _Output):
            sys.stdout.flush()  # errors of buffered text appear here, not while Python shuts down


def _raw(stream: TextIO | None, number: int) -> BinaryIO:
    """The binary stream below a text stream; for a closed one, a file that cannot be written."""
    if stream is not None:
        stream.flush()
        return stream.buffer
    with suppress(OSError):
        os.fstat(number)
        return open(number, "wb", closefd=False)
    # Occupy the number, or the next file to be opened would get it, and with it what other code prints.
    nothing = os.open(os.devnull, os.O_RDONLY)
    if nothing != number:
        os.dup2(nothing, number)
    return open(number, "wb", closefd=False)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


class _Guarded(io.TextIOWrapper):
    """UTF-8 text whose system errors are passed to :meth:`failed`."""

    def __init__(self, raw: BinaryIO, *, line_buffering: bool) -> None:
        # backslashreplace: a file name that is not valid UTF-8 arrives as surrogates, which UTF-8 cannot encode
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
        """Discard what is buffered, which would fail again when Python exits, and report the error."""
        with suppress(OSError):
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self.fileno())  # what is buffered now goes nowhere, without an error
            os.close(nothing)
        self.report(err)

    def report(self, err: OSError) -> None:
        """Report that the stream cannot be written; here, do nothing."""


class _Output(_Guarded):
    """Standard output: an error ends the command."""

    def report(self, err: OSError) -> None:
        if err.errno in _READER_GONE:
            raise SystemExit(_BROKEN_PIPE) from None  # `mien … | head` is no failure and prints no message
        raise StorageError(f"cannot write standard output: {err.strerror}") from None


class _Errors(_Guarded):
    """Standard error: messages that cannot be written do not end the command."""
