"""One case: a sound input is spoiled from a seed and read, and then the sound one is read; done in a worker process."""

import random
import shutil
import traceback
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from mien.errors import MienError
from tests.fuzz.reader import Reader

#: What an error may say beyond the name of the file.
_MOST_WORDS = 400


class Case(NamedTuple):
    """Which reader, and the seed of the change; even numbers change any bytes, odd ones parsed fields."""

    reader: str
    seed: int
    number: int


@cache
def all_readers() -> dict[str, Reader]:
    """Every reader of files from outside, by name."""
    from importlib.util import find_spec

    from tests.fuzz import imports, networks, pictures, records, tables, videos

    found = {
        name: reader
        for module in (pictures, videos, tables, imports, records, networks)
        for name, reader in module.readers()
    }
    needs_torch = {"checkpoint", "run record", "recipe.toml", "predictions.npy"}
    return {name: reader for name, reader in found.items() if find_spec("torch") or name not in needs_torch}


def run_case(case: Case) -> str:
    """``read`` or ``refused``.

    Raises:
        AssertionError: Anything else, with the place.
    """
    try:
        return _outcome(case)
    except MemoryError:
        raise
    except BaseException as err:
        raise AssertionError(f"{case.reader}, seed {case.seed}, case {case.number}: {traceback.format_exc()}") from err


class _Sound(NamedTuple):
    """A sound input, where it lies, and what reading it comes to."""

    folder: TemporaryDirectory[str]
    name: str
    result: Any


@cache
def _sound(name: str) -> _Sound:
    reader, folder = all_readers()[name], TemporaryDirectory()
    work = Path(folder.name) / "work"  # where it is read later: some inputs know their place
    work.mkdir()
    sound = _Sound(folder, str(reader.make(work).relative_to(work)), None)
    shutil.copytree(work, Path(folder.name) / "sound")
    return sound._replace(result=reader.read(_copy(sound)))


def _outcome(case: Case) -> str:
    reader, sound = all_readers()[case.reader], _sound(case.reader)
    path, rng = _copy(sound), random.Random(f"{case.seed}/{case.number}")  # noqa: S311 - cases, not keys
    reader.change(path, rng, case.number % 2 == 1)
    try:
        reader.read(path)
        outcome = "read"
    except MienError as err:
        _check(err, path)
        outcome = "refused"
    if reader.read(_copy(sound)) != sound.result:
        raise AssertionError("the sound file that was read next came to something else")
    return outcome


def _check(err: MienError, path: Path) -> None:
    """An error is one short line, and never a lack of memory: bounds lie below what the process may take."""
    text = f"{err} {err.hint or ''}"
    if len(text) > len(str(path)) + _MOST_WORDS or "\n" in text:
        raise AssertionError(f"a long error: {text[:800]!r}") from err
    cause: BaseException | None = err
    while cause is not None:
        if isinstance(cause, MemoryError):
            raise AssertionError(f"out of memory: {text}") from err  # noqa: TRY004 - it is what fails the test
        cause = cause.__cause__ or cause.__context__


def _copy(sound: _Sound) -> Path:
    """The sound input, in a folder that may be changed."""
    work = Path(sound.folder.name) / "work"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(Path(sound.folder.name) / "sound", work)
    return work / sound.name
