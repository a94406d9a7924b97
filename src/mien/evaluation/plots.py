"""Plots of an evaluation: confusion matrices, reliability, risk against coverage; needs the extra ``plots``."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mien.evaluation import metrics
from mien.evaluation.metrics import DoubleArray
from mien.evaluation.results import EvaluationResult, Reliability
from mien.evaluation.selective import THRESHOLDS, RiskCoverage
from mien.expressions import FERPLUS_LABELS
from mien.render.plots import new_axes, save_plot
from mien.render.style import INK, MUTED, PAPER, SERIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_confusion_matrix(
    matrix: DoubleArray,
    *,
    normalize: bool = False,
    labels: Iterable[str] = FERPLUS_LABELS,
    title: str = "",
    ax: "Axes | None" = None,
) -> "Axes":
    """Plot a confusion matrix (k, k), true class by row.

    Args:
        matrix: Counts, or expected counts.
        normalize: Show each row as shares of the true class.
        labels: What rows and columns mean.
        title: Above the plot.
        ax: Where to plot; None makes a new figure.
    """
    ax = new_axes(ax, width=6.4, height=5.6)
    shares = metrics.normalize_rows(matrix)  # (k, k); colors are shares in both forms, so that rare classes show
    shown = shares if normalize else matrix
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [str(label) for label in labels]
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right")
    ax.set_yticks(range(len(names)), names)
    for row, column in np.ndindex(matrix.shape):
        text = f"{shown[row, column]:.2f}" if normalize else f"{shown[row, column]:.0f}"
        color = PAPER if shares[row, column] > 0.5 else INK  # readable on dark cells
        ax.text(column, row, text, ha="center", va="center", color=color, fontsize=8)
    ax.set(xlabel="predicted", ylabel="true", title=title)
    return ax


def plot_reliability(
    reliability: Reliability, *, ece: float | None = None, title: str = "", ax: "Axes | None" = None
) -> "Axes":
    """Plot the share of hits in each bin of confidence against perfect calibration.

    Args:
        reliability: The bins; empty ones are left out.
        ece: Expected calibration error, for the legend.
        title: Above the plot.
        ax: Where to plot; None makes a new figure.
    """
    ax = new_axes(ax, width=5.2, height=5.0)
    bins = len(reliability.count)
    filled = reliability.count > 0
    left = np.arange(bins)[filled] / bins  # lower edges
    name = "share of hits" if ece is None else f"share of hits (ECE {ece:.3f})"
    ax.bar(left, reliability.hits[filled], width=1 / bins, align="edge", color=SERIES[0], edgecolor=PAPER, label=name)
    # The points are at the mean confidence of each bin, which is not its center.
    ax.plot(reliability.confidence[filled], reliability.hits[filled], "o", color=INK, markersize=3)
    ax.plot([0, 1], [0, 1], "--", color=MUTED, label="perfect calibration")
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="accuracy, or share of the votes", title=title)
    ax.legend(loc="upper left")
    return ax


def plot_risk_coverage(curve: RiskCoverage, *, title: str = "", ax: "Axes | None" = None) -> "Axes":
    """Plot the share of wrong predictions against coverage, the share of images that get one.

    Args:
        curve: The curve.
        title: Above the plot.
        ax: Where to plot; None makes a new figure.
    """
    ax = new_axes(ax, width=5.2, height=4.2, grid=True)
    ax.plot(curve.coverage, curve.risk, label=f"mean risk {curve.area:.3f}")
    for threshold in THRESHOLDS[1:]:  # at 0 everything is answered
        coverage, accuracy = curve.at(threshold)
        if accuracy is None:  # no image is that confident
            continue
        ax.plot(coverage, 1 - accuracy, "o", color=INK, markersize=3)
        ax.annotate(f"{threshold:g}", (coverage, 1 - accuracy), textcoords="offset points", xytext=(-4, 6), fontsize=7)
    ax.set(xlim=(0, 1), ylim=(0, None), xlabel="coverage (points: min confidence)", ylabel="share wrong")
    ax.set_title(title)
    ax.legend(loc="upper left")
    return ax


def save_plots(result: EvaluationResult, folder: Path) -> tuple[tuple[Path, str], ...]:
    """Write the plots of ``result`` as PNG, each all or nothing; an older picture of that name is replaced.

    Returns:
        Path and caption of ``confusion_PROTOCOL.png`` and ``confusion_PROTOCOL_normalized.png``, and where the protocol
        has a calibration error of ``reliability_PROTOCOL.png`` and ``risk_coverage_PROTOCOL.png``.
    """
    name, title, matrix = result.protocol, f"{result.protocol}, {result.split} split", result.confusion_matrix
    labels, shares = tuple(result.per_class), f"{title}, shares of the row"
    # one matrix for reading off counts, one for comparing rare with frequent expressions
    counted = plot_confusion_matrix(matrix, labels=labels, title=title)
    normalized = plot_confusion_matrix(matrix, normalize=True, labels=labels, title=shares)
    plots = {
        f"confusion_{name}.png": (counted, "Confusion matrix, images"),
        f"confusion_{name}_normalized.png": (normalized, "Confusion matrix, shares of the true expression"),
    }
    if result.reliability is not None:
        reliability = plot_reliability(result.reliability, ece=result.ece, title=title)
        plots[f"reliability_{name}.png"] = reliability, "Accuracy of the network at each confidence"
    if result.abstaining is not None:
        curve = plot_risk_coverage(result.abstaining, title=title)
        plots[f"risk_coverage_{name}.png"] = curve, "Wrong predictions when uncertain faces get none"
    for file, (ax, _) in plots.items():
        save_plot(ax, folder / file)
    return tuple((folder / file, caption) for file, (_, caption) in plots.items())
