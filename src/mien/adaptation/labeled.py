"""Reading labeled faces: one folder per class, a table, the zip that the service's page offers, or a prepared data set.

A picture of exactly the network's input size is taken as a crop. In any other picture the largest detected face is
used, and the whole picture where no face is detected.
"""

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import numpy as np

from mien.adaptation.faces import LabeledFaces
from mien.adaptation.prepared import read_dataset, read_decided_rows
from mien.data.decisions import DECISION_COLUMNS
from mien.data.splits import Split
from mien.errors import ConfigError, DatasetFormatError, DatasetNotFoundError, MienError
from mien.expressions import FERPLUS_LABELS, PUBLISHED_WORDS, Expression
from mien.geometry import WHOLE_FRAME, Box, ByteArray, FloatArray
from mien.imaging import load_image
from mien.imaging.folders import LeftOut, is_junk, search_folder
from mien.preprocessing import crop_face
from mien.recognition.pipeline import ExpressionPipeline
from mien.runtime.translation import reason, translate_errors

#: Label words that are understood without a map, in lower case.
_WORDS = {**PUBLISHED_WORDS, "contemptuous": Expression.CONTEMPT}
#: The table inside a zip, and the columns that may hold the path of a picture.
_ZIP_TABLE, _PATH_COLUMNS = "labels.csv", ("path", "file", "image")
#: Largest table, and largest picture inside a zip; larger declared sizes are refused before anything is unpacked.
_MAX_TABLE_BYTES, _MAX_PICTURE_BYTES = 64 << 20, 64 << 20


@dataclass(frozen=True, slots=True)
class _Item:
    """One labeled picture, as a file or as a function that gives its encoded bytes; ``place`` is for messages."""

    place: str
    content: Path | Callable[[], bytes]
    label: str
    person: str = ""


def read_labeled(
    source: Path,
    pipeline: ExpressionPipeline,
    *,
    mapped: Mapping[str, str] | None = None,
    split: Split = "all",
    dataset: Path | None = None,
) -> LabeledFaces:
    """The labeled faces of ``source``.

    Args:
        source: A folder with one folder per class; a ``.csv`` with the columns ``path``, ``label`` and optionally
            ``person``, paths relative to the table; a ``.zip`` of pictures with such a ``labels.csv``; a prepared data
            set; or the ``decisions.csv`` of an audit.
        pipeline: Detects and crops the faces.
        mapped: Label in the source to an expression: ``{"smiling": "happiness"}``.
        split: Of a prepared data set.
        dataset: The prepared data set that a ``decisions.csv`` belongs to.

    Raises:
        DatasetNotFoundError: ``source`` does not exist.
        DatasetFormatError: It is in none of these forms, a label is unknown, or a picture cannot be read.
        ConfigError: A ``decisions.csv`` without its data set, or a data set without one.
    """
    words = _WORDS | {theirs.lower(): _expression(ours, "the map", _WORDS) for theirs, ours in (mapped or {}).items()}
    table = _text(source) if source.is_file() and source.suffix.lower() != ".zip" else None
    if (table is not None and _is_decisions(table)) != (dataset is not None):
        raise ConfigError(
            f"{source}: a decisions.csv and the data set that it belongs to are given together or not at all",
            hint="--data decisions.csv --dataset FOLDER",
        )
    if dataset is not None:
        return read_decided_rows(source, dataset, pipeline.recognizer.metadata)
    if table is not None:
        return _read(_table(table, source.parent, str(source)), pipeline, words, str(source))
    if (source / "manifest.json").is_file():
        return read_dataset(source, pipeline.recognizer.metadata, split)
    if source.is_dir():
        return _read(_folder(source), pipeline, words, str(source))
    if source.is_file():
        return _zipped(source, pipeline, words)
    raise DatasetNotFoundError(f"{source}: no such folder or file", hint="give labeled faces, see mien adapt --help")


def _is_decisions(table: str) -> bool:
    header = table.partition("\n")[0].split(",")
    return tuple(name.strip().lower() for name in header) == DECISION_COLUMNS


def _folder(source: Path) -> Iterator[_Item]:
    """All pictures below the folders in ``source``; the name of the folder is the label.

    Raises:
        DatasetFormatError: Something looks like a picture and cannot be read: a label would be lost.
    """
    left_out = LeftOut()
    for folder in sorted(path for path in source.iterdir() if path.is_dir() and not is_junk(path.name)):
        for path in sorted(search_folder(folder, left_out)):
            yield _Item(str(path), path, folder.name)
    if lines := left_out.lines():
        raise DatasetFormatError(f"{source}: {'; '.join(lines)}", hint="convert or move these files")


def _table(text: str, folder: Path, place: str) -> Iterator[_Item]:
    """The pictures that a table lists; paths are relative to ``folder``."""
    for number, path, label, person in _rows(text, place):
        yield _Item(f"{place}, row {number}: {path}", folder / path, label, person)


