"""The line on standard error that every command ends with: what was read, and which files were written.

Results go to standard output; so that line is there for people and logs, and never in what another program reads.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from mien.imaging import readable_path
from mien.render.text import counted
from mien.text import printable

#: So many files of one folder are named; of more there is a count and the folder.
_NAMED = 4


def print_last_line(told: str, written: Iterable[Path] = ()) -> None:
    """Print ``told``, and the files that were written where there are some.

    Args:
        told: What was read or done, such as :func:`read_in_words` gives.
        written: In the order in which they are named; a folder stands for what is in it.
    """
    files = _named(list(written))
    print(printable(told) + (f"; wrote {', '.join(files)}" if files else ""), file=sys.stderr)


def read_in_words(pictures: int, faces: int, without: int, failed: int) -> str:
    """The way in which every command counts pictures.

    Examples:
        >>> read_in_words(3, 4, 1, 0)
        '3 pictures: 4 faces, 1 without a face, 0 failed'
    """
    return f"{counted(pictures, 'picture')}: {counted(faces, 'face')}, {without:,} without a face, {failed:,} failed"


def _named(files: list[Path]) -> list[str]:
    """Each file by its path, or where a folder got more than a few, their number and the folder."""
    folders: dict[Path, list[Path]] = {}
    for file in files:
        folders.setdefault(file.parent, []).append(file)
    names = []
    for folder, inside in folders.items():
        if len(inside) > _NAMED:
            names.append(f"{len(inside):,} files in {printable(readable_path(folder))}")
        else:
            names += [printable(readable_path(file)) for file in inside]
    return names
