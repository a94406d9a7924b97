"""From what a user names to entries: folders, patterns, lists, archives, tables, addresses; always in the same order.

Only names, sizes and times are read here, no picture. Members of archives that are no pictures (labels, pickled
objects) are passed over by their names and never loaded.
"""

import os
import tarfile
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path

from mien.batch.entries import VIDEO_SUFFIXES, Entry, Origin, kind_of_name
from mien.batch.tables_in import TABLE_SUFFIXES, table_entries
from mien.errors import ConfigError, SourceError
from mien.imaging import readable_path
from mien.imaging.folders import LeftOut, fixed_part, is_junk, is_wanted, is_wanted_name, match_pattern, search_folder
from mien.imaging.web import is_web
from mien.runtime.optional import extra
from mien.runtime.translation import reason

_TAR, _ZIP, _LIST = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"), (".zip",), (".txt", ".lst", ".list")


def list_entries(
    inputs: Sequence[str],
    left_out: LeftOut,
    *,
    column: str | None = None,
    leave_out: Path | None = None,
    allow_urls: bool = False,
) -> list[Entry]:
    """Every picture and video behind ``inputs``, in the order given and sorted by name within each.

    Args:
        inputs: Folders (searched through), patterns, files, lists (``.txt``), archives (``.tar``, ``.zip``), tables
            (``.parquet``, ``.csv``) and addresses that fsspec opens.
        left_out: Takes what looks like a picture and cannot be read.
        column: Column of tables.
        leave_out: The job's own folder, which is not searched.
        allow_urls: Whether an input, or a line of a list, may be the https address of a picture.

    Raises:
        SourceError: Nothing is there, or an archive or table cannot be read.
        ConfigError: A name would come twice.
    """
    search = _Search(left_out, column, [leave_out] if leave_out else [], allow_urls)
    entries: list[Entry] = []
    for name in inputs:
        found = list(_expand(name, search))
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


@dataclass(frozen=True, slots=True)
class _Search:
    """What every step of the search goes by."""

    left_out: LeftOut
    column: str | None
    leave_out: Collection[Path]
    allow_urls: bool


def _expand(name: str, search: _Search) -> Iterator[Entry]:
    path = Path(name)
    if "://" in name:
        yield from _addresses(name, search)
    elif path.is_dir():
        yield from map(_entry, search_folder(path, search.left_out, also=VIDEO_SUFFIXES, without=search.leave_out))
    elif path.exists():
        yield from _file(path, search)
    elif has_magic(name):
        for file in match_pattern(path, without=search.leave_out):
            # photos/* finds notes.txt too, which is a list only where the pattern says so: lists/*.txt
            if file.suffix == path.suffix or _is_archive(file) or is_wanted(file, search.left_out, VIDEO_SUFFIXES):
                yield from _file(file, search)
    else:
        raise SourceError(
            f"{_short(name)}: not there", hint="name a folder, file, pattern, list, archive, table or address"
        )


def _file(path: Path, search: _Search) -> Iterator[Entry]:
    lower = path.name.lower()
    if lower.endswith(_TAR):
        yield from _tar(path, search.left_out)
    elif lower.endswith(_ZIP):
        yield from _zip(path, search.left_out)
    elif lower.endswith(TABLE_SUFFIXES):
        yield from table_entries(path, search.column, version=_version(path))
    elif lower.endswith(_LIST):
        yield from _listed(path, search)
    else:
        yield _entry(path)


def _is_archive(file: Path) -> bool:
    return file.name.lower().endswith(_TAR + _ZIP)


def _entry(path: Path) -> Entry:
    return Entry(readable_path(path), kind_of_name(path.name), "file", os.fspath(path), version=_version(path))


def _version(path: Path) -> str:
    status = path.stat()  # of a link's target, which is what is read
    return f"{status.st_size}-{status.st_mtime_ns}"


def _listed(path: Path, search: _Search) -> Iterator[Entry]:
    """A path or address on each line; paths are relative to the list's folder."""
    with path.open(encoding="utf-8", errors="surrogateescape") as stream:
        for number, line in enumerate(stream, 1):
            name = line.rstrip("\r\n")
            if not name.strip() or name.startswith("#"):
                continue
            if "://" in name:
                yield from _addresses(name, search)
                continue
            file = path.parent / name
            if not os.path.isfile(file):  # noqa: PTH113 - says no to names that no file can have
                raise SourceError(f"{path}, line {number}: {_short(name)} is not there")
            yield _entry(file)


def _tar(path: Path, left_out: LeftOut) -> Iterator[Entry]:
    version = _version(path)  # tar has no checksum of contents
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile() and _is_wanted_member(member.name, left_out):
                    yield _member(path, member.name, "tar", f"{version}-{member.size}-{member.mtime:g}")
    except (tarfile.TarError, EOFError, OSError, ValueError) as err:
        raise SourceError(f"{path}: cannot be read as a tar archive ({reason(err)})") from err


def _zip(path: Path, left_out: LeftOut) -> Iterator[Entry]:
    try:
        with zipfile.ZipFile(path) as archive:
            for item in archive.infolist():
                if not item.is_dir() and _is_wanted_member(item.filename, left_out):
                    # a checksum of the content, so that a zip packed anew is not read again
                    yield _member(path, item.filename, "zip", f"{item.file_size}-{item.CRC:08x}")
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as err:
        raise SourceError(f"{path}: cannot be read as a zip archive ({reason(err)})") from err


def _is_wanted_member(member: str, left_out: LeftOut) -> bool:
    return not any(map(is_junk, member.split("/"))) and is_wanted_name(member, left_out, VIDEO_SUFFIXES)


def _member(path: Path, member: str, origin: Origin, version: str) -> Entry:
    name = f"{readable_path(path)}/{readable_path(Path(member))}"
    return Entry(name, kind_of_name(member), origin, os.fspath(path), member, version)


def _addresses(name: str, search: _Search) -> Iterator[Entry]:
    """What fsspec finds behind an address: one object, those that match a pattern, or all below a folder."""
    if name.startswith("file://"):
        yield from _expand(name.removeprefix("file://"), search)
        return
    if is_web(name):
        if not search.allow_urls:
            raise SourceError(f"{_short(name)}: the web is not read", hint="--allow-urls reads pictures by https")
        yield Entry(name, kind_of_name(name), "url", name)
        return
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
    for path, info in sorted(found.items()):  # object stores list in any order; parts must be the same each time
        if info.get("type") == "file" and _is_wanted_address(path, root, search.left_out):
            address = system.unstrip_protocol(path)
            tag = info.get("ETag") or info.get("etag") or info.get("mtime") or info.get("created") or ""
            yield Entry(address, kind_of_name(path), "url", address, version=f"{info.get('size')}-{tag}")


def _is_wanted_address(path: str, root: str, left_out: LeftOut) -> bool:
    """As in folders: junk below the named folder or the first wildcard is left out, and all but pictures and videos."""
    if path == root:  # one object, whatever it is called
        return True
    names_hidden = any(part.startswith(".") for part in root.split("/"))
    below = path.removeprefix(os.fspath(fixed_part(Path(root)))).split("/")
    if any(is_junk(part) and not (names_hidden and part.startswith(".")) for part in below):
        return False
    return is_wanted_name(path, left_out, VIDEO_SUFFIXES)


def _short(text: str) -> str:
    return repr(text) if len(text) <= 80 else repr(text[:77] + "…")
