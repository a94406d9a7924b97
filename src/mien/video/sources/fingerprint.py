"""The identity of a source's content: sizes and hashes of what is read, not names."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

#: Bytes that are hashed at the beginning, the middle and the end of a single file; a gigabyte takes milliseconds.
_PART = 2**20
#: Bytes that are hashed at the beginning and the end of each picture of a sequence.
_PICTURE_PART = 2**12


def can_be_read_again(files: Sequence[Path]) -> bool:
    """Whether a source consists of regular files; a stream, a pipe, a camera or pictures in memory do not."""
    return bool(files) and all(file.is_file() for file in files)


def fingerprint(files: Sequence[Path]) -> str:
    """SHA-256 over size and parts of each file, in hexadecimal.

    Of a single file the first, middle and last MiB are hashed; of several, their names and less of each.

    Raises:
        OSError: A file cannot be read.
    """
    digest = hashlib.sha256()
    for file in files:
        size, is_alone = file.stat().st_size, len(files) == 1
        digest.update(f"{'' if is_alone else file.name}\0{size}\0".encode(errors="surrogateescape"))
        # A video may be renamed; the names of pictures are their order.
        part = _PART if is_alone else _PICTURE_PART
        starts = (0, size // 2 - part // 2, size - part) if is_alone else (0, size - part)
        with file.open("rb") as stream:
            for start in starts:
                digest.update(_read(stream, max(0, start), part))
    return digest.hexdigest()


def _read(stream: BinaryIO, start: int, length: int) -> bytes:
    stream.seek(start)
    return stream.read(length)
