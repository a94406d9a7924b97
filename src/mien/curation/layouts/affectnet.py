"""AffectNet in its two published forms: CSV files, and a folder of ``.npy`` annotations."""

from pathlib import Path

import numpy as np

from mien.curation.items import Layout, Rows, SourceItem, inside
from mien.data.splits import Split
from mien.data.tables import LIST_LIMITS, read_rows, shown, whole_number
from mien.errors import DatasetFormatError, DatasetNotFoundError
from mien.expressions import AFFECTNET_LABELS, Expression
from mien.geometry import Box
from mien.runtime.translation import reason

#: 0 to 7 are expressions; 8 None, 9 Uncertain, 10 No-Face are none of the eight and have to be mapped or dropped.
_CLASSES: dict[str, Expression | None] = {
    **{str(number): label for number, label in enumerate(AFFECTNET_LABELS)},
    "8": None,
    "9": None,
    "10": None,
}
_LISTS: tuple[tuple[str, Split], ...] = (("training.csv", "train"), ("validation.csv", "validation"))
#: Where the publisher's archives put lists and pictures; both may also lie in the source itself.
_LIST_FOLDERS = ("Manually_Annotated_file_lists",)
_IMAGE_FOLDERS = ("Manually_Annotated_Images", "Manually_Annotated/Manually_Annotated_Images")
_MOST_PIXELS = 99_999
_SPLIT_FOLDERS: tuple[tuple[str, Split], ...] = (
    ("train_set", "train"),
    ("val_set", "validation"),
    ("test_set", "test"),
)
#: An annotation is one short string; a file that is larger is something else.
_MOST_BYTES = 4096


def read_affectnet_csv(source: Path) -> Rows:
    """``training.csv`` and ``validation.csv`` beside ``Manually_Annotated_Images``, or in the publisher's two folders.

    Fields (Mollahosseini et al. 2017, its readme): ``subDirectory_filePath, face_x, face_y, face_width, face_height,
    facial_landmarks, expression, valence, arousal``; expression 0 Neutral, 1 Happy, 2 Sad, 3 Surprise, 4 Fear,
    5 Disgust, 6 Anger, 7 Contempt, 8 None, 9 Uncertain, 10 No-Face.
    """
    lists = next((f for f in (source, *(source / name for name in _LIST_FOLDERS)) if _has_list(f)), None)
    if lists is None:
        raise DatasetNotFoundError(f"{source}: training.csv or validation.csv not found", hint="AffectNet's lists")
    images = next((f for f in (source / name for name in _IMAGE_FOLDERS) if f.is_dir()), source)
    for name, split in _LISTS:
        if (lists / name).is_file():
            yield from _read_list(lists / name, images, split)


def _has_list(folder: Path) -> bool:
    return any((folder / name).is_file() for name, _ in _LISTS)


def _read_list(table: Path, images: Path, split: Split) -> Rows:
    rows = read_rows(table, LIST_LIMITS)
    _, header = next(rows, (1, []))
    wanted = ("subDirectory_filePath", "expression", "face_x", "face_y", "face_width", "face_height")
    if missing := [name for name in wanted if name not in header]:
        raise DatasetFormatError(f"{table}:1: no column {', '.join(missing)}", hint="expected AffectNet's list")
    at = [header.index(name) for name in wanted]
    for line, fields in rows:
        place = f"{table}:{line}"
        if len(fields) < len(header):
            yield DatasetFormatError(f"{place}: expected {len(header)} fields, found {len(fields)}")
            continue
        name, expression, *corners = (fields[column] for column in at)
        try:
            path, box = inside(images, name, place), _box(corners, place)
        except DatasetFormatError as err:
            yield err
            continue
        yield SourceItem(name, place, path, ((expression.strip(), 1),), split=split, box=box)


def _box(corners: list[str], place: str) -> Box | None:
    """The published box of x, y, width and height; None where it says NULL or less than 0, for no face found."""
    if any(corner.strip().upper() in {"", "NULL"} or corner.strip().startswith("-") for corner in corners):
        return None
    numbers = [whole_number(corner, _MOST_PIXELS) for corner in corners]
    left, top, width, height = (number if number is not None else -1 for number in numbers)
    if min(left, top) < 0 or min(width, height) < 1:
        raise DatasetFormatError(f"{place}: box {shown(' '.join(corners))}, expected x, y, width and height in pixels")
    return Box(float(left), float(top), float(left + width), float(top + height))


def read_affectnet_npy(source: Path) -> Rows:
    """``train_set`` and ``val_set``, each with ``images/0.jpg`` and ``annotations/0_exp.npy``, a string of a number.

    The cropped release of AffectNet-HQ's predecessor at 224 pixels; ``_exp`` holds the expression as above, ``_val``,
    ``_aro`` and ``_lnd`` are not read.
    """
    found = False
    for folder, split in _SPLIT_FOLDERS:
        annotations = source / folder / "annotations"
        for path in sorted(annotations.glob("*_exp.npy")):
            found = True
            number = path.name.removesuffix("_exp.npy")
            picture = source / folder / "images" / f"{number}.jpg"
            label = _label_in(path)
            if not picture.is_file() or isinstance(label, DatasetFormatError):
                yield (
                    label
                    if isinstance(label, DatasetFormatError)
                    else DatasetFormatError(f"{path}: there is no {picture}")
                )
                continue
            yield SourceItem(f"{folder}/images/{number}.jpg", str(path), picture, ((label, 1),), split=split)
    if not found:
        raise DatasetNotFoundError(f"{source}: no train_set/annotations/*_exp.npy", hint="AffectNet's folder of arrays")


def _label_in(path: Path) -> str | DatasetFormatError:
    """The only value of an array file, as text."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return DatasetFormatError(f"{path}: more than {_MOST_BYTES} bytes, expected one number")
        value = np.asarray(np.load(path, allow_pickle=False)).reshape(-1)
        text = str(value[0]) if value.size == 1 else ""  # fails where text holds what are no characters
    except Exception as err:  # noqa: BLE001 - a header that is no Python raises what the parser raises
        return DatasetFormatError(f"{path}: cannot be read ({reason(err)})", hint="--skip-bad leaves it out")
    if value.size != 1:
        return DatasetFormatError(f"{path}: {value.size} values, expected one number")
    return text


_SOURCE = "Mollahosseini, Hasani and Mahoor 2017, AffectNet"
_LICENSE = "non-commercial research, by agreement with the publisher"
AFFECTNET = Layout("affectnet", read_affectnet_csv, _CLASSES, source=_SOURCE, license=_LICENSE)
AFFECTNET_NPY = Layout("affectnet-npy", read_affectnet_npy, _CLASSES, side=224, source=_SOURCE, license=_LICENSE)
