"""FER2013's pixels: the challenge's ``fer2013.csv`` (emotion, pixels, Usage), plain or in an archive.

It does not know votes. The file holds 82 million numbers; they are parsed by arithmetic on whole blocks of bytes.
"""

import csv
import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mien.data.archives import open_bytes, read_blocks
from mien.errors import DatasetFormatError

SIDE = 48
PIXELS = SIDE * SIDE
#: FER2013's names of the splits, in the order of :data:`mien.data.protocols.SPLITS`.
USAGES = ("Training", "PublicTest", "PrivateTest")
UNKNOWN_EMOTION = 255
_NEWLINE, _SPACE, _COMMA, _ZERO = b"\n ,0"
_PUBLISHED = {"emotion": 0, "pixels": 1, "usage": 2}
_SPLITS = {usage.encode(): split for split, usage in enumerate(USAGES)}
#: Threads that parse; numpy works outside the interpreter's lock.
_WORKERS = 2
#: Pixels (n, 2304), splits (n,), emotions (n,).
_Part = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.uint8]]


@dataclass(frozen=True, slots=True, eq=False)
class Fer2013:
    """Every row of the file, in its order.

    Attributes:
        images: uint8 (N, 48, 48, 1).
        splits: uint8 (N,), index into the splits.
        emotions: uint8 (N,), 0 angry, 1 disgust, 2 fear, 3 happy, 4 sad, 5 surprise, 6 neutral, 255 unknown.
        sha256: Of the file as it lies on disk once unpacked.
    """

    images: npt.NDArray[np.uint8]
    splits: npt.NDArray[np.uint8]
    emotions: npt.NDArray[np.uint8]
    sha256: str


def read_fer2013(path: Path) -> Fer2013:
    """Read ``fer2013.csv``; byte-order mark, CRLF, quotes and any order of columns are understood.

    Raises:
        DatasetNotFoundError: There is no such file.
        DatasetFormatError: A row or the header is not as the format says; file and row are named.
    """
    digest = hashlib.sha256()
    with open_bytes(path) as stream, ThreadPoolExecutor(_WORKERS) as pool:
        blocks = read_blocks(stream, digest)
        header, _, first = next(blocks, b"").partition(b"\n")
        columns = _columns(path, header) if header.strip() else {}
        parts = list(
            _in_order(pool, _numbered(first, blocks), lambda block, line: _parse_block(path, block, line, columns))
        )
    if not any(len(images) for images, _, _ in parts):
        raise DatasetFormatError(f"{path}: no rows", hint="expected emotion,pixels,Usage and 35,887 rows")
    images, splits, emotions = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Fer2013(images.reshape(-1, SIDE, SIDE, 1), splits, emotions, digest.hexdigest())


def _numbered(first: bytes, blocks: Iterator[bytes]) -> Iterator[tuple[bytes, int]]:
    """Each block with the number of its first line; the header was line 1."""
    line = 2
    for block in chain([first], blocks):
        yield block, line
        line += block.count(b"\n")


def _in_order(
    pool: ThreadPoolExecutor, tasks: Iterator[tuple[bytes, int]], work: Callable[[bytes, int], _Part]
) -> Iterator[_Part]:
    """Results of ``work`` in the order of ``tasks``; a few run ahead, so that memory stays small."""
    waiting: deque[Future[_Part]] = deque()
    for task in tasks:
        waiting.append(pool.submit(work, *task))
        if len(waiting) > 2 * _WORKERS:
            yield waiting.popleft().result()
    yield from (future.result() for future in waiting)


def _parse_block(path: Path, block: bytes, line: int, columns: dict[str, int]) -> _Part:
    """Pixels (n, 2304), splits (n,) and emotions (n,) of the rows of a block, which starts at ``line``."""
    fast = _parse_published(block) if columns == _PUBLISHED else None
    return _parse_rows(path, block, line, columns) if fast is None else fast


