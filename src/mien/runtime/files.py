"""Atomic writes: a reader sees the old content or the new one, never a part."""

import errno
import hashlib
import os
import shutil
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from mien.errors import MienError, StorageError

#: Longest name in bytes to which a temporary name adds its prefix and suffix; file systems allow 255.
_LONG_NAME = 200


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` when the block succeeds, otherwise remove it.

    A pipe or a device, such as ``/dev/stdout``, is written to directly. Of a symbolic link the target is replaced.

    Raises:
        StorageError: The disk is full or the place cannot be written; ``path`` keeps its old content.
    """
    special = path.is_fifo() or path.is_char_device()
    path = path.resolve()
    temporary = _beside(path, "part")
    try:
        if special:
            yield path
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        # without it a crash of the machine soon after the rename could leave an empty file
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    except MienError:
        raise
    except OSError as err:
        raise _cannot_write(path, err) from err
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """As :func:`atomic_file` for a folder; an existing folder at ``path`` is replaced at the end with all its content.

    Raises:
        StorageError: The disk is full or the place cannot be written; ``path`` keeps its old content.
    """
    path = path.resolve()
    temporary, older = _beside(path, "part"), _beside(path, "old")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if path.exists():  # a folder cannot be renamed onto another one that has content
            path.replace(older)
        temporary.replace(path)
    except MienError:
        raise
    except OSError as err:
        raise _cannot_write(path, err) from err
    finally:
        if older.exists() and not path.exists():  # the second rename failed: restore
            older.replace(path)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(older, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, all or nothing; lone surrogates become question marks."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes in hexadecimal.

    Raises:
        OSError: It cannot be read.
    """
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_regular(path: Path) -> None:
    """Refuse what lies at a file's place and is none: reading a pipe would never end.

    Raises:
        OSError: Something is there that is not a regular file.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "not a regular file", str(path))


def file_key(path: Path) -> Hashable:
    """An identity that all paths and links to one file share: its device and inode."""
    try:
        status = path.stat()
    except (OSError, ValueError):  # the file does not exist, or its name is not valid (a null byte)
        return path.absolute()
    return status.st_dev, status.st_ino


def check_writable(*paths: Path | None) -> None:
    """Check before long work that its results can be written; existing files are not touched.

    Raises:
        StorageError: A folder cannot be created or written to.
    """
    for path in paths:
        if path is None or path.is_fifo() or path.is_char_device():
            continue
        folder = path.resolve().parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=folder):
                pass
        except OSError as err:
            raise _cannot_write(path, err) from err


def _beside(path: Path, ending: str) -> Path:
    """A hidden temporary name in the same folder, unique to the path and the process; long names are hashed."""
    name = path.name
    if len(os.fsencode(name)) > _LONG_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return path.with_name(f".{name}.{os.getpid()}.{ending}")


def _cannot_write(path: Path, err: OSError) -> StorageError:
    full = err.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    return StorageError(
        f"cannot write {path}: {err.strerror or err}",
        hint=f"{'free some space or choose' if full else 'choose'} another place; nothing was changed",
    )
