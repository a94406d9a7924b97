"""Matplotlib in the style of the package, imported when something is plotted; the extra ``plots`` installs it.

Every plot function of the package takes ``ax=None`` and returns the axes; this module makes the axes and writes them.
It does not use pyplot or other global state of matplotlib, since the service plots in several threads.
"""

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from mien.errors import StorageError
from mien.render.style import DPI, FAINT, INK, MUTED, SERIES
from mien.runtime.files import atomic_file
from mien.runtime.optional import extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def load_figure() -> "type[Figure]":
    """The class ``Figure``, used without pyplot and so without a window.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    with extra("plots"):
        from matplotlib.figure import Figure  # noqa: PLC0415 - an extra
    return Figure


def new_axes(ax: "Axes | None", *, width: float, height: float, grid: bool = False) -> "Axes":
    """``ax``, or axes in a new figure of that size in inches; both get the style of the package.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    if ax is None:
        ax = load_figure()(figsize=(width, height), layout="constrained").add_subplot()
    return style_axes(ax, grid=grid)


def style_axes(ax: "Axes", *, grid: bool = False) -> "Axes":
    """Apply the style of the package: its colors, no frame at the top and right, and a faint grid if requested."""
    ax.set_prop_cycle(color=SERIES)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(MUTED)
    ax.tick_params(colors=INK, labelsize=9)
    if grid:
        ax.set_axisbelow(True)
        ax.grid(color=FAINT)
    return ax


def figure_of(ax: "Axes") -> "Figure":
    """The whole figure that axes belong to.

    Raises:
        ValueError: They were removed from their figure.
    """
    figure = ax.get_figure(root=True)
    if figure is None:
        raise ValueError("axes without a figure cannot be saved")
    return figure


def plot_format(path: Path) -> str:
    """The format of a plot by its name's ending.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        StorageError: The ending names no format.
    """
    ending = path.suffix.lower().lstrip(".")
    if ending not in load_figure()().canvas.get_supported_filetypes():
        raise StorageError(f"cannot write {path}: no picture format ends in {path.suffix!r}", hint="use .png or .svg")
    return ending


def save_plot(plot: "Axes | Figure", path: Path, *, file_format: str | None = None) -> None:
    """Write a plot, all or nothing; a picture that is there is replaced.

    Args:
        plot: The figure, or axes in it.
        path: The file.
        file_format: Such as ``png``; None takes it from the name's ending.

    Raises:
        StorageError: The ending names no format, or the place cannot be written.
    """
    file_format = file_format or plot_format(path)
    with atomic_file(path) as temporary:
        _figure(plot).savefig(temporary, format=file_format, dpi=DPI)


def plot_png(plot: "Axes | Figure") -> bytes:
    """A plot as the bytes of a PNG."""
    encoded = BytesIO()
    _figure(plot).savefig(encoded, format="png", dpi=DPI)
    return encoded.getvalue()


def _figure(plot: "Axes | Figure") -> "Figure":
    return plot if isinstance(plot, load_figure()) else figure_of(plot)  # type: ignore[arg-type]
