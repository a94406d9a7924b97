"""What a batch job reads: one entry for each picture or video, with its location and a version that shows a change.

It does not read pictures.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from mien.errors import DatasetFormatError
from mien.runtime.files import check_regular, write_text
from mien.runtime.translation import reason

#: Where the bytes of an entry come from.
#:   file: a path    tar, zip: a member of an archive    table: a row of a column    url: an address for fsspec
Origin = Literal["file", "tar", "zip", "table", "url"]
Kind = Literal["image", "video"]
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".3gp", ".ts", ".wmv", ".flv"}
)
_ORIGINS, _KINDS = {"file", "tar", "zip", "table", "url"}, {"image", "video"}


def kind_of_name(name: str) -> Kind:
    """A video by the ending of its name; everything else is taken for a picture, and its content decides."""
    return "video" if PurePosixPath(name).suffix.lower() in VIDEO_SUFFIXES else "image"


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture or video of the input.

    Attributes:
        name: What results call it; unique in a job.
        kind: A picture, or a video, which gives a row for each of its frames and faces.
        origin: Where it lies.
        container: Path or address of the file itself, or of the archive or table that holds it.
        member: Name inside an archive, or number of the row of a table.
        version: Size and time of change, checksum or etag: differs if the content has changed.
    """

    name: str
    kind: Kind
    origin: Origin
    container: str
    member: str = ""
    version: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Equal for an entry that has not changed."""
        return self.name, self.version


def fingerprint(entries: Sequence[Entry]) -> str:
    """SHA-256 of names and versions, in order."""
    digest = hashlib.sha256()
    for entry in entries:
        digest.update(json.dumps(entry.key, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Part:
    """The entries whose rows are one file, in order."""

    number: int
    entries: tuple[Entry, ...]

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.entries)


def divide(entries: Sequence[Entry], size: int, *, first: int = 0) -> list[Part]:
    """Parts of ``size`` pictures; a video is a part of its own, since it may give very many rows."""
    parts: list[Part] = []
    waiting: list[Entry] = []

    def finish() -> None:
        if waiting:
            parts.append(Part(first + len(parts), tuple(waiting)))
            waiting.clear()

    for entry in entries:
        if entry.kind == "video":
            finish()  # what came before it keeps its place
            parts.append(Part(first + len(parts), (entry,)))
            continue
        waiting.append(entry)
        if len(waiting) == size:
            finish()
    finish()
    return parts


def write_plan(path: Path, parts: Sequence[Part]) -> None:
    """One line of JSON for each entry, with the number of its part."""
    lines = [
        json.dumps({"part": part.number, **asdict(entry)}, ensure_ascii=True) + "\n"  # names may be no Unicode
        for part in parts
        for entry in part.entries
    ]
    write_text(path, "".join(lines))


def read_plan(path: Path) -> list[Part]:
    """What :func:`write_plan` wrote.

    Raises:
        DatasetFormatError: A line is not an entry; the message says which.
        OSError: It is not a file, or cannot be read.
    """
    grouped: dict[int, list[Entry]] = {}
    check_regular(path)
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            try:
                record = json.loads(line)
                grouped.setdefault(_part_number(record), []).append(_entry(record))
            except (ValueError, TypeError, KeyError) as err:
                raise DatasetFormatError(
                    f"{path}, line {number}: not an entry of a batch job ({reason(err)})",
                    hint="the file was changed; begin the job again in another folder",
                ) from err
    return [Part(number, tuple(entries)) for number, entries in sorted(grouped.items())]


def _part_number(record: dict[str, Any]) -> int:
    number = record.pop("part")
    if not isinstance(number, int) or not 0 <= number < 10**8:  # it becomes the name of a file
        raise ValueError(f"part is {number!r}")
    return number


def _entry(record: dict[str, Any]) -> Entry:
    entry = Entry(**record)
    # dataclasses do not check types, and a number as a name would fail much later
    if not all(isinstance(value, str) for value in asdict(entry).values()):
        raise TypeError("expected text in every field")
    if entry.origin not in _ORIGINS or entry.kind not in _KINDS:
        raise ValueError(f"{entry.kind!r} from {entry.origin!r}")
    return entry