def _zipped(source: Path, pipeline: ExpressionPipeline, words: Mapping[str, Expression]) -> LabeledFaces:
    """The faces of a zip, read without unpacking it to disk."""
    # a damaged zip raises whatever its compression raises: zlib, lzma and zipfile have errors of their own
    with (
        translate_errors(lambda why: DatasetFormatError(f"{source}: not a readable zip ({why})")),
        ZipFile(source) as archive,
    ):
        members = {info.filename: info.file_size for info in archive.infolist()}
        table = next((name for name in members if PurePosixPath(name).name == _ZIP_TABLE), None)
        if table is None:
            raise DatasetFormatError(f"{source}: holds no {_ZIP_TABLE}", hint="the service's page makes such a zip")
        folder, place = PurePosixPath(table).parent, f"{source}: {table}"
        text = _decoded(_unpacked(archive, table, members, _MAX_TABLE_BYTES), place)
        items = (
            _Item(
                f"{source}: {path}",
                partial(_unpacked, archive, str(folder / path), members, _MAX_PICTURE_BYTES),
                label,
                person,
            )
            for _, path, label, person in _rows(text, place)
        )
        return _read(items, pipeline, words, str(source))


def _unpacked(archive: ZipFile, name: str, members: Mapping[str, int], most: int) -> bytes:
    if name not in members:  # names are looked up, never written to disk: "../" has no meaning here
        raise DatasetFormatError(f"{archive.filename}: there is no {name} in it")
    if members[name] > most:
        raise DatasetFormatError(f"{archive.filename}: {name} has {members[name]:,} bytes, expected at most {most:,}")
    with archive.open(name) as stream:
        return stream.read(most)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(_MAX_TABLE_BYTES + 1)
    except OSError as err:
        raise DatasetNotFoundError(f"{path}: cannot be read: {err.strerror or err}") from err
    if len(content) > _MAX_TABLE_BYTES:
        raise DatasetFormatError(f"{path}: expected a table of at most {_MAX_TABLE_BYTES:,} bytes")
    return _decoded(content, str(path))


def _decoded(content: bytes, place: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise DatasetFormatError(f"{place}: not UTF-8 ({reason(err)})") from err


def _rows(text: str, place: str) -> Iterator[tuple[int, str, str, str]]:
    """(line, path, label, person) of each row of a table; ``person`` is "" where the table has no such column."""
    try:
        reader = csv.DictReader(StringIO(text), skipinitialspace=True)
        names = {(name or "").strip().lower(): name for name in reader.fieldnames or ()}
        path_column = next((names[name] for name in _PATH_COLUMNS if name in names), None)
        if path_column is None or "label" not in names:
            raise DatasetFormatError(
                f"{place}: the columns are {list(names)}, expected path, label and optionally person"
            )
        for number, row in enumerate(reader, start=2):
            person = row.get(names.get("person", ""), "") or ""
            yield number, (row[path_column] or "").strip(), (row[names["label"]] or "").strip(), person.strip()
    except csv.Error as err:
        raise DatasetFormatError(f"{place}: not a readable table ({reason(err)})") from err


def _read(
    items: Iterator[_Item], pipeline: ExpressionPipeline, words: Mapping[str, Expression], source: str
) -> LabeledFaces:
    """Decode and crop the pictures one by one, so that one is in memory at a time."""
    labels, crops, columns, persons = pipeline.recognizer.labels, [], [], []
    not_found = 0
    for item in items:
        columns.append(labels.index(_expression(item.label, item.place, words)))
        try:
            picture = load_image(item.content if isinstance(item.content, Path) else item.content())
        except DatasetFormatError:
            raise
        except MienError as err:
            raise DatasetFormatError(f"{item.place}: {err}", hint=err.hint) from err
        crop, found = face_of(picture, pipeline)
        crops.append(crop)
        persons.append(item.person)
        not_found += not found
    if not crops:
        raise DatasetFormatError(
            f"{source}: holds no labeled pictures", hint="one folder per class, or a table of paths"
        )
    return LabeledFaces(np.stack(crops), np.array(columns), np.array(persons, np.str_), not_found, source)


def face_of(picture: ByteArray, pipeline: ExpressionPipeline) -> tuple[FloatArray, bool]:
    """The largest face of a picture as the network sees it, (size, size) in [0, 1], and whether one was detected."""
    size = pipeline.recognizer.metadata.input.size
    height, width = picture.shape[:2]
    whole = Box(0.0, 0.0, float(width), float(height))
    if (height, width) != (size, size):  # otherwise it was cropped before
        faces = pipeline.detector.detect(picture)
        if faces:
            return pipeline.crop(picture, max(faces, key=lambda face: face.box.area)), True
    return crop_face(picture, WHOLE_FRAME.crop_box(whole), size=size), (height, width) == (size, size)


def _expression(word: str, place: str, words: Mapping[str, Expression]) -> Expression:
    found = words.get(word.strip().lower())
    if found is None:
        raise DatasetFormatError(
            f"{place}: label {word[:40]!r} is none of {', '.join(map(str, FERPLUS_LABELS))}",
            hint=f"map it to an expression, such as --map happiness={word[:40]}",
        )
    return found
