"""What is fuzzed: how a sound input is made, how it is changed, and how it is read."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader of files or folders from outside.

    Attributes:
        make: Writes a sound input into an empty folder and returns what is read of it.
        change: Spoils the input in its place, in parsed fields or anywhere.
        read: Reads it, or raises MienError; what it returns tells whether two readings came to the same.
        memory_bytes: What reading may take beyond what the process has when it starts.
        refuses: Whether a part of the cases is expected to be refused.
    """

    make: Callable[[Path], Path]
    change: Callable[[Path, random.Random, bool], None]
    read: Callable[[Path], Any]
    memory_bytes: int = 1 << 30
    refuses: bool = True


def of_file(
    make: Callable[[Path], Path],
    fields: Callable[[bytes, random.Random], bytes],
    read: Callable[[Path], Any],
    **options: Any,
) -> Reader:
    """A reader of one file, whose parsed fields ``fields`` changes."""
    from tests.fuzz.mutation import anywhere

    def change(path: Path, rng: random.Random, is_in_fields: bool) -> None:
        path.write_bytes((fields if is_in_fields else anywhere)(path.read_bytes(), rng))

    return Reader(make, change, read, **options)
