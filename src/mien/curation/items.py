"""What a reader of a published layout hands on: one image with its labels, or what is wrong with a row.

It does not know pixels, nor what becomes of the labels.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mien.data.splits import Split
from mien.errors import DatasetFormatError, DatasetNotFoundError
from mien.expressions import Expression
from mien.geometry import Box
from mien.imaging.folders import LeftOut, search_folder

#: What published sets call the splits, in lower case.
SPLIT_NAMES: dict[str, Split] = {
    **dict.fromkeys(("train", "training", "train_set"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "val_set", "publictest", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "test_set", "privatetest"), "test"),
}


@dataclass(frozen=True, slots=True)
class SourceItem:
    """One image of a source.

    Attributes:
        name: Path inside the source; with ``#`` and a number where an image has several faces.
        place: File and row, for messages.
        content: Where its picture lies, or its encoded bytes.
        votes: Published label and number of votes (or share, in [0, 1]), in the order given.
        split: As published, None where the source has none.
        person: Who is shown, "" where unknown.
        groups: Such as ``{"gender": "female"}``.
        box: The published box of the face in pixels, None where the picture is the face.
    """

    name: str
    place: str
    content: Path | bytes
    votes: tuple[tuple[str, float], ...]
    split: Split | None = None
    person: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)
    box: Box | None = None


#: What a reader yields: an image, or the fault of a row; the rows after it can still be read.
Rows = Iterator[SourceItem | DatasetFormatError]


@dataclass(frozen=True, slots=True)
class Layout:
    """A published layout.

    Attributes:
        name: What ``--layout`` calls it.
        read: Yields the images of a source in a fixed order.
        classes: Published label, in lower case, to expression; None for one that is none of the eight.
        open_classes: Whether a source may have other labels than ``classes``, or lack some; then its classes are those
            that occur.
        several: Whether an image may be listed more than once, each time with one annotator's label.
        side: Width and height that every picture has by the publisher's word, None where any size may come.
        parts: Split of an image by its person, where the shared protocol fixes it; None leaves it to the import.
        license: Terms as the publisher states them.
        source: Where the set is described.
    """

    name: str
    read: Callable[[Path], Rows]
    classes: Mapping[str, Expression | None]
    open_classes: bool = False
    several: bool = False
    side: int | None = None
    parts: Callable[[str], Split] | None = None
    license: str = "not stated"
    source: str = "not stated"


def split_of(text: str) -> Split | None:
    """The split that a published name such as ``Training`` or ``val`` means, None for any other word."""
    return SPLIT_NAMES.get(text.strip().lower())


def inside(source: Path, name: str, place: str) -> Path:
    """The path of ``name`` below ``source``.

    Raises:
        DatasetFormatError: The name leaves the source folder, or nothing lies there.
    """
    cleaned = name.strip().replace("\\", "/")
    parts = Path(cleaned).parts
    if not cleaned or "\0" in cleaned or Path(cleaned).is_absolute() or ".." in parts:
        raise DatasetFormatError(f"{place}: {name[:60]!r} is no path inside {source}")
    path = source / cleaned
    try:
        is_file = path.is_file()
    except OSError:  # a name longer than names can be
        is_file = False
    if not is_file:
        raise DatasetFormatError(
            f"{place}: there is no file {name[:60]!r} in {source}", hint="--skip-bad leaves it out"
        )
    return path


def pictures_below(folder: Path) -> Iterator[Path | DatasetFormatError]:
    """Pictures of ``folder`` and its folders, by name, without what other systems leave there.

    They are found as :func:`mien.imaging.folders.search_folder` finds them; what looks like a picture and cannot be
    read is an error after the others.
    """
    left_out = LeftOut()
    yield from sorted(search_folder(folder, left_out))
    for line in left_out.lines():
        yield DatasetFormatError(f"{folder}: {line}", hint="--skip-bad leaves it out")


def wanted_file(folder: Path, *names: str) -> Path:
    """The first of ``names`` that lies in ``folder``.

    Raises:
        DatasetNotFoundError: None of them does.
    """
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DatasetNotFoundError(
        f"{folder}: {' or '.join(names)} not found", hint="is this the folder that the publisher's archive unpacks to?"
    )
