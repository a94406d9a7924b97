"""Opening a text file that may lie in an archive, and hashing it while it is read.

It does not know what the text holds.
"""

import bz2
import gzip
import hashlib
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from mien.errors import DatasetFormatError, DatasetNotFoundError

#: What damaged archives raise while they are read.
_DAMAGE = (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, tarfile.TarError)
#: Small enough for the processor's cache, large enough that threads which parse blocks seldom wait for each other.
_BLOCK = 1 << 19
_OPENERS: dict[str, Callable[..., Any]] = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """Open ``path`` for reading bytes; ``.xz .gz .bz2 .zip .tar.*`` are unpacked on the way.

    An archive of several files is read at the first one that ends in ``.csv``, largest first.

    Raises:
        DatasetNotFoundError: There is no such file.
        DatasetFormatError: The archive is damaged, cut short, or holds no CSV file.
    """
    try:
        with _opened(path) as stream:
            yield stream
    except (FileNotFoundError, IsADirectoryError) as err:
        if isinstance(err, DatasetNotFoundError):
            raise
        raise DatasetNotFoundError(f"{path}: no such file", hint="see DATASETS.md for where to get it") from err
    except (*_DAMAGE, OSError) as err:
        if isinstance(err, OSError) and err.errno is not None:
            raise  # of the disk, not of the archive: bz2 reports damage as an OSError without a number
        raise DatasetFormatError(
            f"{path}: the archive is damaged or cut short ({err})", hint="download it again and compare its size"
        ) from err


def read_blocks(stream: IO[bytes], digest: "hashlib._Hash") -> Iterator[bytes]:
    """Blocks of whole lines without their byte-order mark; ``digest`` takes every byte in."""
    rest = b""
    first = True
    while block := stream.read(_BLOCK):
        digest.update(block)
        block = rest + block
        if first:
            block, first = block.removeprefix(b"\xef\xbb\xbf"), False
        cut = block.rfind(b"\n") + 1
        rest = block[cut:]
        if cut:
            yield block[:cut]
    if rest:
        yield rest


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    name = path.name.lower()
    if name.endswith((".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")):
        with tarfile.open(path) as archive:
            members = {m.name: m for m in archive.getmembers() if m.isfile()}
            member = archive.extractfile(members[_csv_of(path, {n: m.size for n, m in members.items()})])
            yield member or io.BytesIO()
    elif name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
            table = _csv_of(path, sizes)
            try:
                stream = archive.open(table)
            except RuntimeError as err:  # encrypted, or packed in a way that Python does not know
                raise DatasetFormatError(f"{path}: {err}", hint="unpack it and give the file inside") from err
            yield stream
    else:
        with _OPENERS.get(path.suffix.lower(), Path.open)(path, "rb") as stream:
            yield stream


def _csv_of(path: Path, sizes: dict[str, int]) -> str:
    """The largest CSV file of an archive: icml_face_data.csv and its like lie beside smaller ones."""
    tables = [name for name in sizes if name.lower().endswith(".csv")]
    if not tables:
        raise DatasetFormatError(
            f"{path}: no .csv file among its {len(sizes)} members", hint="expected fer2013.csv inside"
        )
    return max(tables, key=lambda name: (name.lower().endswith("fer2013.csv"), sizes[name]))
