"""Layouts with a list of images beside them: LFW and IMFDB, RAF-DB, ExpW."""

import re
from functools import partial
from pathlib import Path

from mien.curation.items import Layout, Rows, SourceItem, inside, wanted_file
from mien.curation.splits import all_judged, by_person
from mien.data.tables import LIST_LIMITS, read_lines, read_rows, shown, whole_number
from mien.errors import DatasetFormatError, DatasetNotFoundError
from mien.expressions import EXPW_LABELS, RAFDB_LABELS, Expression
from mien.geometry import Box

_LFW_NAME = re.compile(r"(.+)_\d{4}\.jpe?g", re.IGNORECASE)
_BEFORE_NUMBER = re.compile(r"[^\d_]+")
_MOST_PIXELS = 99_999


def read_legend(source: Path, *, lfw: bool) -> Rows:
    """One of the two sets of muxspace/facial_expressions: ``legend.csv`` and ``images/``.

    Fields (its README): ``image, annotator, emotion``; eight names in mixed case, one annotator an image, some images
    twice. LFW's names are ``First_Last_0001.jpg``, a person and a number; all others count as IMFDB's, whose person
    precedes the first digit or underscore.

    Args:
        source: The folder of ``legend.csv``.
        lfw: Whether LFW's images are read, or all others.
    """
    legend = wanted_file(source, "legend.csv", "data/legend.csv")
    rows = read_rows(legend, LIST_LIMITS)
    _, header = next(rows, (1, []))
    if [name.strip().lower() for name in header[:3]] != ["image", "annotator", "emotion"]:
        raise DatasetFormatError(f"{legend}:1: expected image,annotator,emotion, found {shown(','.join(header))}")
    images = legend.parent / "images"
    # one legend covers both sets; the form of a name shows which
    for line, fields in rows:
        place = f"{legend}:{line}"
        if len(fields) < 3:
            yield DatasetFormatError(f"{place}: expected 3 fields, found {len(fields)}")
            continue
        name, emotion = fields[0].strip(), fields[2]
        match = _LFW_NAME.fullmatch(name)
        if (match is not None) != lfw:
            continue
        person = match.group(1) if match else _BEFORE_NUMBER.match(name)
        try:
            path = inside(images, name, place)
        except DatasetFormatError as err:
            yield err
            continue
        yield SourceItem(
            name,
            place,
            path,
            ((emotion, 1),),
            person=person if isinstance(person, str) else person.group() if person else "",
        )


def read_rafdb(source: Path) -> Rows:
    """RAF-DB's basic set: ``EmoLabel/list_patition_label.txt`` (its spelling), lines such as ``train_00001.jpg 5``.

    Numbers by its readme: 1 Surprise, 2 Fear, 3 Disgust, 4 Happiness, 5 Sadness, 6 Anger, 7 Neutral. Pictures lie in
    ``Image/aligned`` as ``train_00001_aligned.jpg``, else in ``Image/original`` under their own names. The split
    precedes the underscore; the published training split has no validation part.
    """
    listing = wanted_file(source, "list_patition_label.txt", "EmoLabel/list_patition_label.txt")
    folders = [source / "Image" / "aligned", source / "Image" / "original", source / "aligned", source]
    for line, text in read_lines(listing, LIST_LIMITS):
        place = f"{listing}:{line}"
        fields = text.split()
        split = {"train": "train", "test": "test"}.get(fields[0].partition("_")[0])
        if len(fields) != 2 or split is None:
            yield DatasetFormatError(
                f"{place}: expected a name such as train_00001.jpg and a number, found {shown(text)}"
            )
            continue
        stem, _, ending = fields[0].rpartition(".")
        names = (f"{stem}_aligned.{ending}", fields[0])  # aligned pictures are framed alike and come first
        path = next((folder / name for folder in folders for name in names if (folder / name).is_file()), None)
        if path is None or "/" in fields[0]:
            yield DatasetFormatError(f"{place}: there is no picture of {shown(fields[0])} in {source}")
            continue
        yield SourceItem(fields[0], place, path, ((fields[1], 1),), split="train" if split == "train" else "test")


def read_expw(source: Path) -> Rows:
    """ExpW's ``label/label.lst`` and ``image/``, one face a line.

    Fields by its readme: ``image_name face_id_in_image face_box_top face_box_left face_box_right face_box_bottom
    face_box_cofidence expression_label``, the last 0 angry, 1 disgust, 2 fear, 3 happy, 4 sad, 5 surprise, 6 neutral.
    """
    listing = wanted_file(source, "label.lst", "label/label.lst")
    images = next((f for f in (source / "image", source / "origin", source / "images") if f.is_dir()), None)
    if images is None:
        raise DatasetNotFoundError(f"{source / 'image'}: no such folder", hint="unpack ExpW's pictures there")
    for line, text in read_lines(listing, LIST_LIMITS):
        place = f"{listing}:{line}"
        fields = text.split()
        if len(fields) != 8:
            yield DatasetFormatError(f"{place}: expected 8 fields, found {len(fields)}")
            continue
        corners = [whole_number(field, _MOST_PIXELS) for field in fields[2:6]]
        try:
            path = inside(images, fields[0], place)
        except DatasetFormatError as err:
            yield err
            continue
        # the publisher's order, which is not left, top, right, bottom
        top, left, right, bottom = (corner if corner is not None else -1 for corner in corners)
        if not (0 <= left < right and 0 <= top < bottom):
            yield DatasetFormatError(
                f"{place}: box {' '.join(fields[2:6])[:40]} has no area; its order is top left right bottom"
            )
            continue
        box = Box(float(left), float(top), float(right), float(bottom))
        # a picture has several faces: the number in it makes a name
        yield SourceItem(f"{fields[0]}#{fields[1][:9]}", place, path, ((fields[7], 1),), box=box)


_EIGHT = {str(expression): expression for expression in Expression}
_LEGEND_SOURCE = "github.com/muxspace/facial_expressions"
LFW = Layout(
    "lfw",
    partial(read_legend, lfw=True),
    _EIGHT,
    several=True,
    parts=by_person,
    source=f"{_LEGEND_SOURCE}; pictures of Labeled Faces in the Wild",
    license="labels Apache-2.0; pictures for research",
)
IMFDB = Layout(
    "imfdb",
    partial(read_legend, lfw=False),
    _EIGHT,
    several=True,
    parts=all_judged,
    source=f"{_LEGEND_SOURCE}; pictures of the Indian Movie Face Database",
    license="labels Apache-2.0; pictures for research",
)
RAFDB = Layout(
    "rafdb",
    read_rafdb,
    {str(number): label for number, label in enumerate(RAFDB_LABELS, 1)},
    source="Li, Deng and Du 2017, whdeng.cn/RAF/model1.html",
    license="non-commercial research, by agreement with the publisher",
)
EXPW = Layout(
    "expw",
    read_expw,
    {str(number): label for number, label in enumerate(EXPW_LABELS)},
    source="Zhang et al. 2016, mmlab.ie.cuhk.edu.hk/projects/socialrelation",
    license="non-commercial research",
)
