"""Tables of results: rows are written to CSV, JSON lines or Parquet as they come, so that a killed run leaves them.

Every format holds the same rows.
"""

import csv
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

from mien.errors import CheckpointError, ConfigError, StorageError
from mien.expressions import LabelSet
from mien.render.text import csv_line
from mien.runtime.files import atomic_file
from mien.runtime.optional import extra
from mien.video.results import FrameResult, Row, table_columns
from mien.video.sinks.base import Ending
from mien.video.sinks.rows import rows_text
from mien.video.sources.base import VideoInfo

TableFormat = Literal["csv", "jsonl", "parquet"]

_FORMATS: dict[str, TableFormat] = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet"}
#: The hint of errors about a table that cannot be continued.
START_AGAIN = "start again without --resume"
#: Bytes of rows converted to Parquet at a time. Smaller blocks make more row groups, whose metadata stays in memory.
_BLOCK = 2**18
#: Upper bound of a row's length in bytes.
_LONGEST_ROW = 2**14
#: Types of the columns; all others are real numbers.
_TYPES = {"frame": "int64", "track_id": "int64", "expression": "string", "damaged": "bool"}


def table_format(path: Path) -> TableFormat:
    """The format that a file's ending names.

    Raises:
        ConfigError: No table format has that ending.
    """
    if path.suffix.lower() not in _FORMATS:
        raise ConfigError(f"{path}: no table format ends in {path.suffix!r}, expected {', '.join(_FORMATS)}")
    return _FORMATS[path.suffix.lower()]


def row_file(path: Path) -> Path:
    """The file that grows: the table itself, or for Parquet, which cannot, a CSV that is converted at the end."""
    return path.with_name(f"{path.name}.rows.csv") if table_format(path) == "parquet" else path


class TableFile:
    """A sink: a table on disk that grows row by row and is readable at any moment.

    Args:
        path: Ending in ``.csv``, ``.jsonl`` or ``.parquet``.
        keep: Keep this many bytes of the existing rows and continue after them; None begins a new table.
        last_frame: Frame of the last row that is kept, -1 for none.

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
        """Begin the table, or truncate the existing one to what is kept.

        Raises:
            CheckpointError: There are fewer rows than ``keep``, or they have other columns.
            StorageError: It cannot be written.
        """
        self._labels, self._is_live = labels, video.live
        rows, keep = row_file(self.path), self._keep
        if keep is not None:
            self._check_kept(rows, keep)
        with _as_storage_error(self.path, "write"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: a row that was written survives a killed process.
            self._stream: BinaryIO = rows.open("wb" if keep is None else "r+b", buffering=0)
            if keep is None and self._format == "csv":
                self._stream.write(csv_line(table_columns(labels)).encode())
            if keep is not None:
                self._stream.truncate(keep)
                self._stream.seek(keep)

    def close(self, ending: Ending) -> None:
        """Convert the rows to the format of the ending if they are complete; a live source ends when it is stopped."""
        is_whole = ending is Ending.COMPLETE or (ending is Ending.STOPPED and self._is_live)
        try:
            if is_whole:
                self.position()
        finally:
            self._stream.close()
        if is_whole and table_format(self.path) == "parquet":
            _to_parquet(row_file(self.path), self.path, table_columns(self._labels))

    def _check_kept(self, rows: Path, keep: int) -> None:
        """Refuse to continue a file that is not what the earlier run left, which truncating would destroy."""
        with _as_storage_error(self.path, "read"):
            length = rows.stat().st_size if rows.exists() else 0
        if length < keep:
            raise CheckpointError(f"{self.path}: {length} bytes of rows, expected at least {keep}", hint=START_AGAIN)
        if keep and not self._has_columns(rows):
            raise CheckpointError(f"{self.path}: not a table of such a run, its columns differ", hint=START_AGAIN)
        if self._frame_before(rows, keep) != self._last_frame:
            raise CheckpointError(
                f"{self.path}: frame {self._last_frame} does not end at byte {keep}, as the progress file states",
                hint=START_AGAIN,
            )

    def _frame_before(self, rows: Path, keep: int) -> int | None:
        """Frame of the last row in the first ``keep`` bytes; -1 without rows, None if they end within a row."""
        with _as_storage_error(self.path, "read"), rows.open("rb") as stream:
            start = max(0, keep - _LONGEST_ROW)
            stream.seek(start)
            *lines, rest = stream.read(keep - start).split(b"\n")  # rest: the bytes after the last line break
        if rest:
            return None
        try:
            if self._format == "jsonl":
                return int(json.loads(lines[-1])["frame"]) if lines else -1
            # A single line at the beginning of the file is the header.
            return int(lines[-1].partition(b",")[0]) if len(lines) > 1 or start else -1
        except (ValueError, TypeError, KeyError):
            return None

    def _has_columns(self, rows: Path) -> bool:
        with _as_storage_error(self.path, "read"), rows.open("rb") as stream:
            first = stream.readline()
        columns = table_columns(self._labels)
        if self._format == "csv":
            return first == csv_line(columns).encode()
        try:
            return tuple(json.loads(first)) == columns
        except (ValueError, TypeError):
            return False

    def write(self, result: FrameResult) -> None:
        """Append the rows of a frame in one write, so that a killed run leaves whole frames."""
        with _as_storage_error(self.path, "write"):
            self._stream.write(rows_text(result, self._labels, self._format).encode())

    def position(self) -> int:
        """Bytes of rows, after making sure that they are on the disk."""
        os.fsync(self._stream.fileno())
        return self._stream.tell()


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a table one after the other; numbers as numbers, empty cells as None.

    Raises:
        StorageError: The file cannot be read.
        ValueError: It is not such a table.
    """
    if table_format(path) == "parquet":
        yield from _parquet_rows(path)
        return
    with _as_storage_error(path, "read"), path.open(encoding="utf-8", newline="") as stream:
        if table_format(path) == "jsonl":
            yield from (json.loads(line) for line in stream)
            return
        for record in csv.DictReader(stream):
            yield {name: _value(name, text) for name, text in record.items()}


