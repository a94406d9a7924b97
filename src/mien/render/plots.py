"""Matplotlib's figures, loaded when something is drawn; the extra ``plots`` installs it.

It draws nothing itself.
"""

from typing import TYPE_CHECKING

from mien.errors import missing_extra

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def load_figure() -> "type[Figure]":
    """The class of figures, which belong to no window.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - an extra
    except ImportError as err:
        raise missing_extra("matplotlib", "plots") from err
    return Figure
