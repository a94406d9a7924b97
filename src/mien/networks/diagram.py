"""A network as a picture: one block a layer that changes the shape. Needs matplotlib.

It does not know how networks are built, only their summary.
"""

from math import log2
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from mien.errors import ConfigError
from mien.networks.summary import LayerRow, NetworkSummary
from mien.runtime.files import atomic_file

_COLORS = {
    "Conv2d": "#4c78a8",
    "MaxPool2d": "#e45756",
    "AvgPool2d": "#e45756",
    "Linear": "#54a24b",
    "Flatten": "#b0b0b0",
}
#: Parts of names of layers that lie beside the chain; a row cannot show them.
_BESIDE = {"attention", "shortcut"}
_DEPTH = 0.35


def draw_network(summary: NetworkSummary, path: Path) -> None:
    """Draw the network's chain of layers to ``path``, as SVG or PNG by its suffix; branches beside it are left out.

    Raises:
        ConfigError: ``path`` ends in neither.
        StorageError: ``path`` cannot be written.
    """
    kind = path.suffix.removeprefix(".").lower()
    if kind not in {"svg", "png"}:
        raise ConfigError(f"{path}: a drawing ends in .svg or .png", hint="choose one of them")
    shown = [layer for layer in summary.layers if layer.kind in _COLORS and not _BESIDE & set(layer.name.split("."))]
    figure = Figure(figsize=(max(6.0, 1.05 * len(shown)), 4.2), layout="constrained")
    axes = figure.subplots()
    x = 0.0
    for layer in shown:
        x += _draw_layer(axes, layer, x) + 0.75
    axes.set_title(
        f"{summary.name}: {summary.total:,} parameters, {summary.multiply_adds / 1e6:.1f} million multiply-adds a face"
    )
    axes.set(xlim=(-0.5, x + 0.5), ylim=(-3.4, 3.4), aspect="equal")
    axes.axis("off")
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format=kind, dpi=130)


def _draw_layer(axes: Axes, layer: LayerRow, x: float) -> float:
    """Draw one block at ``x`` and return its width: height for the side, width for the channels."""
    channels, *sides = layer.output_shape
    height = 0.6 + 3.6 * (sides[0] / 48 if sides else min(1.0, channels / 500))
    width = 0.12 + 0.07 * log2(channels + 1) if sides else 0.25
    color = _COLORS[layer.kind]
    low, high = -height / 2, height / 2
    front = [(x, low), (x + width, low), (x + width, high), (x, high)]
    top = [(x, high), (x + width, high), (x + width + _DEPTH, high + _DEPTH), (x + _DEPTH, high + _DEPTH)]
    side = [
        (x + width, low),
        (x + width + _DEPTH, low + _DEPTH),
        (x + width + _DEPTH, high + _DEPTH),
        (x + width, high),
    ]
    for corners, alpha in ((front, 0.95), (top, 0.55), (side, 0.75)):
        axes.add_patch(Polygon(corners, facecolor=color, alpha=alpha, edgecolor="white", linewidth=0.5))
    shape = "×".join(str(n) for n in (*sides, channels))
    axes.text(x + width / 2, low - 0.15, f"{layer.name}\n{shape}", ha="center", va="top", fontsize=7, rotation=45)
    return width
