"""FER2013's pixels: the challenge's ``fer2013.csv`` (emotion, pixels, Usage), plain or in an archive.

It does not know votes. Blocks of the published layout go through :mod:`mien.data.pixel_blocks`; quotes, CRLF and other
orders of columns are read row by row here, and so is a block with a fault, so that the message names its line.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mien.data.archives import open_bytes
from mien.data.pixel_blocks import PIXELS, SIDE, USAGES, Part, parse_published
from mien.data.tables import MOST_DIGITS, TableLimits, fields_of, read_blocks, shown, too_long, whole_number
from mien.errors import DatasetFormatError

UNKNOWN_EMOTION = 255
#: The published file has 301 MB, 35,888 lines, and lines of at most 9,240 bytes.
LIMITS = TableLimits(max_bytes=1 << 29, max_line_bytes=1 << 16, max_lines=200_000)
_PUBLISHED = {"emotion": 0, "pixels": 1, "usage": 2}
#: Threads that parse; numpy works outside the interpreter's lock.
_WORKERS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Fer2013:
    """Every row of the file, in its order.

    Attributes:
        images: uint8 (N, 48, 48, 1).
        splits: uint8 (N,), index into the splits.
        emotions: uint8 (N,), 0 angry, 1 disgust, 2 fear, 3 happy, 4 sad, 5 surprise, 6 neutral, 255 unknown.
        sha256: Of the unpacked file.
    """

    images: npt.NDArray[np.uint8]
    splits: npt.NDArray[np.uint8]
    emotions: npt.NDArray[np.uint8]
    sha256: str


def read_fer2013(path: Path) -> Fer2013:
    """Read ``fer2013.csv``; byte-order mark, CRLF, quotes and any order of columns are accepted.

    Raises:
        DatasetNotFoundError: There is no such file.
        DatasetFormatError: A row or the header is not as the format says; file and row are named.
    """
    digest = hashlib.sha256()
    with open_bytes(path, max_bytes=LIMITS.max_bytes) as stream, ThreadPoolExecutor(_WORKERS) as pool:
        blocks = read_blocks(stream, digest, path, LIMITS)
        header, _, first = next(blocks, (b"", 1))[0].partition(b"\n")
        columns = _columns(path, header) if header.strip() else {}
        tasks = chain([(first, 2)], blocks)  # the header was line 1
        parts = list(_in_order(pool, tasks, lambda block, line: _parse_block(path, block, line, columns)))
    if not any(len(images) for images, _, _ in parts):
        raise DatasetFormatError(f"{path}: no rows", hint="expected emotion,pixels,Usage and 35,887 rows")
    images, splits, emotions = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Fer2013(images.reshape(-1, SIDE, SIDE, 1), splits, emotions, digest.hexdigest())


def _in_order(
    pool: ThreadPoolExecutor, tasks: Iterator[tuple[bytes, int]], work: Callable[[bytes, int], Part]
) -> Iterator[Part]:
    """Results of ``work`` in the order of ``tasks``; a few run ahead, so that memory stays small."""
    waiting: deque[Future[Part]] = deque()
    for task in tasks:
        waiting.append(pool.submit(work, *task))
        if len(waiting) > 2 * _WORKERS:
            yield waiting.popleft().result()
    yield from (future.result() for future in waiting)


def _parse_block(path: Path, block: bytes, line: int, columns: dict[str, int]) -> Part:
    """Pixels (n, 2304), splits (n,) and emotions (n,) of the rows of a block, which starts at ``line``."""
    fast = parse_published(block) if columns == _PUBLISHED else None
    return _parse_rows(path, block, line, columns) if fast is None else fast


def _parse_rows(path: Path, block: bytes, line: int, columns: dict[str, int]) -> Part:
    """The rows of a block in any layout, one by one; the first fault is named with its line."""
    parts = []
    for number, text in enumerate(block.split(b"\n"), line):
        if text.strip():
            pixels, usage, emotion = _fields(path, number, text, columns)
            parts.append((_pixels(path, number, pixels), _split(path, number, usage), _emotion(path, number, emotion)))
    pixel_rows, splits, emotions = zip(*parts, strict=True) if parts else ((), (), ())
    images = np.frombuffer(b"".join(pixel_rows), np.uint8).reshape(-1, PIXELS)  # (n, 2304)
    return images, np.array(splits, np.uint8), np.array(emotions, np.uint8)


def _pixels(path: Path, line: int, text: bytes) -> bytes:
    """The 2,304 pixels of a row, one byte each."""
    words = text.split()
    if len(words) != PIXELS:
        raise _fault(path, line, f"expected {PIXELS} pixels (48×48), found {len(words)}")
    if b"".join(words).isdigit() and max(map(len, words)) <= MOST_DIGITS:
        with suppress(ValueError):  # bytes() refuses numbers above 255, reported below
            return bytes(map(int, words))
    at = next(at for at, word in enumerate(words) if whole_number(word.decode("latin-1"), 255) is None)
    raise _fault(path, line, f"pixel {at} is {shown(words[at])}, expected a whole number from 0 to 255")


def _columns(path: Path, header: bytes) -> dict[str, int]:
    names = [name.strip().strip('"').lower() for name in header.decode("utf-8", "replace").split(",")]
    missing = [name for name in ("pixels", "usage") if name not in names]
    if missing:
        raise _fault(path, 1, f"no column {', '.join(missing)} among {', '.join(names)[:80]!r}")
    return {name: names.index(name) for name in ("pixels", "usage", "emotion") if name in names}


def _fields(path: Path, line: int, text: bytes, columns: dict[str, int]) -> tuple[bytes, bytes, bytes]:
    """The bytes of pixels, usage and emotion of one line; emotion is empty where there is no such column."""
    if len(text) > LIMITS.max_line_bytes:
        raise too_long(path, line, LIMITS)
    parts = text.rstrip(b"\r").split(b",")
    if len(parts) <= max(columns.values()):  # too few: fields with commas in quotes, or a fault
        parts = [part.encode() for part in fields_of(path, line, text.decode("utf-8", "replace").rstrip("\r"))]
    if len(parts) <= max(columns.values()):
        raise _fault(path, line, f"expected {max(columns.values()) + 1} fields, found {len(parts)}")
    emotion = parts[columns["emotion"]] if "emotion" in columns else b""
    pixels, usage, emotion = (
        part.strip(b'" ') for part in (parts[columns["pixels"]], parts[columns["usage"]], emotion)
    )
    return pixels, usage, emotion


def _split(path: Path, line: int, usage: bytes) -> int:
    name = usage.decode("utf-8", "replace")
    if name not in USAGES:
        raise _fault(path, line, f"Usage is {shown(name)}, expected one of {', '.join(USAGES)}")
    return USAGES.index(name)


def _emotion(path: Path, line: int, emotion: bytes) -> int:
    if not emotion:
        return UNKNOWN_EMOTION
    number = whole_number(emotion.decode("latin-1"), 6)
    if number is None:
        raise _fault(path, line, f"emotion is {shown(emotion)}, expected 0 to 6")
    return number


def _fault(path: Path, line: int, text: str) -> DatasetFormatError:
    return DatasetFormatError(f"{path}:{line}: {text}", hint="compare with the file of the challenge, see DATASETS.md")
