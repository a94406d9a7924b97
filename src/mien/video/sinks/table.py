"""Tables of results: rows written to CSV, JSON lines or Parquet as they come, so that a killed run leaves them.

It does not know how the rows came about. Every format holds the same rows.
"""

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal

from mien.errors import CheckpointError, ConfigError, StorageError, missing_extra
from mien.expressions import LabelSet
from mien.render.text import csv_line
from mien.runtime.files import atomic_file
from mien.video.results import FrameResult, Row, table_columns
from mien.video.sinks.base import Ending
from mien.video.sinks.rows import rows_text
from mien.video.sources.base import VideoInfo

TableFormat = Literal["csv", "jsonl", "parquet"]

_FORMATS: dict[str, TableFormat] = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet"}
#: What can be done about a table that cannot be taken up.
START_AGAIN = "start again without --resume"
#: Bytes of rows that become Parquet at a time. Smaller blocks make more row groups, whose descriptions stay in memory.
_BLOCK = 2**18
#: No row of a table is longer, in bytes.
_LONGEST_ROW = 2**14
#: Columns that hold no real number.
_TYPES = {"frame": "int64", "track_id": "int64", "expression": "string", "damaged": "bool"}


def table_format(path: Path) -> TableFormat:
    """The format that a file's ending names.

    Raises:
        ConfigError: It names none.
    """
    if path.suffix.lower() not in _FORMATS:
        raise ConfigError(f"{path}: no table format ends in {path.suffix!r}, expected {', '.join(_FORMATS)}")
    return _FORMATS[path.suffix.lower()]


def row_file(path: Path) -> Path:
    """Where rows are while they come: the file itself, for Parquet a CSV beside it that becomes it at the end."""
    return path.with_name(f"{path.name}.rows.csv") if table_format(path) == "parquet" else path


