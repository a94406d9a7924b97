"""Layouts that are tables: a generic CSV file, and the Hugging Face image folder with its metadata or as Parquet."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mien.curation.items import Layout, Rows, SourceItem, inside, split_of
from mien.data.tables import LIST_LIMITS, read_lines, read_rows, shown
from mien.errors import DatasetFormatError, DatasetNotFoundError
from mien.expressions import PUBLISHED_WORDS
from mien.runtime.optional import extra

#: Columns by what they are called, in lower case; the first that is there counts.
_PATH = ("path", "file_name", "filename", "image", "image name", "file")
_LABEL = ("label", "emotion", "expression", "labels")
_SPLIT = ("split", "usage")
_PERSON = ("person", "subject", "identity")
_GROUPS = {"gender": ("gender", "sex"), "age": ("age",), "ethnicity": ("ethnicity", "race")}
_MOST_COUNT = 1000.0
#: Rows of a Parquet file that are held at a time.
_BATCH = 256


def read_table(source: Path) -> Rows:
    """A CSV file with a column ``path`` and one ``label``, or a column for each class with votes or probabilities.

    Columns ``split``, ``person``, ``gender``, ``age`` and ``ethnicity`` are taken where there are some. Paths are
    relative to the file. An image that is listed more than once has a vote for each row.

    Args:
        source: The CSV file, or a folder that holds one.
    """
    table = _only_table(source)
    rows = read_rows(table, LIST_LIMITS)
    _, header = next(rows, (1, []))
    for line, fields in rows:
        place = f"{table}:{line}"
        if len(fields) != len(header):
            yield DatasetFormatError(f"{place}: expected {len(header)} fields, found {len(fields)}")
            continue
        record = dict(zip((name.strip().lower() for name in header), fields, strict=True))
        yield _item(record, table.parent, place)


def read_image_folder(source: Path) -> Rows:
    """Hugging Face's image folder: pictures beside ``metadata.csv`` or ``metadata.jsonl``, with a field ``file_name``.

    huggingface.co/docs/datasets/image_dataset: "your dataset folder should have a metadata file with a file_name
    column"; folders ``train``, ``validation`` and ``test`` are splits. The label is ``label``, ``emotion`` or
    ``expression``; without metadata the folder is a folder per class, which ``--layout folder`` reads.
    """
    files = sorted([*source.rglob("metadata.csv"), *source.rglob("metadata.jsonl")])
    if not files:
        raise DatasetNotFoundError(
            f"{source}: no metadata.csv or metadata.jsonl below it", hint="a folder per class is --layout folder"
        )
    for file in files:
        records = _csv_records(file) if file.suffix == ".csv" else _json_records(file)
        for place, record in records:
            if isinstance(record, DatasetFormatError):
                yield record
                continue
            split = split_of(file.parent.name) if file.parent != source else None
            first = next((Path(str(record[key])).parts[:1] for key in _PATH if record.get(key)), ())
            split = split or (split_of(first[0]) if first else None)
            item = _item({**record, **({"split": split} if split else {})}, file.parent, place)
            if isinstance(item, SourceItem):  # each split has a metadata file, and an a.png may lie beside each
                item = replace(item, name=str(file.parent.relative_to(source) / item.name))
            yield item


def read_parquet(source: Path) -> Rows:
    """Hugging Face's Parquet form: files such as ``data/train-00000-of-00001.parquet``.

    A column ``image`` is a struct of ``bytes`` and ``path``; ``label`` is a number whose names are in the schema's
    metadata under ``huggingface`` (``info.features.label.names``), or a word. Files are read a few rows at a time.
    """
    with extra("tables"):
        import pyarrow as pa  # noqa: PLC0415 - an optional package
        from pyarrow import parquet  # noqa: PLC0415
    files = [source] if source.is_file() else sorted(source.rglob("*.parquet"))
    if not files:
        raise DatasetNotFoundError(f"{source}: no .parquet file below it")
    for path in files:
        try:
            table = parquet.ParquetFile(path)
        except (pa.ArrowException, OSError, ValueError) as err:
            raise DatasetFormatError(f"{path}: not a readable Parquet file ({str(err)[:80]})") from err
        label = next((name for name in _LABEL if name in table.schema_arrow.names), None)
        if label is None or "image" not in table.schema_arrow.names:
            raise DatasetFormatError(f"{path}: no columns image and label among {table.schema_arrow.names[:10]}")
        inner = path.name if source.is_file() else str(path.relative_to(source))
        yield from _parquet_rows(path, inner, table, label)


def _parquet_rows(path: Path, inner: str, table: Any, label: str) -> Rows:
    """The rows of one file; ``inner`` is its path inside the source, which makes names of rows unique."""
    names = _class_names(table.schema_arrow.metadata or {}, label)
    split = split_of(path.name.partition("-")[0]) or split_of(path.parent.name) or split_of(path.stem)
    for row, record in enumerate(_parquet_records(path, table, label)):
        place, image, value = f"{path}: row {row}", record["image"], record[label]
        content = image.get("bytes") if isinstance(image, dict) else image
        if not isinstance(content, bytes) or value is None:
            yield DatasetFormatError(f"{place}: no bytes of a picture, or no label")
            continue
        if isinstance(value, int) and 0 <= value < len(names):
            value = names[value]
        yield SourceItem(f"{inner}#{row}", place, content, ((str(value), 1),), split=split)


def _parquet_records(path: Path, table: Any, label: str) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file; damage shows itself only when a part is unpacked."""
    from pyarrow import ArrowException  # noqa: PLC0415 - an optional package

    batches = table.iter_batches(_BATCH, columns=["image", label])
    while True:
        try:
            batch = next(batches, None)
            records = [] if batch is None else batch.to_pylist()
        except (ArrowException, MemoryError, OSError, ValueError) as err:
            raise DatasetFormatError(f"{path}: damaged ({str(err)[:80]})") from err
        if batch is None:
            return
        yield from records


