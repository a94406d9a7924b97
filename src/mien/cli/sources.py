# ruff: noqa: PTH110, PTH112
"""What a user names on the command line, as pictures: files, folders, patterns and standard input.

It does not open pictures. Names are looked up with ``os.path``, which says no where ``pathlib`` raises: they may be too
long for a file, or lie in a folder that may not be searched.
"""

import os
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from glob import has_magic
from io import BytesIO
from pathlib import Path

from mien.errors import SourceError
from mien.imaging import ImageSource, readable_path
from mien.imaging.folders import LeftOut, match_pattern, search_folder
from mien.imaging.reading import quoted
from mien.recognition.results import FailedImage

#: Names standard input among the sources, and is its name in results.
STDIN = "-"


@dataclass(frozen=True, slots=True)
class NamedSource:
    """A picture and the name that results give it."""

    name: str
    source: ImageSource


#: What a name resolves to: a picture, or the error that there is none.
Item = NamedSource | FailedImage


def is_single(names: Sequence[str]) -> bool:
    """Whether one picture is meant: one name that is neither a folder nor a pattern."""
    (name, *others) = names
    return not others and not os.path.isdir(name) and (os.path.exists(name) or not has_magic(name))


def expand(names: Sequence[str], left_out: LeftOut, *, leave_out: Collection[Path] = ()) -> Iterator[Item]:
    """The pictures behind each name, in order; folders are searched through and sorted by name.

    Args:
        names: Files, folders, patterns, or :data:`STDIN`.
        left_out: Takes what looks like a picture in a folder and cannot be read.
        leave_out: Folders of results; folders above them, and patterns that begin there, are searched without them.
    """
    for name in names:
        if name == STDIN:
            # read to the end: a pipe cannot seek, and decoders do
            yield NamedSource(STDIN, _Stdin(sys.stdin.buffer.read()))
            continue
        path = Path(name)
        if "://" in name and not os.path.exists(path):  # passed on: load_image fetches it or refuses it
            yield NamedSource(name, name)
            continue
        if os.path.isdir(path):
            files = list(search_folder(path, left_out, without=leave_out))
        elif has_magic(name) and not os.path.exists(path):  # a file called "a[1].jpg" is itself, not a pattern
            files = match_pattern(path, without=leave_out)
        else:
            files = [path]
        yield from (NamedSource(readable_path(file), file) for file in sorted(files))
        if not files:  # an error in the results, so that the other sources are still read
            yield FailedImage(name, SourceError(f"{quoted(name)}: no pictures found"))


class _Stdin(BytesIO):
    """Standard input, read to its end."""

    name = "standard input"  # what messages of load_image call it
