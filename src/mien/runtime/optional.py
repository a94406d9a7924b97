"""Imports of optional dependencies: a missing one becomes an error that names the extra."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec

from mien.errors import MissingDependencyError, missing_extra


@contextmanager
def extra(name: str, package: str | None = None) -> Iterator[None]:
    """Around imports of what ``mien[name]`` installs: where something is absent, say which extra installs it.

    Args:
        name: The extra.
        package: What the error calls the absent package; None is the name of the module.

    Raises:
        MissingDependencyError: One of its packages is not installed, or cannot be imported.
    """
    try:
        yield
    except ImportError as err:
        if err.name is None or err.name.startswith("mien"):  # a mistake of our own, not an absent extra
            raise
        known = package or err.name.partition(".")[0]
        if isinstance(err, ModuleNotFoundError):
            raise missing_extra(known, name) from err
        hint = (
            f"pip install --upgrade --force-reinstall 'mien[{name}]'"  # a library below it is absent, or it is too old
        )
        raise MissingDependencyError(f"{known} cannot be imported: {err}", hint=hint) from err


def require(name: str, module: str) -> None:
    """Check that a module of the extra ``name`` is installed, before long work; it is not imported.

    Raises:
        MissingDependencyError: It is not.
    """
    try:
        found = find_spec(module)
    except ValueError:  # imports of it are disabled by None in sys.modules
        found = None
    if found is None:
        raise missing_extra(module, name)


def learning() -> AbstractContextManager[None]:
    """A context for imports of the learning column, which needs torch."""
    return extra("train")