def _class_names(metadata: Mapping[bytes, bytes], label: str) -> list[str]:
    """Names of the numbers of a label column, empty where the schema says none."""
    try:
        info = json.loads(metadata.get(b"huggingface", b"{}"))
        feature = info["info"]["features"][label]
        return [str(name) for name in feature["names"]]
    except (KeyError, TypeError, ValueError, RecursionError):
        return []


def _csv_records(file: Path) -> Iterator[tuple[str, dict[str, Any] | DatasetFormatError]]:
    rows = read_rows(file, LIST_LIMITS)
    _, header = next(rows, (1, []))
    for line, fields in rows:
        place = f"{file}:{line}"
        if len(fields) != len(header):
            yield place, DatasetFormatError(f"{place}: expected {len(header)} fields, found {len(fields)}")
        else:
            yield place, dict(zip((name.strip().lower() for name in header), fields, strict=True))


def _json_records(file: Path) -> Iterator[tuple[str, dict[str, Any] | DatasetFormatError]]:
    for line, text in read_lines(file, LIST_LIMITS):
        place = f"{file}:{line}"
        try:
            record = json.loads(text)
        except (ValueError, RecursionError) as err:
            yield place, DatasetFormatError(f"{place}: not JSON ({str(err)[:60]})")
            continue
        if isinstance(record, dict):
            yield place, {str(key).lower(): value for key, value in record.items()}
        else:
            yield place, DatasetFormatError(f"{place}: expected an object, found {shown(text)}")


def _item(record: Mapping[str, Any], folder: Path, place: str) -> SourceItem | DatasetFormatError:
    """One image from the fields of a row; what is wrong with it otherwise."""
    name = _first(record, _PATH)
    if name is None:
        return DatasetFormatError(
            f"{place}: no value for {' or '.join(_PATH)}", hint="expected path, and label or classes"
        )
    label = _first(record, _LABEL)
    if label is None and any(key in record for key in _LABEL):
        return DatasetFormatError(f"{place}: no label")
    try:
        votes = _class_columns(record, place) if label is None else ((label, 1.0),)
        path = inside(folder, name, place)
    except DatasetFormatError as err:
        return err
    split, published = None, _first(record, _SPLIT)
    if published is not None and (split := split_of(published)) is None:
        return DatasetFormatError(f"{place}: split is {shown(published)}, expected train, validation or test")
    groups = {group: value for group, keys in _GROUPS.items() if (value := _first(record, keys)) is not None}
    return SourceItem(name, place, path, votes, split, _first(record, _PERSON) or "", groups)


def _class_columns(record: Mapping[str, Any], place: str) -> tuple[tuple[str, float], ...]:
    """Votes or probabilities of a row that has a column for each class."""
    others = {*_PATH, *_SPLIT, *_PERSON, *(key for keys in _GROUPS.values() for key in keys)}
    votes = []
    for key, text in record.items():
        if key in others or key is None:
            continue
        try:
            value = float(text) if len(str(text)) < 30 and str(text).isascii() and "_" not in str(text) else -1.0
        except ValueError:
            value = -1.0
        if not 0 <= value <= _MOST_COUNT:
            raise DatasetFormatError(f"{place}: {key[:20]} is {shown(str(text))}, expected votes or a probability")
        if value:
            votes.append((key, value))
    if not votes:
        raise DatasetFormatError(f"{place}: no label and no votes", hint="expected label, or a column for each class")
    return tuple(votes)


def _first(record: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    return next((str(record[key]).strip() for key in keys if record.get(key) not in (None, "")), None)


def _only_table(source: Path) -> Path:
    if source.is_file():
        return source
    tables = sorted(source.glob("*.csv"))
    if len(tables) != 1:
        raise DatasetNotFoundError(f"{source}: {len(tables)} CSV files, expected one", hint="give the file itself")
    return tables[0]


TABLE = Layout("csv", read_table, PUBLISHED_WORDS, open_classes=True, several=True)
HUGGINGFACE = Layout("huggingface", read_image_folder, PUBLISHED_WORDS, open_classes=True)
PARQUET = Layout("parquet", read_parquet, PUBLISHED_WORDS, open_classes=True)
