"""Turning the absence of an optional dependency into an error that names the extra."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from mien.errors import missing_extra


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Around imports of what ``mien[name]`` installs: where something is absent, say which extra holds it.

    Raises:
        MissingDependencyError: One of its packages is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as err:
        if err.name is None or err.name.startswith("mien"):
            raise
        raise missing_extra(err.name, name) from err


def learning() -> AbstractContextManager[None]:
    """Around imports of the learning column, which need torch and its kin."""
    return extra("train")
