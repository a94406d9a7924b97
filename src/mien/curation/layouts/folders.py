"""Layouts in which the folder or the file name says the label: a folder per class, CK+48, KDEF, London."""

import re
from functools import partial
from pathlib import Path

from mien.curation.items import Layout, Rows, SourceItem, pictures_below, split_of, wanted_file
from mien.curation.splits import all_judged
from mien.data.tables import LIST_LIMITS, read_rows
from mien.errors import ConfigError, DatasetFormatError, DatasetNotFoundError
from mien.expressions import CKPLUS_LABELS, KDEF_LABELS, PUBLISHED_WORDS, Expression

_KDEF_CODES = ("AF", "AN", "DI", "HA", "NE", "SA", "SU")
_KDEF_NAME = re.compile(r"([AB])([FM])(\d{2})(AF|AN|DI|HA|NE|SA|SU)(FL|HL|S|HR|FR)", re.IGNORECASE)
_CKPLUS_PERSON = re.compile(r"(S\d{3})_")
_NO_PERSON = re.compile(r"(?!)")  # matches nothing


def read_folders(source: Path, *, person: re.Pattern[str] = _NO_PERSON) -> Rows:
    """A folder per class, with or without a folder per split above: ``train/happy/1.jpg`` or ``happy/1.jpg``.

    That is torchvision's ``ImageFolder`` and the published image form of FER2013 (``train`` and ``test``, each with
    ``angry disgust fear happy neutral sad surprise``).

    Args:
        source: The folder above.
        person: Its first group, searched in the file name, is who is shown.
    """
    found = False
    for path in pictures_below(source):
        if isinstance(path, DatasetFormatError):
            yield path
            continue
        found = True
        inner = path.relative_to(source)
        if len(inner.parts) < 2:
            yield DatasetFormatError(
                f"{path}: lies in no folder of a class", hint="expected CLASS/NAME below the source"
            )
            continue
        match = person.search(path.name)
        yield SourceItem(
            str(inner),
            str(path),
            path,
            ((inner.parts[-2], 1),),
            # of train/happy/1.jpg the split, of a class called "test" without a folder above it none
            split=split_of(inner.parts[0]) if len(inner.parts) > 2 else None,
            person=match.group(1) if match else "",
        )
    if not found:
        raise DatasetNotFoundError(f"{source}: no pictures below it", hint="expected a folder per class")


def read_kdef(source: Path) -> Rows:
    """KDEF's pictures by their names, such as ``AF01ANS.JPG``: session, sex, number, expression, angle.

    The publisher's codes (kdef.se, "About KDEF"): session A or B; F or M; 01 to 35; AF afraid, AN angry, DI disgusted,
    HA happy, NE neutral, SA sad, SU surprised; FL, HL, S, HR, FR for full left to full right profile. A person is sex
    and number; sex and angle are groups.
    """
    found = False
    for path in pictures_below(source):
        if isinstance(path, DatasetFormatError):
            yield path
            continue
        found = True
        match = _KDEF_NAME.fullmatch(path.stem)
        if match is None:
            yield DatasetFormatError(f"{path}: not a KDEF name such as AF01ANS.JPG", hint="--skip-bad leaves it out")
            continue
        _, sex, number, code, angle = (part.upper() for part in match.groups())
        groups = {"gender": {"F": "female", "M": "male"}[sex], "angle": angle}
        inner = str(path.relative_to(source))
        yield SourceItem(inner, str(path), path, ((code, 1),), person=sex + number, groups=groups)
    if not found:
        raise DatasetNotFoundError(f"{source}: no pictures below it", hint="expected files such as AF01ANS.JPG")


def read_london(source: Path) -> Rows:
    """The Face Research Lab London Set: ``neutral/001_03.jpg``, ``smiling/001_08.jpg`` and ``london_info.csv``.

    Fields of the table (DeBruine and Jones 2017, doi 10.6084/m9.figshare.5047666): ``face_id, face_age, face_gender,
    face_eth``. The person is the number before the underscore.
    """
    table = wanted_file(source, "london_info.csv", "london_faces_info.csv")
    rows = read_rows(table, LIST_LIMITS)
    _, header = next(rows, (1, []))
    if missing := {"face_id", "face_age", "face_gender", "face_eth"} - set(header):
        raise DatasetFormatError(f"{table}:1: no column {', '.join(sorted(missing))}")
    people: dict[str, dict[str, str]] = {}
    for line, fields in rows:
        if len(fields) == len(header):
            people[fields[header.index("face_id")]] = dict(zip(header, fields, strict=True))
        else:
            yield DatasetFormatError(f"{table}:{line}: expected {len(header)} fields, found {len(fields)}")
    for folder in ("neutral", "smiling"):
        if not (source / folder).is_dir():
            raise DatasetNotFoundError(f"{source / folder}: no such folder", hint="expected neutral and smiling")
        for path in pictures_below(source / folder):
            if isinstance(path, DatasetFormatError):
                yield path
                continue
            number = path.stem.partition("_")[0]
            if number not in people:
                yield DatasetFormatError(f"{path}: {table.name} has no face_id {number[:20]!r}")
                continue
            record = people[number]
            groups = {"gender": record["face_gender"], "age": record["face_age"], "ethnicity": record["face_eth"]}
            inner = str(path.relative_to(source))
            yield SourceItem(inner, str(path), path, ((folder, 1),), person=number, groups=groups)


def folder_layout(person: str | None = None) -> Layout:
    """The layout of a folder per class; its classes are the folders that there are.

    Args:
        person: Regular expression whose first group, searched in a file name, is who is shown.

    Raises:
        ConfigError: It is no regular expression, or has no group.
    """
    try:
        pattern = _NO_PERSON if person is None else re.compile(person)
    except re.error as err:
        raise ConfigError(f"person pattern {person!r}: {err}") from err
    if person is not None and not pattern.groups:
        raise ConfigError(f"person pattern {person!r} has no group", hint=r"such as '^(\w+)_\d+'")
    return Layout("folder", partial(read_folders, person=pattern), PUBLISHED_WORDS, open_classes=True)


FOLDER = folder_layout()
CKPLUS = Layout(
    "ckplus48",
    partial(read_folders, person=_CKPLUS_PERSON),  # S010_004_00000017.png: subject, session, frame
    dict(zip(("anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise"), CKPLUS_LABELS, strict=True)),
    side=48,
    source="Lucey et al. 2010, the extended Cohn-Kanade data set, last three frames at 48 pixels",
    license="research use, by agreement with the publisher",
)
KDEF = Layout(
    "kdef",
    read_kdef,
    dict(zip((code.lower() for code in _KDEF_CODES), KDEF_LABELS, strict=True)),
    source="Lundqvist, Flykt and Öhman 1998, The Karolinska Directed Emotional Faces, kdef.se",
    license="non-commercial research, by agreement with the publisher",
)
LONDON = Layout(
    "london",
    read_london,
    {"neutral": Expression.NEUTRAL, "smiling": Expression.HAPPINESS},
    parts=all_judged,
    source="DeBruine and Jones 2017, Face Research Lab London Set, doi 10.6084/m9.figshare.5047666",
    license="CC BY 4.0",
)
