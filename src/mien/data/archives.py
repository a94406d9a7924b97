"""Opening a data file that may lie in an archive, with a bound on what it may unpack to.

A compressed file of a few megabytes can unpack to terabytes, and its decoder may raise anything: both become an error
that names the file.
"""

import bz2
import errno
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any

from mien.errors import DatasetFormatError, DatasetNotFoundError, MienError

#: What readers of archives raise on damaged or crafted content. OSErrors of the disk have a number, theirs have none.
_DAMAGE = (
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    OSError,
    RuntimeError,  # encrypted members; NotImplementedError for unknown methods
    TypeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)
_OPENERS: dict[str, Callable[..., Any]] = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}
_TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
#: Published archives hold a handful of files.
_MAX_MEMBERS = 10_000
#: tarfile reads extended headers as a whole, whatever size they claim.
_MAX_READ = 1 << 20


class BoundedStream(io.RawIOBase):
    """A binary stream that gives at most ``max_bytes`` and turns its decoder's errors into ours.

    Args:
        raw: What to read from.
        path: For messages.
        max_bytes: Reading or seeking beyond raises.
    """

    def __init__(self, raw: IO[bytes], path: Path, max_bytes: int) -> None:
        self._raw, self._path, self._max_bytes = raw, path, max_bytes
        self._position = 0

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes; negative is all there are within the bound.

        Raises:
            DatasetFormatError: The archive is damaged, or holds more than the bound.
        """
        room = self._max_bytes - self._position + 1  # one more than allowed: shows that the file is longer
        with _translated(self._path):
            block = self._raw.read(room if size < 0 else min(size, room))
        self._moved_to(self._position + len(block))
        return block

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; a compressed stream unpacks everything up to there, so the bound applies here too."""
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("only seeks from the start")
        self._moved_to(offset)
        with _translated(self._path):
            return self._raw.seek(offset)

    def tell(self) -> int:
        return self._position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def _moved_to(self, position: int) -> None:
        if position > self._max_bytes:
            raise DatasetFormatError(
                f"{self._path}: holds more than {self._max_bytes:,} bytes once unpacked",
                hint="the published file is smaller; give the file itself",
            )
        self._position = position


class _TarStream(BoundedStream):
    """The stream that tarfile reads from; it refuses headers that are larger than any real one."""

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > _MAX_READ:
            raise DatasetFormatError(
                f"{self._path}: the archive is damaged or cut short (a header of {size:,} bytes)", hint=_AGAIN
            )
        return super().read(size)


@contextmanager
def open_bytes(path: Path, *, max_bytes: int) -> Iterator[BoundedStream]:
    """Open ``path`` for reading bytes; ``.xz .gz .bz2 .zip .tar.*`` are unpacked on the way.

    An archive of several files is read at the one called fer2013.csv, else at its largest ``.csv``.

    Args:
        path: The file.
        max_bytes: More than these, once unpacked, are refused while they are read.

    Raises:
        DatasetNotFoundError: There is no such file.
        DatasetFormatError: The archive is damaged, cut short, or holds no CSV file; also while it is read.
    """
    with ExitStack() as stack:
        stream = stack.enter_context(_opened(path, max_bytes))
        yield BoundedStream(stream, path, max_bytes)


def _reason(err: OSError) -> str:
    is_absent = isinstance(err, FileNotFoundError | IsADirectoryError)
    return "no such file" if is_absent else f"cannot be read ({err.strerror})"


def _opened(path: Path, max_bytes: int) -> AbstractContextManager[IO[bytes]]:
    name = path.name.lower()
    if name.endswith(_TAR_ENDINGS):
        return _open_tar(path, max_bytes)
    if name.endswith(".zip"):
        return _open_zip(path)
    with _translated(path):
        stream: IO[bytes] = _OPENERS.get(path.suffix.lower(), Path.open)(path, "rb")
    return stream


@contextmanager
def _open_tar(path: Path, max_bytes: int) -> Iterator[IO[bytes]]:
    suffix = path.suffix.lower()
    opener = _OPENERS.get({".tgz": ".gz"}.get(suffix, suffix), Path.open)
    with ExitStack() as stack:
        with _translated(path):
            raw = stack.enter_context(opener(path, "rb"))
            # "r:" because the stream is unpacked already, and counted here
            archive = stack.enter_context(tarfile.open(fileobj=_TarStream(raw, path, max_bytes), mode="r:"))
            members = {m.name: m for m in islice(archive, _MAX_MEMBERS) if m.isfile()}
            table = _csv_of(path, {name: member.size for name, member in members.items()})
            stream = archive.extractfile(members[table])
        yield stream or io.BytesIO()


@contextmanager
def _open_zip(path: Path) -> Iterator[IO[bytes]]:
    with _translated(path):
        archive = zipfile.ZipFile(path)
        stream = archive.open(_csv_of(path, {entry.filename: entry.file_size for entry in archive.infolist()}))
    with archive, stream:
        yield stream


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Around calls of a decoder: what it raises on bad content becomes an error that names the file."""
    try:
        yield
    except MienError:
        raise
    except _DAMAGE as err:
        # The disk's errors have a number; bz2 reports damage without one, and zipfile seeks to where nothing can be.
        if isinstance(err, OSError) and err.errno not in {None, errno.EINVAL}:
            hint = "see DATASETS.md for where to get it" if isinstance(err, FileNotFoundError) else None
            raise DatasetNotFoundError(f"{path}: {_reason(err)}", hint=hint) from err
        raise DatasetFormatError(
            f"{path}: the archive is damaged or cut short ({str(err)[:120]})", hint=_AGAIN
        ) from err


_AGAIN = "download it again and compare its size"


def _csv_of(path: Path, sizes: dict[str, int]) -> str:
    """The largest CSV file of an archive: icml_face_data.csv and its like lie beside smaller ones."""
    tables = [name for name in sizes if name.lower().endswith(".csv")]
    if not tables:
        raise DatasetFormatError(
            f"{path}: no .csv file among its {len(sizes)} members", hint="expected fer2013.csv inside"
        )
    return max(tables, key=lambda name: (name.lower().endswith("fer2013.csv"), sizes[name]))
