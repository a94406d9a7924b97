"""FER2013's pixels: the challenge's ``fer2013.csv`` (emotion, pixels, Usage), plain or in an archive.

It does not know votes. The file holds 82 million numbers; they are parsed by arithmetic on whole blocks of bytes.
"""

import csv
import hashlib
from dataclasses import dataclass
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
_SPACE, _ZERO, _NINE = 32, 48, 57


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
    images, splits, emotions = [], [], []
    columns: dict[str, int] | None = None
    line = 1
    with open_bytes(path) as stream:
        for block in read_blocks(stream, digest):
            lines = block.splitlines()
            if columns is None:
                columns = _columns(path, lines.pop(0))
                line += 1
            at = [number for number, text in enumerate(lines, line) if text.strip()]
            fields = [_fields(path, number, lines[number - line], columns) for number in at]
            if fields:
                images.append(parse_pixels([f[0] for f in fields], path=path, lines=at))
                splits += [_split(path, number, f[1]) for number, f in zip(at, fields, strict=True)]
                emotions += [_emotion(path, number, f[2]) for number, f in zip(at, fields, strict=True)]
            line += len(lines)
    if not images:
        raise DatasetFormatError(f"{path}: no rows", hint="expected emotion,pixels,Usage and 35,887 rows")
    return Fer2013(
        images=np.concatenate(images).reshape(-1, SIDE, SIDE, 1),
        splits=np.array(splits, np.uint8),
        emotions=np.array(emotions, np.uint8),
        sha256=digest.hexdigest(),
    )


def parse_pixels(texts: list[bytes], *, path: Path, lines: list[int]) -> npt.NDArray[np.uint8]:
    """Parse strings of 2,304 numbers in 0 to 255 each to uint8 (N, 2304); ``path`` and ``lines`` name places in errors.

    Raises:
        DatasetFormatError: A string has another count, a larger number, or something that is no number.
    """
    codes = np.frombuffer(b" ".join(texts) + b" ", np.uint8)
    digit = codes - np.uint8(_ZERO)
    is_digit = digit < 10
    ends = is_digit[:-1] & ~is_digit[1:]
    value = digit[:-1].astype(np.uint16)
    second = is_digit[:-2] & is_digit[1:-1]
    third = second[1:] & is_digit[:-3]
    value[1:] += np.uint16(10) * digit[:-2] * second
    value[2:] += np.uint16(100) * digit[:-3] * third
    numbers = value[ends]
    clean = bool((is_digit | (codes == _SPACE)).all()) and not bool((third[1:] & is_digit[:-4]).any())
    if not clean or len(numbers) != PIXELS * len(texts) or numbers.max() > 255:
        raise _first_fault(texts, path, lines)
    if (np.add.reduceat(ends, _starts(texts), dtype=np.int64) != PIXELS).any():
        raise _first_fault(texts, path, lines)
    return numbers.astype(np.uint8).reshape(len(texts), PIXELS)


def _starts(texts: list[bytes]) -> npt.NDArray[np.int64]:
    lengths = np.array([len(text) + 1 for text in texts])
    return np.concatenate(([0], np.cumsum(lengths)[:-1]))


def _first_fault(texts: list[bytes], path: Path, lines: list[int]) -> DatasetFormatError:
    """Find by the slow way what the fast one refused."""
    for line, text in zip(lines, texts, strict=True):
        numbers = text.split()
        if len(numbers) != PIXELS:
            return _fault(path, line, f"expected {PIXELS} pixels (48×48), found {len(numbers)}")
        for position, number in enumerate(numbers):
            if not number.isdigit() or int(number) > 255:
                shown = number[:20].decode("utf-8", "replace")
                return _fault(path, line, f"pixel {position} is {shown!r}, expected a whole number from 0 to 255")
    return _fault(path, lines[0], "pixels are separated by something else than single spaces")


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
