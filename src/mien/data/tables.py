"""Untrusted tables, read line by line: bytes, lines and numbers are bounded before anything is converted.

Published tables have one row per line, so that an unclosed quote ends with its line. What the columns mean is for the
callers.
"""

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mien.data.archives import BoundedStream, open_bytes
from mien.errors import DatasetFormatError

#: Small enough for the processor's cache, large enough that threads which parse blocks seldom wait for each other.
_BLOCK = 1 << 19
#: Letters of a value that an error message shows.
_SHOWN = 20
#: Numbers may have leading zeros, but not thousands of them.
MOST_DIGITS = 10


@dataclass(frozen=True, slots=True)
class TableLimits:
    """How large a table may be; each bound is a few times what the published files need.

    Attributes:
        max_bytes: Of the file, once unpacked.
        max_line_bytes: Of one line.
        max_lines: Of the file, blank ones too.
    """

    max_bytes: int
    max_line_bytes: int
    max_lines: int


#: Lists of images with their labels; AffectNet's has 420,299 rows with 68 landmarks each.
LIST_LIMITS = TableLimits(max_bytes=1 << 30, max_line_bytes=1 << 16, max_lines=2_000_000)


def read_blocks(
    stream: BoundedStream, digest: "hashlib._Hash", path: Path, limits: TableLimits
) -> Iterator[tuple[bytes, int]]:
    """Blocks of whole lines without a byte-order mark, each with the number of its first line, from 1.

    Args:
        stream: The opened table.
        digest: Takes every byte in.
        path: For messages.
        limits: Bounds on the table; a block may still hold a line beyond them that is shorter than the block.

    Raises:
        DatasetFormatError: More lines, or a longer one, than ``limits`` allow; or the archive is damaged.
    """
    rest, line = b"", 1
    while block := stream.read(_BLOCK):
        digest.update(block)
        block = rest + block
        if line == 1:
            block = block.removeprefix(b"\xef\xbb\xbf")
        cut = block.rfind(b"\n") + 1
        rest = block[cut:]
        if len(rest) > limits.max_line_bytes:
            raise too_long(path, line + block.count(b"\n"), limits)
        if cut:
            yield block[:cut], line
            line += block.count(b"\n")
        if line > limits.max_lines:
            raise DatasetFormatError(
                f"{path}: more than {limits.max_lines:,} lines", hint="the published file has fewer; see DATASETS.md"
            )
    if rest:
        yield rest, line


def read_rows(
    path: Path, limits: TableLimits, digest: "hashlib._Hash | None" = None, *, delimiter: str = ","
) -> Iterator[tuple[int, list[str]]]:
    """Rows of a CSV file, each with the number of its line; blank lines are left out.

    Args:
        path: The file, plain or in an archive.
        limits: Bounds on the file.
        digest: Takes every byte in.
        delimiter: Between fields.

    Raises:
        DatasetNotFoundError: There is no such file.
        DatasetFormatError: A bound is passed, a line is not UTF-8, or a quote is not closed on its line.
    """
    for number, text in read_lines(path, limits, digest):
        yield number, fields_of(path, number, text, delimiter=delimiter)


def fields_of(path: Path, number: int, text: str, *, delimiter: str = ",") -> list[str]:
    """The fields of one line of a CSV file.

    Raises:
        DatasetFormatError: A quote is not closed, or the line contains a carriage return.
    """
    try:
        return next(csv.reader([text], strict=True, delimiter=delimiter))
    except csv.Error as err:
        raise DatasetFormatError(
            f"{path}:{number}: {str(err).split(' - ', maxsplit=1)[0]} in {shown(text)}",
            hint="a quote is missing, or one too many",
        ) from err


def read_lines(path: Path, limits: TableLimits, digest: "hashlib._Hash | None" = None) -> Iterator[tuple[int, str]]:
    """Lines of a text file without their ends, each with its number; blank ones are left out.

    Raises:
        DatasetNotFoundError: There is no such file.
        DatasetFormatError: A bound is passed, or a line is not UTF-8.
    """
    with open_bytes(path, max_bytes=limits.max_bytes) as stream:
        for block, first in read_blocks(stream, digest or hashlib.sha256(), path, limits):
            for number, line in enumerate(block.split(b"\n"), first):
                if len(line) > limits.max_line_bytes:
                    raise too_long(path, number, limits)
                try:
                    text = line.decode("utf-8").rstrip("\r")
                except UnicodeDecodeError as err:
                    raise DatasetFormatError(
                        f"{path}:{number}: not a text file ({err.reason})", hint="expected UTF-8"
                    ) from err
                if text.strip():
                    yield number, text


def whole_number(text: str, most: int) -> int | None:
    """The value of ``text`` if it consists of ASCII digits and is at most ``most``; otherwise None.

    ``int`` alone accepts signs, underscores and digits of other scripts, and raises ValueError beyond 4,300 digits.
    """
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        return None
    number = int(text)
    return number if number <= most else None


def shown(value: str | bytes) -> str:
    """A value as messages quote it: escapes for what cannot be printed, cut to 20 letters."""
    text = value[: 4 * _SHOWN].decode("utf-8", "replace") if isinstance(value, bytes) else value
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}…"


def too_long(path: Path, line: int, limits: TableLimits) -> DatasetFormatError:
    """The error for a line beyond ``limits``."""
    return DatasetFormatError(
        f"{path}:{line}: more than {limits.max_line_bytes:,} bytes without a line end",
        hint="the published file has shorter lines; lines end with LF or CRLF",
    )
