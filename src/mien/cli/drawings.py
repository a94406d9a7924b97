"""Where the rendered pictures of a command are written."""

from collections.abc import Callable, Hashable
from pathlib import Path

from mien.runtime.files import file_key


class Drawings:
    """A folder of rendered pictures, none of which overwrites a source or another rendered picture.

    A folder that holds a source may hold other files of the user too, so there no file is overwritten. Elsewhere the
    pictures of an earlier call are.

    Args:
        folder: Created with the first picture.
        read: The keys (:func:`mien.runtime.files.file_key`) of the source pictures.
    """

    def __init__(self, folder: Path, read: set[Hashable]) -> None:
        # By key, not by name: a link or other capitals may lead to the same file.
        there = {file_key(file) for file in folder.glob("*")}
        self._folder = folder
        self._used = read | there if read & there else set(read)

    def add(self, stem: str, save: Callable[[Path], object]) -> Path:
        """Write ``stem.png``, or ``stem-2.png`` and so on if that is taken, with ``save``; returns its path."""
        path, count = self._folder / f"{stem}.png", 1
        while file_key(path) in self._used:
            count += 1
            path = self._folder / f"{stem}-{count}.png"
        save(path)  # creates the folder, and only here: no pictures, no empty folder
        self._used.add(file_key(path))
        return path
