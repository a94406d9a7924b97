"""Pictures of an evaluation: confusion matrices and the reliability diagram; needs the extra ``plots``.

It computes no figure, touches no global state of matplotlib, and loads matplotlib only when something is drawn.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mien.evaluation import metrics
from mien.evaluation.metrics import FloatArray
from mien.evaluation.report import EvaluationResult, Reliability
from mien.evaluation.selective import THRESHOLDS, RiskCoverage
from mien.expressions import FERPLUS_LABELS, LabelSet
from mien.render.plots import load_figure
from mien.runtime.files import atomic_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 120


def plot_confusion_matrix(
    matrix: FloatArray,
    *,
    normalize: bool = False,
    labels: LabelSet = FERPLUS_LABELS,
    title: str = "",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw a confusion matrix (k, k), true class by row.

    Args:
        matrix: Counts, or expected counts.
        normalize: Show each row as shares of the true class.
        labels: What rows and columns mean.
        title: Above the picture.
        ax: Where to draw; None makes a figure.
    """
    ax = _axes(ax, width=6.4, height=5.6)
    shares = metrics.normalize_rows(matrix)
    shown = shares if normalize else matrix
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [str(label) for label in labels]
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right")
    ax.set_yticks(range(len(names)), names)
    for row, column in np.ndindex(matrix.shape):
        text = f"{shown[row, column]:.2f}" if normalize else f"{shown[row, column]:.0f}"
        color = "white" if shares[row, column] > 0.5 else "black"
        ax.text(column, row, text, ha="center", va="center", color=color, fontsize=8)
    ax.set(xlabel="predicted", ylabel="true", title=title)
    return ax


def plot_reliability(
    reliability: Reliability, *, ece: float | None = None, title: str = "", ax: "Axes | None" = None
) -> "Axes":
    """Draw the share of hits in each bin of confidence against perfect calibration.

    Args:
        reliability: The bins; empty ones are left out.
        ece: Expected calibration error, for the legend.
        title: Above the picture.
        ax: Where to draw; None makes a figure.
    """
    ax = _axes(ax, width=5.2, height=5.0)
    bins = len(reliability.count)
    filled = reliability.count > 0
    left = np.arange(bins)[filled] / bins
    name = "share of hits" if ece is None else f"share of hits (ECE {ece:.3f})"
    ax.bar(
        left, reliability.hits[filled], width=1 / bins, align="edge", color="tab:blue", edgecolor="white", label=name
    )
    ax.plot(reliability.confidence[filled], reliability.hits[filled], "o", color="black", markersize=3)
    ax.plot([0, 1], [0, 1], "--", color="gray", label="perfect calibration")
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="right, or share of the votes", title=title)
    ax.legend(loc="upper left")
    return ax


def plot_risk_coverage(curve: RiskCoverage, *, title: str = "", ax: "Axes | None" = None) -> "Axes":
    """Draw the share of wrong answers against the share of images answered, the most confident first.

    Args:
        curve: The curve.
        title: Above the picture.
        ax: Where to draw; None makes a figure.
    """
    ax = _axes(ax, width=5.2, height=4.2)
    ax.plot(curve.coverage, curve.risk, label=f"mean risk {curve.area:.3f}")
    for threshold in THRESHOLDS[1:]:
        coverage, accuracy = curve.at(threshold)
        if accuracy is None:
            continue
        ax.plot(coverage, 1 - accuracy, "o", color="black", markersize=3)
        ax.annotate(f"{threshold:g}", (coverage, 1 - accuracy), textcoords="offset points", xytext=(-4, 6), fontsize=7)
    ax.set(xlim=(0, 1), ylim=(0, None), xlabel="share answered (points: min confidence)", ylabel="wrong", title=title)
    ax.legend(loc="upper left")
    return ax


def save_plots(result: EvaluationResult, folder: Path) -> tuple[Path, ...]:
    """Write the pictures of ``result`` as PNG, each all or nothing; an older picture of that name is replaced.

    Returns:
        ``confusion_PROTOCOL.png`` and ``confusion_PROTOCOL_normalized.png``, and where the protocol has a calibration
        error ``reliability_PROTOCOL.png`` and ``risk_coverage_PROTOCOL.png``.
    """
    title = f"{result.protocol}, {result.split} split"
    drawn = {
        f"confusion_{result.protocol}.png": plot_confusion_matrix(result.confusion_matrix, title=title),
        f"confusion_{result.protocol}_normalized.png": plot_confusion_matrix(
            result.confusion_matrix, normalize=True, title=f"{title}, shares of the row"
        ),
    }
    if result.reliability is not None:
        drawn[f"reliability_{result.protocol}.png"] = plot_reliability(result.reliability, ece=result.ece, title=title)
    if result.abstaining is not None:
        drawn[f"risk_coverage_{result.protocol}.png"] = plot_risk_coverage(result.abstaining, title=title)
    for name, ax in drawn.items():
        save_figure(_figure_of(ax), folder / name)
    return tuple(folder / name for name in drawn)


def save_figure(figure: "Figure", path: Path) -> None:
    """Write ``figure`` as PNG, all or nothing."""
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=_DPI)


def _axes(ax: "Axes | None", *, width: float, height: float) -> "Axes":
    if ax is not None:
        return ax
    return load_figure()(figsize=(width, height), layout="constrained").add_subplot()


def _figure_of(ax: "Axes") -> "Figure":
    figure = ax.get_figure(root=True)
    if figure is None:  # the axes were removed from their figure
        raise ValueError("axes without a figure cannot be saved")
    return figure
