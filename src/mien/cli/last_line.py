"""The line on standard error that every command ends with: what was read, and which files were written.

Results go to standard output, so this line reaches people and logs, never the next program of a pipe.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from mien.imaging import readable_path
from mien.render.text import counted
from mien.text import printable

#: Up to this number the files of a folder are listed by name; more are counted.
_NAMED = 4


def print_last_line(summary: str, written: Iterable[Path] = ()) -> None:
    """Print ``summary``, followed by the files that were written, if any.

    Args:
        summary: What was read or done, as :func:`read_in_words` words it.
        written: In the order in which they are named; a folder means its content.
    """
    files = _named(list(written))
    print(printable(summary) + (f"; wrote {', '.join(files)}" if files else ""), file=sys.stderr)


def read_in_words(pictures: int, faces: int, without: int, failed: int) -> str:
    """Counts of pictures and faces, worded alike in every command.

    Examples:
        >>> read_in_words(3, 4, 1, 0)
        '3 pictures: 4 faces, 1 without a face, 0 failed'
    """
    return f"{counted(pictures, 'picture')}: {counted(faces, 'face')}, {without:,} without a face, {failed:,} failed"


def _named(files: list[Path]) -> list[str]:
    """Each file by its path; of a folder with more than a few, the number of files and the folder."""
    folders: dict[Path, list[Path]] = {}
    for file in files:  # dicts keep the order in which folders were first written to
        folders.setdefault(file.parent, []).append(file)
    names = []
    for folder, inside in folders.items():
        if len(inside) > _NAMED:
            names.append(f"{len(inside):,} files in {printable(readable_path(folder))}")
        else:
            names += [printable(readable_path(file)) for file in inside]
    return names