def _parquet_rows(path: Path) -> Iterator[Row]:
    _, _, parquet = _load_pyarrow()
    with _as_storage_error(path, "read"), parquet.ParquetFile(path) as file:
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
    """Convert a CSV block by block, so that a long video needs no more memory than a short one."""
    pa, arrow_csv, parquet = _load_pyarrow()
    # Types are given, since a block that happens to hold no faces would be guessed as all null.
    types = {name: pa.type_for_alias(_TYPES.get(name, "double")) for name in columns}
    convert = arrow_csv.ConvertOptions(column_types=types, strings_can_be_null=True)
    read = arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK)
    schema = pa.schema(list(types.items()))
    with (
        atomic_file(path) as temporary,
        parquet.ParquetWriter(temporary, schema, use_dictionary=["expression"]) as writer,
        rows.open("rb") as stream,
        # Not Arrow's default pool, which keeps what it frees.
        arrow_csv.open_csv(stream, read, convert_options=convert, memory_pool=pa.system_memory_pool()) as reader,
    ):
        for batch in reader:
            writer.write_batch(batch)
    rows.unlink()


def _load_pyarrow() -> tuple[Any, Any, Any]:
    with extra("tables"):
        import pyarrow as pa  # noqa: PLC0415 - an extra
        from pyarrow import csv as arrow_csv  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415
    return pa, arrow_csv, parquet


@contextmanager
def _as_storage_error(path: Path, what: Literal["read", "write"]) -> Iterator[None]:
    """Translate errors of the system while a file is read or written.

    Raises:
        StorageError: The system reports an error.
    """
    try:
        yield
    except OSError as err:
        if isinstance(err, StorageError):
            raise
        raise StorageError(f"cannot {what} {path}: {err.strerror or err}") from err
