"""A plot of a network's layers, made from its summary: one block per layer that changes the shape; needs ``plots``."""

from math import log2
from typing import TYPE_CHECKING

from mien.networks.summary import LayerRow, NetworkSummary
from mien.render.plots import new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLORS = {
    "Conv2d": "#4c78a8",
    "MaxPool2d": "#e45756",
    "AvgPool2d": "#e45756",
    "Linear": "#54a24b",
    "Flatten": "#b0b0b0",
}
#: Parts of the names of layers on side branches, which a single row cannot show.
_BESIDE = {"attention", "shortcut"}
_DEPTH = 0.35


def plot_network(summary: NetworkSummary, *, ax: "Axes | None" = None) -> "Axes":
    """Plot the network's chain of layers; branches beside it are left out.

    Args:
        summary: Of the network.
        ax: Where to plot; None makes a new figure.
    """
    shown = [layer for layer in summary.layers if layer.kind in _COLORS and not _BESIDE & set(layer.name.split("."))]
    ax = new_axes(ax, width=max(6.0, 1.05 * len(shown)), height=4.2)
    x = 0.0
    for layer in shown:
        x += _plot_layer(ax, layer, x) + 0.75
    ax.set_title(
        f"{summary.name}: {summary.total:,} parameters, {summary.multiply_adds / 1e6:.1f} million multiply-adds a face"
    )
    ax.set(xlim=(-0.5, x + 0.5), ylim=(-3.4, 3.4), aspect="equal")
    ax.axis("off")
    return ax


def _plot_layer(ax: "Axes", layer: LayerRow, x: float) -> float:
    """Plot one block at ``x`` and return its width: height for the side, width for the channels."""
    from matplotlib.patches import Polygon  # noqa: PLC0415 - an extra

    channels, *sides = layer.output_shape  # (channels, height, width), or (features,)
    height = 0.6 + 3.6 * (sides[0] / 48 if sides else min(1.0, channels / 500))
    width = 0.12 + 0.07 * log2(channels + 1) if sides else 0.25
    color = _COLORS[layer.kind]
    low, high = -height / 2, height / 2
    # a cuboid in oblique projection
    front = [(x, low), (x + width, low), (x + width, high), (x, high)]
    top = [(x, high), (x + width, high), (x + width + _DEPTH, high + _DEPTH), (x + _DEPTH, high + _DEPTH)]
    side = [
        (x + width, low),
        (x + width + _DEPTH, low + _DEPTH),
        (x + width + _DEPTH, high + _DEPTH),
        (x + width, high),
    ]
    for corners, alpha in ((front, 0.95), (top, 0.55), (side, 0.75)):
        ax.add_patch(Polygon(corners, facecolor=color, alpha=alpha, edgecolor="white", linewidth=0.5))
    shape = "×".join(str(n) for n in (*sides, channels))
    ax.text(x + width / 2, low - 0.15, f"{layer.name}\n{shape}", ha="center", va="top", fontsize=7, rotation=45)
    return width
