"""The rows of a batch job and the Parquet files they lie in.

One row for each face; one with empty columns for a picture without a face, and one with ``error`` for a picture that
could not be read. Every entry has at least one row.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.batch.entries import Entry, Part
from mien.batch.worker import Found
from mien.errors import DatasetFormatError, MienError
from mien.expressions import LabelSet
from mien.recognition.results import FaceExpression
from mien.runtime.files import atomic_file, check_regular
from mien.runtime.optional import extra
from mien.text import printable

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

Row = dict[str, Any]
#: Key of a part's own record among the metadata of its Parquet file.
_RECORD = b"mien.part"
_POINTS = ("right_eye", "left_eye", "nose", "mouth", "right_ear", "left_ear")
#: Columns of ``details``.
_DETAILS = {
    "roll_deg": "double",
    **{f"{point}_{axis}": "double" for point in _POINTS for axis in "xy"},
    **dict.fromkeys(("size_px", "sharpness", "turn", "cut"), "double"),
    "unreliable": "bool",
}
_READ_AGAIN = "delete the file and go on with --resume"


@dataclass(frozen=True, slots=True)
class PartRecord:
    """What a part file says of itself.

    Attributes:
        fingerprint: Of its entries.
        pictures: Pictures and videos.
        faces: Rows with a face.
        without_face: Pictures without one.
        failed: Pictures that could not be read.
    """

    fingerprint: str
    pictures: int
    faces: int
    without_face: int
    failed: int


def columns(labels: LabelSet, *, details: bool = False) -> dict[str, str]:
    """Name and Arrow type of each column, in order."""
    boxes = dict.fromkeys(("left", "top", "right", "bottom", "detector_score"), "double")
    return {
        "source": "string",
        "width": "int32",
        "height": "int32",
        "frame": "int64",
        "timestamp_s": "double",
        "track_id": "int64",
        "face": "int32",
        **boxes,
        "expression": "string",
        "probability": "double",
        **dict.fromkeys(map(str, labels), "double"),
        **(_DETAILS if details else {}),
        "error_type": "string",
        "error": "string",
    }


def entry_rows(entry: Entry, outcome: Found | MienError, faces: Sequence[FaceExpression]) -> Iterator[Row]:
    """The rows of one entry: of a picture's ``faces``, of a video's frames, or of an error."""
    source = _plain(entry.name)
    if isinstance(outcome, MienError):
        yield {"source": source, "error_type": type(outcome).__name__, "error": _plain(_reason(outcome, entry.name))}
        return
    start = {"source": source, "width": outcome.size[0], "height": outcome.size[1]}
    if entry.kind == "image":
        yield from _face_rows(start, faces)
    for frame in outcome.frames:
        yield from _face_rows({**start, "frame": frame.index, "timestamp_s": frame.timestamp_s}, frame.faces)


def _reason(error: MienError, name: str) -> str:
    """What went wrong, without the name of the picture, which has a column of its own."""
    return str(error).removeprefix(f"{printable(name)}: ")


def _plain(text: str) -> str:
    """Names of files may hold bytes that are no Unicode; Parquet takes text."""
    return text.encode("utf-8", "backslashreplace").decode()


def _face_rows(start: Row, faces: Sequence[FaceExpression]) -> Iterator[Row]:
    if not faces:
        yield start
    for number, face in enumerate(faces, 1):
        yield {**start, "face": number, "track_id": face.track_id, **face.to_columns(), **_details(face)}


def _details(face: FaceExpression) -> Row:
    """Roll, key points and quality, as far as they are known; they are written where they are wanted."""
    points = {} if face.detection.landmarks is None else face.detection.landmarks.to_dict()
    known = {
        f"{name}_{axis}": at for name, point in points.items() if point for axis, at in zip("xy", point, strict=True)
    }
    return {"roll_deg": face.detection.roll_deg, **known, **(face.quality.to_dict() if face.quality else {})}


def write_part(path: Path, part: Part, rows: Sequence[Row], types: Mapping[str, str]) -> PartRecord:
    """Write the rows of a part, all or nothing, with its record; ``types`` are its :func:`columns`."""
    pictures = {row["source"]: row for row in rows}  # one row of each suffices: a failed one has no other
    failed = sum(row.get("error_type") is not None for row in pictures.values())
    with_face = len({row["source"] for row in rows if row.get("face") is not None})
    record = PartRecord(
        part.fingerprint,
        len(part.entries),
        sum(row.get("face") is not None for row in rows),
        len(part.entries) - failed - with_face,
        failed,
    )
    write_table(path, rows, types, {_RECORD: json.dumps(asdict(record)).encode()})
    return record


def write_table(path: Path, rows: Sequence[Row], types: Mapping[str, str], record: Mapping[bytes, bytes]) -> None:
    """Write rows as Parquet, all or nothing; the same rows give the same bytes."""
    with extra("batch"):
        import pyarrow as pa  # noqa: PLC0415 - an extra
        import pyarrow.parquet as pq  # noqa: PLC0415
    schema = _schema(types).with_metadata(dict(record))
    arrays = [pa.array([row.get(name) for row in rows], field.type) for name, field in zip(types, schema, strict=True)]
    with atomic_file(path) as temporary:
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), temporary, compression="zstd")


def _schema(types: Mapping[str, str]) -> "pa.Schema":
    with extra("batch"):
        import pyarrow as pa  # noqa: PLC0415 - an extra
    return pa.schema([(name, pa.type_for_alias(kind)) for name, kind in types.items()])


def read_record(path: Path) -> PartRecord | None:
    """The record of a part file; None where there is no whole file."""
    with extra("batch"):
        import pyarrow as pa  # noqa: PLC0415 - an extra
        import pyarrow.parquet as pq  # noqa: PLC0415
    try:
        check_regular(path)
        metadata = pq.read_schema(path).metadata or {}  # the footer alone, which is written last
        record = json.loads(metadata[_RECORD])
        return PartRecord(**record)
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        return None


def read_rows(path: Path, names: Sequence[str] | None = None) -> Iterator[list[Row]]:
    """The rows of a Parquet file, a few thousand at a time.

    Raises:
        DatasetFormatError: It is damaged, or lacks a column of ``names``.
    """
    with _opened(path, names or ()) as table:
        # a part of videos may have millions of rows
        for batch in table.iter_batches(4096, columns=names):
            yield batch.to_pylist()


def read_part(path: Path, types: Mapping[str, str]) -> "pa.Table":
    """The rows of a part file as a table of just these columns, without its record.

    Raises:
        DatasetFormatError: It is damaged, or lacks a column, or has one of another type.
    """
    with _opened(path, types) as file:
        table = file.read(columns=list(types)).select(list(types)).replace_schema_metadata(None)
    if table.schema != _schema(types):
        raise DatasetFormatError(f"{path}: a part of a batch job with columns of other types", hint=_READ_AGAIN)
    return table


@contextmanager
def _opened(path: Path, names: Iterable[str]) -> Iterator["pq.ParquetFile"]:
    """A file that has the columns ``names``, in a block that reads it and does nothing else.

    Raises:
        DatasetFormatError: It is damaged, or lacks one of them.
    """
    with extra("batch"):
        import pyarrow as pa  # noqa: PLC0415 - an extra
        import pyarrow.parquet as pq  # noqa: PLC0415
    try:
        check_regular(path)
        with pq.ParquetFile(path) as file:
            # a column that is asked for and absent would be left out without a word
            if missing := sorted(set(names) - set(file.schema_arrow.names)):
                raise DatasetFormatError(
                    f"{path}: a part of a batch job without the column {missing[0][:80]}", hint=_READ_AGAIN
                )
            yield file
    except (OSError, pa.ArrowException) as err:
        raise DatasetFormatError(
            f"{path}: a part of a batch job that cannot be read ({str(err)[:200]})", hint=_READ_AGAIN
        ) from err


def rows_of(parts: Iterable[Path], names: Sequence[str] | None = None) -> Iterator[Row]:
    """The rows of several part files, in order."""
    for path in parts:
        for rows in read_rows(path, names):
            yield from rows
