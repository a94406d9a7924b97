"""The encoded bytes of entries that workers cannot open by themselves: members of archives, cells of tables, addresses.

They are read in the order of the entries, archives and tables from front to end, addresses some ahead of their turn.
"""

import tarfile
import time
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import IO

from mien.batch.entries import Entry
from mien.batch.tables_in import column_values
from mien.errors import ImageDecodeError, LimitError, MienError, SourceError
from mien.imaging.web import MAX_WEB_BYTES, fetch, is_web
from mien.runtime.optional import extra
from mien.runtime.translation import reason

#: Addresses that are fetched at the same time, and how often each is tried; waits double from the first.
_AHEAD, _TRIES, _FIRST_WAIT_S = 8, 4, 0.25
_BLOCK = 2**20

#: Member and content of everything in a container, from a path and the most bytes of a picture.
_Reader = Callable[[Path, int], Iterator[tuple[str, bytes | MienError]]]


@dataclass(frozen=True, slots=True)
class Task:
    """An entry with what a worker needs to read it.

    Attributes:
        entry: What is read.
        payload: Its encoded bytes; None where the worker opens the file itself.
        error: Why there are no bytes.
    """

    entry: Entry
    payload: bytes | None = None
    error: MienError | None = None


def tasks(
    entries: Iterable[Entry], *, max_bytes: int, column: str | None = None, allow_urls: bool = False
) -> Iterator[Task]:
    """A task for each entry, in order; what cannot be had is a task with its error."""
    for (origin, container), group in groupby(entries, key=_where):
        if origin == "file":
            yield from map(Task, group)  # the worker opens it: its bytes need not pass through here
        elif origin == "url":
            yield from _fetched(group, partial(_fetch, max_bytes=max_bytes, allow_urls=allow_urls))
        else:
            readers: dict[str, _Reader] = {"tar": _from_tar, "zip": _from_zip, "table": partial(_from_table, column)}
            yield from _in_order(list(group), readers[origin](Path(container), max_bytes))


def _where(entry: Entry) -> tuple[str, str]:
    """What is read together: a whole archive or table, or any number of addresses or files."""
    return entry.origin, entry.container if entry.origin in {"tar", "zip", "table"} else ""


def _in_order(entries: list[Entry], contents: Iterator[tuple[str, bytes | MienError]]) -> Iterator[Task]:
    """The entries of one container, which is read once; missing members become errors."""
    waiting = deque(entries)
    try:
        for member, content in contents:
            # entries are a subset of the members, in the same order
            if waiting and waiting[0].member == member:
                yield _task(waiting.popleft(), content)
            if not waiting:
                return
        problem = SourceError("it is not in its container any more")
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, ValueError, MienError) as err:
        problem = SourceError(f"its container cannot be read ({reason(err)})")
    for entry in waiting:
        yield Task(entry, error=problem)


def _task(entry: Entry, content: bytes | MienError) -> Task:
    return Task(entry, error=content) if isinstance(content, MienError) else Task(entry, content)


def _from_tar(path: Path, max_bytes: int) -> Iterator[tuple[str, bytes | MienError]]:
    with tarfile.open(path) as archive:
        for member in archive:
            if not member.isfile():
                continue
            if member.size > max_bytes:
                yield member.name, _too_large(member.size, max_bytes)
            elif stream := archive.extractfile(member):
                yield member.name, stream.read()  # no more than member.size


def _from_zip(path: Path, max_bytes: int) -> Iterator[tuple[str, bytes | MienError]]:
    with zipfile.ZipFile(path) as archive:
        for item in archive.infolist():
            if item.file_size > max_bytes:
                yield item.filename, _too_large(item.file_size, max_bytes)
                continue
            try:
                with archive.open(item) as stream:
                    content = _at_most(stream, max_bytes + 1)  # what the archive says of a size is not believed
                yield item.filename, _too_large(len(content), max_bytes) if len(content) > max_bytes else content
            except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError, ValueError) as err:
                yield item.filename, ImageDecodeError(f"cannot be unpacked ({reason(err)})")


def _from_table(column: str | None, path: Path, max_bytes: int) -> Iterator[tuple[str, bytes | MienError]]:
    for number, value in column_values(path, column):
        if not isinstance(value, bytes) or not value:
            yield str(number), SourceError("its cell in the table is empty")
        else:
            yield str(number), value if len(value) <= max_bytes else _too_large(len(value), max_bytes)


def _fetched(entries: Iterable[Entry], fetch: Callable[[str], bytes | MienError]) -> Iterator[Task]:
    """Objects at addresses, a few at the same time, in order."""
    with ThreadPoolExecutor(_AHEAD, thread_name_prefix="mien-fetch") as threads:
        waiting: deque[tuple[Entry, Future[bytes | MienError]]] = deque()
        for entry in entries:
            waiting.append((entry, threads.submit(fetch, entry.container)))
            if len(waiting) > _AHEAD:
                done, future = waiting.popleft()
                yield _task(done, future.result())
        for done, future in waiting:
            yield _task(done, future.result())


def _fetch(address: str, *, max_bytes: int, allow_urls: bool) -> bytes | MienError:
    """The object at an address; a connection that is cut is tried again."""
    if is_web(address):
        return _from_web(address, max_bytes) if allow_urls else SourceError("the web is not read without --allow-urls")
    with extra("batch"):
        import fsspec  # noqa: PLC0415 - an extra
    for attempt in range(_TRIES):
        try:
            with fsspec.open(address, "rb") as stream:
                content = _at_most(stream, max_bytes + 1)
        except FileNotFoundError:
            return SourceError("it is not there any more")
        except Exception as err:  # noqa: BLE001 - file systems of others raise what they like
            failure = f"{type(err).__name__}: {err}"[:200]
            if attempt + 1 < _TRIES:
                time.sleep(_FIRST_WAIT_S * 2**attempt)
        else:
            return _too_large(len(content), max_bytes) if len(content) > max_bytes else content
    return SourceError(f"it could not be fetched in {_TRIES} tries ({failure})")


def _from_web(address: str, max_bytes: int) -> bytes | MienError:
    """A picture at an https address, tried twice: the servers of strangers are not pressed."""
    for _ in range(2):
        try:
            return fetch(address, max_bytes=min(max_bytes, MAX_WEB_BYTES))
        except MienError as err:
            failure = err
    return failure


def _at_most(stream: IO[bytes], size: int) -> bytes:
    """The first ``size`` bytes of a stream; read(size) would reserve them at once, however few there are."""
    content = bytearray()
    while len(content) < size and (block := stream.read(min(_BLOCK, size - len(content)))):
        content += block
    return bytes(content)


def _too_large(size: int, allowed: int) -> LimitError:
    return LimitError(f"it has {size:,} bytes or more, at most {allowed:,} are allowed")
