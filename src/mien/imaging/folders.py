"""Searching folders for pictures: what is read, what other systems leave there, and what is left out and reported.

    root → folders (links once, no junk) → files (no junk) → by ending, else by the first bytes → picture | left out

It reads the first bytes of files whose ending does not say what they are; no picture is decoded.
"""

import os
from collections import Counter
from collections.abc import Collection, Iterator
from glob import glob, has_magic
from itertools import takewhile
from pathlib import Path

from mien.imaging.formats import IMAGE_SUFFIXES, is_certain
from mien.imaging.mistakes import HINTS, UNREADABLE_SUFFIXES, kind_of

#: What other systems leave in folders and archives, beside hidden files; lower case.
_JUNK = frozenset({"__macosx", "@eadir", ".thumbnails", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin"})
_HEAD_BYTES = 64
#: Raw files of cameras begin as TIFF does, and show a thumbnail when they are read as such.
_TIFF_HEADS = (b"II*\0", b"MM\0*")
_FOUND_BY_CONTENT = frozenset({"HEIC", "JPEG XL", "AVIF", "raw"})
_LOCKED, _BROKEN = "locked folder", "broken link"
_OTHER_HINTS = {
    _LOCKED: "you may not look into the folder; change its permissions",
    _BROKEN: "the link leads nowhere",
}


class LeftOut:
    """Counts, by kind, of files that look like pictures but are not read; reported once after a search."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, kind: str) -> None:
        self.counts[kind] += 1

    def lines(self) -> list[str]:
        """A line a kind: how many, and what to do.

        Examples:
            >>> left_out = LeftOut()
            >>> left_out.add("JPEG XL")
            >>> left_out.lines()
            ['left out 1 JPEG XL file (JPEG XL is not read; export it as JPEG or PNG)']
        """
        return [self._line(kind, count) for kind, count in sorted(self.counts.items())]

    @staticmethod
    def _line(kind: str, count: int) -> str:
        what = kind if kind in _OTHER_HINTS else f"{kind} file"
        plural = "" if count == 1 else "s"
        return f"left out {count:,} {what}{plural} ({_OTHER_HINTS.get(kind) or HINTS[kind]})"


def is_junk(name: str) -> bool:
    """Whether a file or folder is hidden, or one that other systems leave: ``._a.jpg``, ``@eaDir``, ``Thumbs.db``."""
    return name.startswith(".") or name.lower() in _JUNK


def search_folder(
    root: Path,
    left_out: LeftOut,
    *,
    also: frozenset[str] = frozenset(),
    without: Collection[Path] = (),
    deep: bool = True,
) -> Iterator[Path]:
    """The pictures of a folder by name, those of its own folders after them.

    Args:
        root: The folder; it may be hidden, and may be a link.
        left_out: Takes what looks like a picture and cannot be read.
        also: Endings of other files that are wanted, in lower case, such as those of videos.
        without: Folders of results in ``root``, which are not searched.
        deep: Whether the folders in it are searched too; links to folders are followed once.
    """
    results, visited = {path.resolve() for path in without}, set[Path]()
    for folder, folders, files in os.walk(root, followlinks=True, onerror=lambda _: left_out.add(_LOCKED)):
        here = Path(folder).resolve()
        if here in visited or (here in results and Path(folder) != root):
            folders.clear()
            continue
        visited.add(here)
        folders[:] = sorted(name for name in folders if deep and not is_junk(name))
        for name in sorted(files):
            if not is_junk(name) and is_wanted(Path(folder, name), left_out, also):
                yield Path(folder, name)


def pictures_at(path: Path) -> list[Path]:
    """The pictures in a folder and those inside it, sorted by name; a path that is not a folder is its own result."""
    return sorted(search_folder(path, LeftOut())) if path.is_dir() else [path]


def match_pattern(pattern: Path, *, without: Collection[Path] = ()) -> list[Path]:
    """The files that match, sorted, without what other systems leave below the first wildcard.

    A wildcard matches hidden names only where the pattern names the dot; those are then wanted.

    Args:
        pattern: A path with wildcards; ``**`` stands for any number of folders.
        without: Folders of results, whose files are left out unless the pattern begins in them.
    """
    fixed = fixed_part(pattern)
    found = [Path(file) for file in glob(str(pattern), recursive=True)]  # noqa: PTH207 - ** too
    files = sorted(
        file for file in found if file.is_file() and not any(map(_is_visible_junk, file.relative_to(fixed).parts))
    )
    whole = fixed.resolve()
    results = {folder.resolve() for folder in without} - {whole, *whole.parents}
    return [file for file in files if not results & set(file.resolve().parents)] if results else files


def fixed_part(pattern: Path) -> Path:
    """The folder that a pattern searches: its parts before the first with a wildcard."""
    return Path(*takewhile(lambda part: not has_magic(part), pattern.parts))


def _is_visible_junk(part: str) -> bool:
    return is_junk(part) and not part.startswith(".")


def is_wanted(file: Path, left_out: LeftOut, also: frozenset[str] = frozenset()) -> bool:
    """Whether a file is a picture by its ending or, where that does not say so, by its content."""
    suffix = file.suffix.lower()
    if not file.is_file():  # a pipe would be waited for
        if suffix in IMAGE_SUFFIXES and file.is_symlink() and not file.exists():
            left_out.add(_BROKEN)
        return False
    if suffix in IMAGE_SUFFIXES or suffix in also:
        return True
    kind, head = UNREADABLE_SUFFIXES.get(suffix), _head(file)
    if is_certain(head) and not (kind and head.startswith(_TIFF_HEADS)):
        return True
    kind = kind or next((found for found in [kind_of(head)] if found in _FOUND_BY_CONTENT), None)
    if kind is not None:
        left_out.add(kind)
    return False


def is_wanted_name(name: str, left_out: LeftOut, also: frozenset[str] = frozenset()) -> bool:
    """As :func:`is_wanted` by the ending alone, for members of archives and addresses."""
    suffix = Path(name).suffix.lower()
    if suffix in IMAGE_SUFFIXES or suffix in also:
        return True
    if suffix in UNREADABLE_SUFFIXES:
        left_out.add(UNREADABLE_SUFFIXES[suffix])
    return False


def _head(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(_HEAD_BYTES)
    except OSError:
        return b""
