"""Turning the absence of an optional dependency into an error that names the extra."""

from collections.abc import Iterator
from contextlib import contextmanager

from mien.errors import missing_extra


@contextmanager
def learning() -> Iterator[None]:
    """Around imports of the learning column: without torch and its kin, say which extra holds them.

    Raises:
        MissingDependencyError: One of them is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as err:
        if err.name is None or err.name.startswith("mien"):
            raise
        raise missing_extra(err.name, "train") from err
