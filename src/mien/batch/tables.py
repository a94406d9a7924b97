"""How far a job is, and its rows as one file."""

import csv
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from mien.batch.manifest import BatchStatus, JobFolder
from mien.batch.rows import read_part, rows_of
from mien.errors import CheckpointError, ConfigError
from mien.runtime.files import atomic_file
from mien.runtime.optional import extra
from mien.text import no_formula

_FORMATS = (".parquet", ".csv")


def status(folder: str | Path) -> BatchStatus:
    """How far the job in ``folder`` is; reading it disturbs no running one.

    Raises:
        CheckpointError: There is no job, or its record is damaged.
    """
    job = JobFolder(Path(folder))
    return job.status(job.read()[1])


def merge(folder: str | Path, out: str | Path, *, partial: bool = False, excel_safe: bool = False) -> int:
    """Write the rows of all parts into one file, in order, and return their number.

    Args:
        folder: The job's folder.
        out: A ``.parquet`` or ``.csv`` file, written all or nothing.
        partial: Merge what is there of a job that is not done, instead of refusing.
        excel_safe: Text in CSV that a spreadsheet would run begins with an apostrophe.

    Raises:
        CheckpointError: There is no job, or it is not done.
        DatasetFormatError: A part is damaged.
        ConfigError: The ending of ``out`` is neither, or ``excel_safe`` is set and it is not CSV.
        StorageError: ``out`` cannot be written.
    """
    job, out = JobFolder(Path(folder)), Path(out)
    if out.suffix.lower() not in _FORMATS:
        raise ConfigError(f"{out}: expected a name that ends in {' or '.join(_FORMATS)}")
    is_parquet = out.suffix.lower() == ".parquet"
    if excel_safe and is_parquet:
        raise ConfigError(f"{out}: excel_safe is for CSV", hint="name a file that ends in .csv")
    manifest, parts = job.read()
    whole = [job.part(part.number) for part in parts if job.record(part)]
    if len(whole) < len(parts) and not partial:
        raise CheckpointError(
            f"{folder}: {len(whole):,} of {len(parts):,} parts are done", hint="go on with --resume, or add --partial"
        )
    types = manifest.columns
    return _to_parquet(whole, out, types) if is_parquet else _to_csv(whole, out, list(types), excel_safe=excel_safe)


def _to_parquet(parts: list[Path], out: Path, types: Mapping[str, str]) -> int:
    with extra("batch"):
        import pyarrow.parquet as pq  # noqa: PLC0415 - an extra
    rows = 0
    with atomic_file(out) as temporary:
        writer = None
        try:
            for path in parts:
                table = read_part(path, types)
                writer = writer or pq.ParquetWriter(temporary, table.schema, compression="zstd")
                writer.write_table(table)
                rows += len(table)
        finally:
            if writer:
                writer.close()
        if writer is None:
            temporary.write_bytes(b"")
    return rows


def _to_csv(parts: list[Path], out: Path, names: list[str], *, excel_safe: bool) -> int:
    def cell(value: Any) -> Any:
        if isinstance(value, str) and excel_safe:
            return no_formula(value)
        return f"{value:.6g}" if isinstance(value, float) else value

    rows = 0
    with atomic_file(out) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        for values in chain([names], ([row[name] for name in names] for row in rows_of(parts, names))):
            writer.writerow(map(cell, values))
            rows += 1
    return rows - 1
