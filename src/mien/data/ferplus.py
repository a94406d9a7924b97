"""FER+'s votes: ``fer2013new.csv`` and the three ``label_*.csv`` of its authors.

It does not know pixels, nor what protocols make of the votes.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mien.data.pixel_blocks import USAGES
from mien.data.tables import TableLimits, read_rows, shown, whole_number
from mien.errors import DatasetFormatError, DatasetNotFoundError
from mien.expressions import FERPLUS_LABELS

#: Columns of a vote array: the eight expressions, then "unknown" and "not a face".
VOTE_COLUMNS = (*(str(label) for label in FERPLUS_LABELS), "unknown", "NF")
LABEL_FILES = ("label_train.csv", "label_valid.csv", "label_test.csv")
#: The published files have at most 1.9 MB, 35,888 lines, and lines of fewer than 60 bytes.
LIMITS = TableLimits(max_bytes=1 << 25, max_line_bytes=1 << 13, max_lines=200_000)
#: Ten taggers judged each image; other panels may be larger, but a count is kept in a byte.
#: Votes are stored as uint8.
MOST_VOTES = 255
_MOST_IMAGES = 9_999_999  # names have seven digits
_NO_NAME = -1


@dataclass(frozen=True, slots=True, eq=False)
class FerPlusVotes:
    """The votes of a file, in its order.

    Attributes:
        votes: uint8 (N, 10), columns as in :data:`VOTE_COLUMNS`.
        splits: uint8 (N,), index into the splits.
        numbers: int64 (N,), the number in the image's name (``fer0000012.png`` is 12); -1 where it has no name.
        sha256: Of the bytes read.
    """

    votes: npt.NDArray[np.uint8]
    splits: npt.NDArray[np.uint8]
    numbers: npt.NDArray[np.int64]
    sha256: str


def read_ferplus(path: Path) -> FerPlusVotes:
    """Read ``fer2013new.csv``: a header, then Usage, image name and ten counts, columns in any order.

    Raises:
        DatasetNotFoundError: There is no such file.
        DatasetFormatError: A row or the header is not as the format says; file and row are named.
    """
    digest = hashlib.sha256()
    rows = read_rows(path, LIMITS, digest)
    _, header = next(rows, (1, []))
    if not header:
        raise DatasetFormatError(f"{path}: empty file", hint="expected FER+'s fer2013new.csv")
    columns = _columns(path, header)
    votes, splits, numbers = [], [], []
    for line, fields in rows:
        if len(fields) < len(header):
            raise _fault(path, line, f"expected {len(header)} fields, found {len(fields)}")
        usage, name, *counts = (fields[column] for column in columns)
        if usage.strip() not in USAGES:
            raise _fault(path, line, f"Usage is {shown(usage)}, expected one of {', '.join(USAGES)}")
        splits.append(USAGES.index(usage.strip()))
        numbers.append(_number_of_name(path, line, name))
        votes.append(_counts(path, line, counts))
    if not votes:
        raise DatasetFormatError(f"{path}: no rows below the header", hint="expected FER+'s fer2013new.csv")
    return _together(votes, numbers, np.array(splits, np.uint8), digest.hexdigest())


def read_label_folder(folder: Path) -> FerPlusVotes:
    """Read ``label_train.csv``, ``label_valid.csv`` and ``label_test.csv``.

    They have no header; a line has name, box and ten counts.

    Raises:
        DatasetNotFoundError: One of the three is missing.
        DatasetFormatError: A row is not as the format says; file and row are named.
    """
    missing = [name for name in LABEL_FILES if not (folder / name).exists()]
    if missing:
        raise DatasetNotFoundError(
            f"{folder}: {', '.join(missing)} not found", hint=f"expected {', '.join(LABEL_FILES)}, see DATASETS.md"
        )
    return join_splits([read_label_file(folder / name, split) for split, name in enumerate(LABEL_FILES)])


def join_splits(parts: list[FerPlusVotes]) -> FerPlusVotes:
    """The votes of several files as one."""
    return FerPlusVotes(
        votes=np.concatenate([part.votes for part in parts]),
        splits=np.concatenate([part.splits for part in parts]),
        numbers=np.concatenate([part.numbers for part in parts]),
        sha256=hashlib.sha256("".join(part.sha256 for part in parts).encode()).hexdigest(),
    )


def read_label_file(path: Path, split: int) -> FerPlusVotes:
    """Read one ``label_*.csv``; every row belongs to ``split``."""
    digest = hashlib.sha256()
    votes, numbers = [], []
    expected = 2 + len(VOTE_COLUMNS)
    for line, fields in read_rows(path, LIMITS, digest):
        if len(fields) != expected:
            raise _fault(path, line, f"expected {expected} fields (name, box, ten votes), found {len(fields)}")
        numbers.append(_number_of_name(path, line, fields[0]))
        votes.append(_counts(path, line, fields[2:]))
    if not votes:
        raise DatasetFormatError(f"{path}: empty file", hint="expected FER+'s label files")
    return _together(votes, numbers, np.full(len(votes), split, np.uint8), digest.hexdigest())


def rows_of_numbers(votes: FerPlusVotes) -> dict[int, int]:
    """Row of ``fer2013new.csv`` for each image number.

    Names count only the rows that are faces, so that a row is never below its number. Four names occur twice in the
    published file; the nearer row is the right one, the other holds a copy of the image.
    """
    rows: dict[int, int] = {}
    for row, number in enumerate(votes.numbers.tolist()):
        if number >= 0 and (number not in rows or rows[number] < number):
            rows[number] = row
    return rows


def _together(votes: list[bytes], numbers: list[int], splits: npt.NDArray[np.uint8], sha256: str) -> FerPlusVotes:
    table = np.frombuffer(b"".join(votes), np.uint8).reshape(len(votes), -1)  # (N, 10)
    return FerPlusVotes(table, splits, np.array(numbers, np.int64), sha256)


def _columns(path: Path, header: list[str]) -> list[int]:
    """Positions of Usage, image name and the ten counts, in this order; upper and lower case are equal."""
    names = [name.strip().lower() for name in header]
    wanted = ("Usage", "Image name", *VOTE_COLUMNS)
    missing = [name for name in wanted if name.lower() not in names]
    if missing:
        raise _fault(path, 1, f"no column {', '.join(missing)} among {', '.join(header)[:120]!r}")
    return [names.index(name.lower()) for name in wanted]


def _number_of_name(path: Path, line: int, name: str) -> int:
    """``fer0000012.png`` is 12; rows that FER+ dropped have no name."""
    if not name.strip():
        return _NO_NAME
    number = whole_number(name.strip().removesuffix(".png").removeprefix("fer"), _MOST_IMAGES)
    if number is None:
        raise _fault(path, line, f"image name is {shown(name)}, expected one like fer0000012.png")
    return number


def _counts(path: Path, line: int, texts: list[str]) -> bytes:
    """Ten counts of votes, one byte each."""
    counts = [whole_number(text, MOST_VOTES) for text in texts]
    for column, text, count in zip(VOTE_COLUMNS, texts, counts, strict=True):
        if count is None:
            raise _fault(path, line, f"{column} is {shown(text)}, expected a count of votes (0 to 10)")
    return bytes(count for count in counts if count is not None)  # none is None; the type checker cannot see it


def _fault(path: Path, line: int, text: str) -> DatasetFormatError:
    return DatasetFormatError(f"{path}:{line}: {text}", hint="compare with the file of FER+, see DATASETS.md")
