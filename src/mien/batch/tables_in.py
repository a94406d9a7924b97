"""Pictures in a column of a Parquet or CSV table: paths, addresses, or the encoded pictures themselves.

Values are text or bytes; nothing in a table is ever unpickled.
"""

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mien.batch.entries import Entry, kind_of_name
from mien.errors import ConfigError, SourceError
from mien.imaging import readable_path
from mien.runtime.optional import extra
from mien.runtime.translation import reason

TABLE_SUFFIXES = (".parquet", ".csv")
#: Columns that are looked for where none is named.
_COLUMNS = ("image", "bytes", "path", "file_name", "url")
_BATCH = 64
#: Longest cell of a CSV table, in characters: a path or an address.
_LONGEST_CELL = 1 << 16


def table_entries(path: Path, column: str | None, *, version: str) -> Iterator[Entry]:
    """One entry for each row: the file or address it names, or the picture that lies in it.

    Raises:
        ConfigError: The column is not there, or holds neither text nor bytes.
        SourceError: The table cannot be read.
    """
    for number, value in column_values(path, column):
        name = f"{readable_path(path)}#{number}"
        if isinstance(value, str) and value:
            is_address = "://" in value
            where = value if is_address else os.fspath(path.parent / value)
            yield Entry(name, kind_of_name(value), "url" if is_address else "file", where, version=version)
        else:
            yield Entry(name, "image", "table", os.fspath(path), str(number), version)


def column_values(path: Path, column: str | None) -> Iterator[tuple[int, str | bytes | None]]:
    """Number and value of each row, from 0, a few rows in memory at a time."""
    yield from enumerate(_parquet(path, column) if path.suffix.lower() == ".parquet" else _csv(path, column))


def _csv(path: Path, column: str | None) -> Iterator[str | None]:
    limit = csv.field_size_limit(_LONGEST_CELL)  # of the whole process, hence restored below
    try:
        with path.open(encoding="utf-8", newline="", errors="surrogateescape") as stream:
            reader = csv.DictReader(stream)
            chosen = _chosen(path, column, reader.fieldnames or ())
            for row in reader:
                yield row[chosen]
    except (OSError, csv.Error) as err:
        raise SourceError(f"{path}: cannot be read as CSV ({reason(err)})") from err
    finally:
        csv.field_size_limit(limit)


def _parquet(path: Path, column: str | None) -> Iterator[str | bytes | None]:
    with extra("batch"):
        import pyarrow as pa  # noqa: PLC0415 - an extra
        import pyarrow.parquet as pq  # noqa: PLC0415
    try:
        with pq.ParquetFile(path) as table:
            chosen = _chosen(path, column, table.schema_arrow.names)
            for batch in table.iter_batches(_BATCH, columns=[chosen]):
                for cell in batch.column(0):
                    yield _picture(path, chosen, cell.as_py())
    except (pa.ArrowException, OSError) as err:
        raise SourceError(f"{path}: cannot be read as Parquet ({reason(err)})") from err


def _chosen(path: Path, column: str | None, names: Any) -> str:
    if column is None:
        column = next((name for name in _COLUMNS if name in names), None)
    if column is None or column not in names:
        found = ", ".join(str(name)[:30] for name in list(names)[:8])
        raise ConfigError(
            f"{path}: no column {column or ' or '.join(_COLUMNS)!r}, it has {found}",
            hint="name it with --column",
        )
    return column


def _picture(path: Path, column: str, value: Any) -> str | bytes | None:
    """The cell itself, or what the Hugging Face layout holds in it: ``{"bytes": …, "path": …}``."""
    if isinstance(value, dict) and value.keys() <= {"bytes", "path"}:
        value = value.get("bytes") or value.get("path")
    if value is None or isinstance(value, str | bytes):
        return value
    raise ConfigError(f"{path}: column {column!r} holds {type(value).__name__}, expected paths or encoded pictures")
