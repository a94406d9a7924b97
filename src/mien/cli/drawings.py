"""Where the pictures that a command draws are put.

It does not draw.
"""

from collections.abc import Callable, Hashable
from pathlib import Path

from mien.runtime.files import file_key


class Drawings:
    """A folder of drawings, in which none takes the place of a picture that is read or of another drawing.

    Where the folder holds a picture that is read, other people's files may be in it too: then no file is replaced.
    Elsewhere the drawings of an earlier call are.

    Args:
        folder: Made with the first drawing.
        read: The keys (:func:`mien.runtime.files.file_key`) of the pictures that are read.
    """

    def __init__(self, folder: Path, read: set[Hashable]) -> None:
        there = {file_key(file) for file in folder.glob("*")}
        self._folder = folder
        self._used = read | there if read & there else set(read)

    def add(self, stem: str, save: Callable[[Path], object]) -> Path:
        """Let ``save`` write ``stem.png``, or ``stem-2.png`` and so on where that is taken; where it was written."""
        path, count = self._folder / f"{stem}.png", 1
        while file_key(path) in self._used:
            count += 1
            path = self._folder / f"{stem}-{count}.png"
        save(path)
        self._used.add(file_key(path))
        return path
