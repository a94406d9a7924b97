"""From what a user names to entries: folders, patterns, lists, archives, tables, addresses; always in the same order.

Only names, sizes and times are read here, no picture. Members of archives that are no pictures (labels, pickled
objects) are passed over by their names and never loaded.
"""

import os
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from glob import glob, has_magic
from pathlib import Path

from mien.batch.entries import Entry, Kind, Origin
from mien.batch.tables_in import TABLE_SUFFIXES, table_entries
from mien.errors import ConfigError, SourceError
from mien.imaging import readable_path
from mien.imaging.folders import LeftOut, is_junk, is_wanted_name, search_folder
from mien.runtime.optional import extra

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".3gp", ".ts", ".wmv", ".flv"}
)
_TAR, _ZIP, _LIST = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"), (".zip",), (".txt", ".lst", ".list")


def list_entries(
    inputs: Sequence[str], left_out: LeftOut, *, column: str | None = None, leave_out: Path | None = None
) -> list[Entry]:
    """Every picture and video behind ``inputs``, in the order given and sorted by name within each.

    Args:
        inputs: Folders (searched through), patterns, files, lists (``.txt``), archives (``.tar``, ``.zip``), tables
            (``.parquet``, ``.csv``) and addresses that fsspec opens.
        left_out: Takes what looks like a picture and cannot be read.
        column: Column of tables.
        leave_out: The job's own folder, which is not searched.

    Raises:
        SourceError: Nothing is there, or an archive or table cannot be read.
        ConfigError: A name would come twice.
    """
    entries: list[Entry] = []
    for name in inputs:
        found = list(_expand(name, column, left_out, leave_out))
        if not found:
            raise SourceError(
                f"{_short(name)}: no pictures or videos there",
                hint="; ".join(left_out.lines()) or "see mien batch --help for what is read",
            )
        entries += found
    seen: set[str] = set()
    for entry in entries:
        if entry.name in seen:
            raise ConfigError(f"{_short(entry.name)} comes twice among the inputs", hint="name each input once")
        seen.add(entry.name)
    return entries


def _expand(name: str, column: str | None, left_out: LeftOut, leave_out: Path | None) -> Iterator[Entry]:
    path = Path(name)
    if "://" in name:
        yield from _addresses(name, column, left_out)
    elif path.is_dir():
        yield from map(_entry, search_folder(path, left_out, also=VIDEO_SUFFIXES, without=leave_out))
    elif path.exists():
        yield from _file(path, column, left_out)
    elif has_magic(name):
        for file in sorted(glob(name, recursive=True)):  # noqa: PTH207 - ** too
            if Path(file).is_file():
                yield from _file(Path(file), column, left_out)
    else:
        raise SourceError(
            f"{_short(name)}: not there", hint="name a folder, file, pattern, list, archive, table or address"
        )


def _file(path: Path, column: str | None, left_out: LeftOut) -> Iterator[Entry]:
    lower = path.name.lower()
    if lower.endswith(_TAR):
        yield from _tar(path, left_out)
    elif lower.endswith(_ZIP):
        yield from _zip(path, left_out)
    elif lower.endswith(TABLE_SUFFIXES):
        yield from table_entries(path, column, version=_version(path))
    elif lower.endswith(_LIST):
        yield from _listed(path, column, left_out)
    else:
        yield _entry(path)


def _entry(path: Path) -> Entry:
    return Entry(readable_path(path), _kind(path.name), "file", os.fspath(path), version=_version(path))


def _kind(name: str) -> Kind:
    return "video" if Path(name).suffix.lower() in VIDEO_SUFFIXES else "image"


def _version(path: Path) -> str:
    status = path.stat()
    return f"{status.st_size}-{status.st_mtime_ns}"


def _listed(path: Path, column: str | None, left_out: LeftOut) -> Iterator[Entry]:
    """A path or address on each line; paths are relative to the list's folder."""
    with path.open(encoding="utf-8", errors="surrogateescape") as stream:
        for number, line in enumerate(stream, 1):
            name = line.rstrip("\r\n")
            if not name.strip() or name.startswith("#"):
                continue
            if "://" in name:
                yield from _addresses(name, column, left_out)
                continue
            file = path.parent / name
            if not file.is_file():
                raise SourceError(f"{path}, line {number}: {_short(name)} is not there")
            yield _entry(file)


def _tar(path: Path, left_out: LeftOut) -> Iterator[Entry]:
    version = _version(path)
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile() and _is_picture(member.name, left_out):
                    yield _member(path, member.name, "tar", f"{version}-{member.size}-{member.mtime:g}")
    except (tarfile.TarError, EOFError, OSError, ValueError) as err:
        raise SourceError(f"{path}: cannot be read as a tar archive ({err})") from err


def _zip(path: Path, left_out: LeftOut) -> Iterator[Entry]:
    try:
        with zipfile.ZipFile(path) as archive:
            for item in archive.infolist():
                if not item.is_dir() and _is_picture(item.filename, left_out):
                    yield _member(path, item.filename, "zip", f"{item.file_size}-{item.CRC:08x}")
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as err:
        raise SourceError(f"{path}: cannot be read as a zip archive ({err})") from err


def _is_picture(member: str, left_out: LeftOut) -> bool:
    return not any(map(is_junk, member.split("/"))) and is_wanted_name(member, left_out)


def _member(path: Path, member: str, origin: Origin, version: str) -> Entry:
    return Entry(
        f"{readable_path(path)}/{readable_path(Path(member))}", "image", origin, os.fspath(path), member, version
    )


def _addresses(name: str, column: str | None, left_out: LeftOut) -> Iterator[Entry]:
    """What fsspec finds behind an address: one object, those that match a pattern, or all below a folder."""
    if name.startswith("file://"):
        yield from _expand(name.removeprefix("file://"), column, left_out, None)
        return
    if name.startswith(("http://", "https://")):
        raise SourceError(f"{_short(name)}: web pages are not searched", hint="download the pictures, or name a bucket")
    with extra("batch"):
        import fsspec  # noqa: PLC0415 - an extra
    try:
        system, root = fsspec.core.url_to_fs(name)
        if has_magic(root):
            found = system.glob(root, detail=True)
        elif system.isdir(root):
            found = system.find(root, detail=True)
        else:
            found = {root: system.info(root)}
    except ImportError as err:
        raise SourceError(f"{_short(name)}: {err}", hint="install what fsspec needs for this kind of address") from err
    except Exception as err:  # file systems of others raise what they like
        raise SourceError(f"{_short(name)}: cannot be listed ({type(err).__name__}: {_short(str(err))})") from err
    alone = len(found) == 1
    for path, info in sorted(found.items()):
        is_hidden = any(map(is_junk, path.removeprefix(root).split("/")))
        if info.get("type") == "file" and (alone or (not is_hidden and is_wanted_name(path, left_out, VIDEO_SUFFIXES))):
            address = system.unstrip_protocol(path)
            tag = info.get("ETag") or info.get("etag") or info.get("mtime") or info.get("created") or ""
            yield Entry(address, _kind(path), "url", address, version=f"{info.get('size')}-{tag}")


def _short(text: str) -> str:
    return repr(text) if len(text) <= 80 else repr(text[:77] + "…")
