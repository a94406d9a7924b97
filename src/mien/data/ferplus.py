"""FER+'s votes: ``fer2013new.csv`` and the three ``label_*.csv`` of its authors.

It does not know pixels, nor what protocols make of the votes.
"""

import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mien.data.archives import open_bytes
from mien.data.fer2013 import USAGES
from mien.errors import DatasetFormatError, DatasetNotFoundError
from mien.expressions import FERPLUS_LABELS

#: Columns of a vote array: the eight expressions, then "unknown" and "not a face".
VOTE_COLUMNS = (*(str(label) for label in FERPLUS_LABELS), "unknown", "NF")
LABEL_FILES = ("label_train.csv", "label_valid.csv", "label_test.csv")
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
    lines, sha256 = _rows_of(path)
    if not lines:
        raise DatasetFormatError(f"{path}: empty file", hint="expected FER+'s fer2013new.csv")
    names = [name.strip().lower() for name in lines[0]]
    wanted = ("Usage", "Image name", *VOTE_COLUMNS)
    missing = [name for name in wanted if name.lower() not in names]
    if missing:
        raise _fault(path, 1, f"no column {', '.join(missing)} among {', '.join(lines[0])[:120]}")
    usage_at, name_at, *vote_at = (names.index(name.lower()) for name in wanted)
    votes, splits, numbers = [], [], []
    for number, fields in enumerate(lines[1:], 2):
        if not fields:
            continue
        if len(fields) < len(names):
            raise _fault(path, number, f"expected {len(names)} fields, found {len(fields)}")
        if fields[usage_at].strip() not in USAGES:
            raise _fault(path, number, f"Usage is {fields[usage_at]!r}, expected one of {', '.join(USAGES)}")
        splits.append(USAGES.index(fields[usage_at].strip()))
        numbers.append(_number_of_name(path, number, fields[name_at]))
        votes.append(_counts(path, number, [fields[at] for at in vote_at]))
    if not votes:
        raise DatasetFormatError(f"{path}: no rows below the header", hint="expected FER+'s fer2013new.csv")
    return FerPlusVotes(
        np.frombuffer(b"".join(votes), np.uint8).reshape(len(votes), -1),
        np.array(splits, np.uint8),
        np.array(numbers, np.int64),
        sha256,
    )


def read_label_folder(folder: Path) -> FerPlusVotes:
    """Read ``label_train.csv``, ``label_valid.csv`` and ``label_test.csv``: no header, name, box and ten counts a line.

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
    lines, sha256 = _rows_of(path)
    votes, numbers = [], []
    for number, fields in enumerate(lines, 1):
        if not fields:
            continue
        if len(fields) != 2 + len(VOTE_COLUMNS):
            raise _fault(
                path, number, f"expected {2 + len(VOTE_COLUMNS)} fields (name, box, ten votes), found {len(fields)}"
            )
        numbers.append(_number_of_name(path, number, fields[0]))
        votes.append(_counts(path, number, fields[2:]))
    if not votes:
        raise DatasetFormatError(f"{path}: empty file", hint="expected FER+'s label files")
    return FerPlusVotes(
        np.frombuffer(b"".join(votes), np.uint8).reshape(len(votes), -1),
        np.full(len(votes), split, np.uint8),
        np.array(numbers, np.int64),
        sha256,
    )


def rows_of_numbers(votes: FerPlusVotes) -> dict[int, int]:
    """Row of ``fer2013new.csv`` for each image number.

    Names count only the rows that are faces, so a row never lies before its number. Four names stand twice in the
    published file; of their rows the nearest is the right one, the other is a copy of the image elsewhere.
    """
    rows: dict[int, int] = {}
    for row, number in enumerate(votes.numbers.tolist()):
        if number >= 0 and (number not in rows or rows[number] < number):
            rows[number] = row
    return rows


def _rows_of(path: Path) -> tuple[list[list[str]], str]:
    with open_bytes(path) as stream:
        content = stream.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise DatasetFormatError(f"{path}: not a text file ({err})", hint="expected a CSV file of votes") from err
    return list(csv.reader(io.StringIO(text, newline=""))), hashlib.sha256(content).hexdigest()


def _number_of_name(path: Path, number: int, name: str) -> int:
    """``fer0000012.png`` is 12; the rows that FER+ dropped bear no name."""
    stem = name.strip().removesuffix(".png").removeprefix("fer")
    if not name.strip():
        return _NO_NAME
    if not stem.isdigit():
        raise _fault(path, number, f"image name is {name!r}, expected one like fer0000012.png")
    return int(stem)


def _counts(path: Path, number: int, texts: list[str]) -> bytes:
    """Ten counts of votes, one a byte."""
    try:
        return bytes(map(int, texts))
    except ValueError as err:
        column, text = next((c, t) for c, t in zip(VOTE_COLUMNS, texts, strict=True) if not _is_count(t))
        raise _fault(path, number, f"{column} is {text!r}, expected a count of votes (0 to 10)") from err


def _is_count(text: str) -> bool:
    return text.strip().isdecimal() and int(text) < 256  # "²" is a digit, but no number


def _fault(path: Path, line: int, text: str) -> DatasetFormatError:
    return DatasetFormatError(f"{path}:{line}: {text}", hint="compare with the file of FER+, see DATASETS.md")