def _parse_published(block: bytes) -> _Part | None:
    """The rows of a block in exactly the published layout, by arithmetic on its bytes; None for anything else.

    Of each number the last digit counts once, the one before it ten times, the one before that a hundred times.
    """
    codes = np.frombuffer(block, np.uint8)
    ends, commas = np.flatnonzero(codes == _NEWLINE), np.flatnonzero(codes == _COMMA)
    if not block.endswith(b"\n") or len(commas) != 2 * len(ends):
        return None
    starts, first, second = np.concatenate(([0], ends[:-1] + 1)), commas[::2], commas[1::2]
    splits = [_SPLITS.get(block[at + 1 : end], -1) for at, end in zip(second.tolist(), ends.tolist(), strict=True)]
    digits = codes - np.uint8(_ZERO)
    is_digit = digits < 10
    emotions = digits[starts]
    is_digit[starts] = False
    # beside digits and spaces: each row's emotion, two commas, usage and line end
    others = len(codes) - np.count_nonzero(is_digit) - np.count_nonzero(codes == _SPACE)
    if min(splits) < 0 or emotions.max() > 6 or (first != starts + 1).any() or others != (ends - second + 3).sum():
        return None
    digits *= is_digit
    last, pairs = is_digit[:-1] > is_digit[1:], is_digit[:-2] & is_digit[1:-1]
    hundreds = digits[:-3] * pairs[1:]
    values = digits[:-1].copy()
    values[1:] += digits[:-2] * np.uint8(10)
    # what a byte cannot hold: three hundreds, two hundreds and more than 55, a fourth digit
    too_large = ((hundreds > 2) | ((hundreds == 2) & (values[2:] > 55))) & last[2:]
    if too_large.any() or (pairs[:-2] & pairs[2:]).any():
        return None
    values[2:] += hundreds * np.uint8(100)
    at = np.flatnonzero(last)
    if len(at) != PIXELS * len(ends):
        return None
    rows = at.reshape(-1, PIXELS)
    if (rows[:, 0] < first).any() or (rows[:, -1] > second).any():
        return None
    return values[rows], np.array(splits, np.uint8), emotions


def _parse_rows(path: Path, block: bytes, line: int, columns: dict[str, int]) -> _Part:
    """The rows of a block in any layout, one by one; the first fault is named with its line."""
    parts = []
    for number, text in enumerate(block.splitlines(), line):
        if text.strip():
            pixels, usage, emotion = _fields(path, number, text, columns)
            parts.append((_pixels(path, number, pixels), _split(path, number, usage), _emotion(path, number, emotion)))
    pixel_rows, splits, emotions = zip(*parts, strict=True) if parts else ((), (), ())
    return np.array(pixel_rows, np.uint8).reshape(-1, PIXELS), np.array(splits, np.uint8), np.array(emotions, np.uint8)


def _pixels(path: Path, line: int, text: bytes) -> list[int]:
    words = text.split()
    if len(words) != PIXELS:
        raise _fault(path, line, f"expected {PIXELS} pixels (48×48), found {len(words)}")
    for position, word in enumerate(words):
        if not word.isdigit() or int(word) > 255:
            shown = word[:20].decode("utf-8", "replace")
            raise _fault(path, line, f"pixel {position} is {shown!r}, expected a whole number from 0 to 255")
    return [int(word) for word in words]


def _columns(path: Path, header: bytes) -> dict[str, int]:
    names = [name.strip().strip('"').lower() for name in header.decode("utf-8", "replace").split(",")]
    missing = [name for name in ("pixels", "usage") if name not in names]
    if missing:
        raise _fault(path, 1, f"no column {', '.join(missing)} among {', '.join(names)[:80]}")
    return {name: names.index(name) for name in ("pixels", "usage", "emotion") if name in names}


def _fields(path: Path, line: int, text: bytes, columns: dict[str, int]) -> tuple[bytes, bytes, bytes]:
    parts = text.split(b",")
    if len(parts) <= max(columns.values()):
        parts = [part.encode() for part in next(csv.reader([text.decode("utf-8", "replace")]))]
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
        raise _fault(path, line, f"Usage is {name!r}, expected one of {', '.join(USAGES)}")
    return USAGES.index(name)


def _emotion(path: Path, line: int, emotion: bytes) -> int:
    if not emotion:
        return UNKNOWN_EMOTION
    if emotion not in (b"0", b"1", b"2", b"3", b"4", b"5", b"6"):
        raise _fault(path, line, f"emotion is {emotion.decode('utf-8', 'replace')!r}, expected 0 to 6")
    return int(emotion)


def _fault(path: Path, line: int, text: str) -> DatasetFormatError:
    return DatasetFormatError(f"{path}:{line}: {text}", hint="compare with the file of the challenge, see DATASETS.md")
