"""Labeled faces as users have them: a folder a class, a table, a zip of the service's page, or a prepared data set.

It does not fit anything. A picture of exactly the network's size is a face that was cropped before; in any other the
largest face is looked for, and where none is found the whole picture stands for it.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile

import numpy as np
import numpy.typing as npt

from mien.data.dataset import open_dataset
from mien.data.protocols import NO_LABEL, plurality
from mien.data.splits import Split
from mien.errors import DatasetFormatError, DatasetNotFoundError, MienError
from mien.expressions import FERPLUS_LABELS, Expression, LabelSet
from mien.geometry import WHOLE_FRAME, Box, ByteArray, FloatArray
from mien.imaging import IMAGE_SUFFIXES, load_image
from mien.preprocessing import crop_face, to_model_input
from mien.recognition.pipeline import ExpressionPipeline

#: Words that label tables use besides the names of the expressions.
_WORDS = {
    "angry": Expression.ANGER,
    "disgusted": Expression.DISGUST,
    "afraid": Expression.FEAR,
    "fearful": Expression.FEAR,
    "happy": Expression.HAPPINESS,
    "sad": Expression.SADNESS,
    "surprised": Expression.SURPRISE,
    "contemptuous": Expression.CONTEMPT,
} | {str(expression): expression for expression in Expression}
#: The table inside a zip, and the columns that name a picture.
_ZIP_TABLE, _PATH_COLUMNS = "labels.csv", ("path", "file", "image")
#: A table and a picture inside a zip are at most so large; what claims more is refused before it is unpacked.
_MAX_TABLE_BYTES, _MAX_PICTURE_BYTES = 64 << 20, 64 << 20


@dataclass(frozen=True, slots=True, eq=False)
class LabeledFaces:
    """Faces as the network sees them, with their labels.

    Attributes:
        crops: float32 (n, size, size) in [0, 1].
        labels: Columns of the model's labels, int64 (n,).
        persons: Who is shown, str (n,), "" where unknown; the faces of one person are judged together.
        not_found: How many pictures show no face that the detector finds; they stand as they are.
        source: Where they come from.
    """

    crops: FloatArray
    labels: npt.NDArray[np.int64]
    persons: npt.NDArray[np.str_]
    not_found: int
    source: str


@dataclass(frozen=True, slots=True)
class _Item:
    """One labeled picture: a file or encoded bytes, with what messages call it."""

    place: str
    content: Path | Callable[[], bytes]
    label: str
    person: str = ""


def read_labeled(
    source: Path, pipeline: ExpressionPipeline, *, mapped: Mapping[str, str] | None = None, split: Split = "all"
) -> LabeledFaces:
    """The labeled faces of ``source``.

    Args:
        source: A folder with a folder for each class; a ``.csv`` of ``path, label`` and perhaps ``person``, with paths
            beside it; a ``.zip`` of pictures with such a ``labels.csv``; or a prepared data set.
        pipeline: Finds the faces and says how the network sees them.
        mapped: Label in the source to an expression: ``{"smiling": "happiness"}``.
        split: Of a prepared data set.

    Raises:
        DatasetNotFoundError: It is not there.
        DatasetFormatError: It is none of these, a label is unknown, or a picture cannot be read.
    """
    words = _WORDS | {theirs.lower(): _expression(ours, "the map", _WORDS) for theirs, ours in (mapped or {}).items()}
    if (source / "manifest.json").is_file():
        return _prepared(source, pipeline, split)
    if source.is_dir():
        items = _folder(source)
    elif source.suffix.lower() == ".zip":
        return _zipped(source, pipeline, words)
    elif source.is_file():
        items = _table(_text(source), source.parent, str(source))
    else:
        raise DatasetNotFoundError(
            f"{source}: no such folder or file", hint="give labeled faces, see mien adapt --help"
        )
    return _read(items, pipeline, words, str(source))


def _folder(source: Path) -> Iterator[_Item]:
    """Pictures of the folders in ``source``, whose names are the labels."""
    for folder in sorted(path for path in source.iterdir() if path.is_dir() and not path.name.startswith(".")):
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file():
                yield _Item(str(path), path, folder.name)


def _table(text: str, folder: Path, place: str) -> Iterator[_Item]:
    """Rows of a table of path, label and perhaps person; paths are relative to ``folder``."""
    for number, path, label, person in _rows(text, place):
        yield _Item(f"{place}, row {number}: {path}", folder / path, label, person)


def _zipped(source: Path, pipeline: ExpressionPipeline, words: Mapping[str, Expression]) -> LabeledFaces:
    try:
        with ZipFile(source) as archive:
            members = {info.filename: info.file_size for info in archive.infolist()}
            tables = [name for name in members if PurePosixPath(name).name == _ZIP_TABLE]
            if not tables:
                raise DatasetFormatError(f"{source}: holds no {_ZIP_TABLE}", hint="the page's download has one")
            folder = PurePosixPath(tables[0]).parent
            text = _decoded(_unpacked(archive, tables[0], members, _MAX_TABLE_BYTES), f"{source}: {tables[0]}")
            items = (
                _Item(
                    f"{source}: {path}",
                    partial(_unpacked, archive, str(folder / path), members, _MAX_PICTURE_BYTES),
                    label,
                    person,
                )
                for _, path, label, person in _rows(text, f"{source}: {tables[0]}")
            )
            return _read(items, pipeline, words, str(source))
    except (BadZipFile, OSError, NotImplementedError, RuntimeError) as err:
        raise DatasetFormatError(f"{source}: not a readable zip ({err})") from err


def _unpacked(archive: ZipFile, name: str, members: Mapping[str, int], most: int) -> bytes:
    if name not in members:
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
        raise DatasetFormatError(f"{place}: not UTF-8 ({err})") from err


def _rows(text: str, place: str) -> Iterator[tuple[int, str, str, str]]:
    """(number, path, label, person) of each row of a table with a header."""
    try:
        reader = csv.DictReader(StringIO(text), skipinitialspace=True)
        names = {(name or "").strip().lower(): name for name in reader.fieldnames or ()}
        path_column = next((names[name] for name in _PATH_COLUMNS if name in names), None)
        if path_column is None or "label" not in names:
            raise DatasetFormatError(f"{place}: the columns are {list(names)}, expected path, label and perhaps person")
        for number, row in enumerate(reader, start=2):
            person = row.get(names.get("person", ""), "") or ""
            yield number, (row[path_column] or "").strip(), (row[names["label"]] or "").strip(), person.strip()
    except csv.Error as err:
        raise DatasetFormatError(f"{place}: not a readable table ({err})") from err


def _read(
    items: Iterator[_Item], pipeline: ExpressionPipeline, words: Mapping[str, Expression], source: str
) -> LabeledFaces:
    """Decode and crop one picture after the other."""
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
        raise DatasetFormatError(f"{source}: holds no labeled pictures", hint="a folder for each class, or path, label")
    return LabeledFaces(np.stack(crops), np.array(columns), np.array(persons, np.str_), not_found, source)


def face_of(picture: ByteArray, pipeline: ExpressionPipeline) -> tuple[FloatArray, bool]:
    """The face of a picture as the network sees it, (size, size) in [0, 1], and whether one was found."""
    size = pipeline.recognizer.metadata.input.size
    height, width = picture.shape[:2]
    whole = Box(0.0, 0.0, float(width), float(height))
    if (height, width) != (size, size):
        faces = pipeline.detector.detect(picture)
        if faces:
            return pipeline.crop(picture, max(faces, key=lambda face: face.box.area)), True
    return crop_face(picture, WHOLE_FRAME.crop_box(whole), size=size), (height, width) == (size, size)


def _expression(word: str, place: str, words: Mapping[str, Expression]) -> Expression:
    found = words.get(word.strip().lower())
    if found is None:
        raise DatasetFormatError(
            f"{place}: label {word[:40]!r} is none of {', '.join(map(str, FERPLUS_LABELS))}",
            hint=f"--map happiness={word[:40]} says what it is",
        )
    return found


def _prepared(folder: Path, pipeline: ExpressionPipeline, split: Split) -> LabeledFaces:
    """The rows of a prepared data set that have one label: the published one, else the most voted."""
    dataset = open_dataset(folder)
    rows = dataset.split_rows(split)
    if dataset.labels is not None:
        columns = dataset.labels[rows].astype(np.int64)
    else:
        votes = plurality(dataset.votes[rows])
        columns = np.where(votes.any(axis=1), votes.argmax(axis=1), NO_LABEL)
    kept = columns < len(FERPLUS_LABELS)
    rows, columns = rows[kept], columns[kept]
    if not len(rows):
        raise DatasetFormatError(f"{folder}: no image of split {split} has a label")
    ours: LabelSet = pipeline.recognizer.labels
    at = np.array([ours.index(label) for label in FERPLUS_LABELS])
    persons = np.full(len(rows), "") if dataset.persons is None else np.asarray(dataset.persons[rows])
    not_found = 0 if dataset.found is None else int(np.count_nonzero(~dataset.found[rows]))
    crops = to_model_input(dataset.images[rows], pipeline.recognizer.metadata.input)[:, 0]
    return LabeledFaces(crops, at[columns], persons.astype(np.str_), not_found, str(folder))


def counted_labels(faces: LabeledFaces, labels: LabelSet) -> dict[str, int]:
    """How many faces each label has, in label order, those without any left out."""
    counts = Counter(faces.labels.tolist())
    return {str(label): counts[at] for at, label in enumerate(labels) if counts[at]}
