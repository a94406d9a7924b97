"""Writing files so that a reader sees the old content or the new one, never a half.

It does not know what is written.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from mien.errors import MienError, StorageError

#: Bytes of a name that leave room for what a temporary one adds; file systems allow 255.
_LONG_NAME = 200


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside ``path``; rename it to ``path`` when the block ends well, else remove it.

    A pipe or a device, such as ``/dev/stdout``, is written to directly; a link stays, and what it names is replaced.

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
    """As :func:`atomic_file` for a folder; an older folder at ``path`` is replaced at the end, whatever it holds.

    Raises:
        StorageError: The disk is full or the place cannot be written; ``path`` keeps its old content.
    """
    path = path.resolve()
    temporary, older = _beside(path, "part"), _beside(path, "old")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if path.exists():
            path.replace(older)
        temporary.replace(path)
    except MienError:
        raise
    except OSError as err:
        raise _cannot_write(path, err) from err
    finally:
        if older.exists() and not path.exists():
            older.replace(path)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(older, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, all or nothing; what Unicode does not know becomes question marks."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes in hexadecimal.

    Raises:
        OSError: It cannot be read.
    """
    return hashlib.sha256(path.read_bytes()).hexdigest()


def file_key(path: Path) -> Hashable:
    """What all names of and links to one file have in common, and no other file has."""
    try:
        status = path.stat()
    except (OSError, ValueError):  # no file yet, or no name that one could have
        return path.absolute()
    return status.st_dev, status.st_ino


def check_writable(*paths: Path | None) -> None:
    """Refuse, before long work, places where its results cannot be written; what stands there stays.

    Raises:
        StorageError: A folder cannot be made or written in.
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
    """A hidden name in the same folder, no other path's; a long name gives way to its hash, as names have a limit."""
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