class TableFile:
    """A sink: a table on disk that grows row by row; what is written is readable at any moment.

    Args:
        path: Ending in ``.csv``, ``.jsonl`` or ``.parquet``.
        keep: Go on behind so many bytes of the rows that are there; None begins anew.
        last_frame: Of the last row that is kept, -1 for none.

    Raises:
        ConfigError: The ending names no format.
        MissingDependencyError: Parquet without pyarrow.
    """

    name = "write table"

    def __init__(self, path: Path, *, keep: int | None = None, last_frame: int = -1) -> None:
        self.path, self._keep, self._last_frame = path, keep, last_frame
        self._format = "jsonl" if table_format(path) == "jsonl" else "csv"
        if table_format(path) == "parquet":
            _load_pyarrow()

    def open(self, video: VideoInfo, labels: LabelSet) -> None:
        """Begin the rows, or cut those that are there to what is kept.

        Raises:
            CheckpointError: There are fewer rows than ``keep``, or they have other columns.
            StorageError: It cannot be written.
        """
        self._labels, self._is_live = labels, video.live
        rows, keep = row_file(self.path), self._keep
        if keep is not None:
            self._check_kept(rows, keep)
        with _told(self.path, "write"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._stream: BinaryIO = rows.open("wb" if keep is None else "r+b", buffering=0)
            if keep is None and self._format == "csv":
                self._stream.write(csv_line(table_columns(labels)).encode())
            if keep is not None:
                self._stream.truncate(keep)
                self._stream.seek(keep)

    def close(self, ending: Ending) -> None:
        """Make the table what its ending says, if all rows are there; a live one is whole when it is stopped."""
        is_whole = ending is Ending.COMPLETE or (ending is Ending.STOPPED and self._is_live)
        try:
            if is_whole:
                self.position()
        finally:
            self._stream.close()
        if is_whole and table_format(self.path) == "parquet":
            _to_parquet(row_file(self.path), self.path, table_columns(self._labels))

    def _check_kept(self, rows: Path, keep: int) -> None:
        with _told(self.path, "read"):
            length = rows.stat().st_size if rows.exists() else 0
        if length < keep:
            raise CheckpointError(f"{self.path}: {length} bytes of rows, expected at least {keep}", hint=START_AGAIN)
        if keep and not self._has_columns(rows):
            raise CheckpointError(f"{self.path}: no table of such a run, it has other columns", hint=START_AGAIN)
        if self._frame_before(rows, keep) != self._last_frame:
            raise CheckpointError(
                f"{self.path}: byte {keep} is not behind frame {self._last_frame}, as its progress file says",
                hint=START_AGAIN,
            )

    def _frame_before(self, rows: Path, keep: int) -> int | None:
        """Frame of the last row in the first ``keep`` bytes; -1 without rows, None where they end within one."""
        with _told(self.path, "read"), rows.open("rb") as stream:
            start = max(0, keep - _LONGEST_ROW)
            stream.seek(start)
            *lines, rest = stream.read(keep - start).split(b"\n")
        if rest:
            return None
        try:
            if self._format == "jsonl":
                return int(json.loads(lines[-1])["frame"]) if lines else -1
            return int(lines[-1].partition(b",")[0]) if len(lines) > 1 or start else -1
        except (ValueError, TypeError, KeyError):
            return None

    def _has_columns(self, rows: Path) -> bool:
        with _told(self.path, "read"), rows.open("rb") as stream:
            first = stream.readline()
        columns = table_columns(self._labels)
        if self._format == "csv":
            return first == csv_line(columns).encode()
        try:
            return tuple(json.loads(first)) == columns
        except (ValueError, TypeError):
            return False

    def write(self, result: FrameResult) -> None:
        """Append the rows of a frame in one piece."""
        with _told(self.path, "write"):
            self._stream.write(rows_text(result, self._labels, self._format).encode())

    def position(self) -> int:
        """Bytes of rows that are safe on the disk now."""
        os.fsync(self._stream.fileno())
        return self._stream.tell()


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a table one after the other, numbers as numbers and None for what is empty.

    Raises:
        StorageError: The file cannot be read.
        ValueError: It is no such table.
    """
    if table_format(path) == "parquet":
        yield from _parquet_rows(path)
        return
    with _told(path, "read"), path.open(encoding="utf-8", newline="") as stream:
        if table_format(path) == "jsonl":
            yield from (json.loads(line) for line in stream)
            return
        for record in csv.DictReader(stream):
            yield {name: _value(name, text) for name, text in record.items()}


def _parquet_rows(path: Path) -> Iterator[Row]:
    _, _, parquet = _load_pyarrow()
    with _told(path, "read"), parquet.ParquetFile(path) as file:
        for batch in file.iter_batches():
            yield from batch.to_pylist()


def _value(name: str, text: str) -> int | float | str | None:
    if not text:
        return None
    kind = _TYPES.get(name, "double")
    if kind == "bool":
        return {"true": True, "false": False}[text]
    return text if kind == "string" else int(text) if kind == "int64" else float(text)


def _to_parquet(rows: Path, path: Path, columns: tuple[str, ...]) -> None:
    """Copy a CSV block by block, so that a long video needs no more memory than a short one."""
    pa, arrow_csv, parquet = _load_pyarrow()
    types = {name: pa.type_for_alias(_TYPES.get(name, "double")) for name in columns}
    convert = arrow_csv.ConvertOptions(column_types=types, strings_can_be_null=True)
    read = arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK)
    schema = pa.schema(list(types.items()))
    with (
        atomic_file(path) as temporary,
        parquet.ParquetWriter(temporary, schema, use_dictionary=["expression"]) as writer,
        rows.open("rb") as stream,
        arrow_csv.open_csv(stream, read, convert_options=convert, memory_pool=pa.system_memory_pool()) as reader,
    ):
        for batch in reader:
            writer.write_batch(batch)
    rows.unlink()


def _load_pyarrow() -> tuple[Any, Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        from pyarrow import csv as arrow_csv  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as err:
        raise missing_extra("pyarrow", "tables") from err
    return pa, arrow_csv, parquet


class _told:  # noqa: N801 - reads as a phrase
    """Around file operations: an error of the system becomes ours."""

    def __init__(self, path: Path, what: Literal["read", "write"]) -> None:
        self._path, self._what = path, what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, err: BaseException | None, trace: object) -> None:
        if isinstance(err, OSError) and not isinstance(err, StorageError):
            raise StorageError(f"cannot {self._what} {self._path}: {err.strerror or err}") from err
