"""The timeline as a picture: for each track its expressions stacked over time, beside its face; needs ``plots``.

It touches no global state of matplotlib, and imports matplotlib only when something is plotted.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mien.render.faces import track_line
from mien.render.plots import load_figure, plot_png, save_plot
from mien.render.style import EXPRESSION_COLORS, INK
from mien.video.sinks.timeline import Timeline, TrackSummary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Most tracks in the picture, the longest ones; the summary has them all.
MAX_TRACKS = 12
_ROW_INCHES, _WIDTH_INCHES = 1.3, 11.0


def plot_timeline(timeline: Timeline, path: Path) -> None:
    """Write the timeline as a picture in the format of the name's ending.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        StorageError: The ending names no format, or the place cannot be written.
    """
    save_plot(timeline_figure(timeline), path)


def timeline_png(timeline: Timeline) -> bytes:
    """The timeline as the bytes of a PNG.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    return plot_png(timeline_figure(timeline))


def timeline_figure(timeline: Timeline) -> "Figure":
    """A row for each of the longest tracks, in the order of their numbers.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    shown = sorted(timeline.summaries()[:MAX_TRACKS], key=lambda summary: summary.track_id)
    rows = max(len(shown), 1)
    figure = load_figure()(figsize=(_WIDTH_INCHES, _ROW_INCHES * rows + 1.1), layout="constrained")
    axes = figure.subplots(rows, 2, squeeze=False, width_ratios=(1, 9))
    for (left, right), summary in zip(axes, shown, strict=False):
        _plot_face(left, timeline, summary)
        _plot_curves(right, timeline, summary)
    for row in axes[:-1]:  # all rows share the time axis of the last
        row[1].set_xticklabels([])
    axes[-1][1].set_xlabel("time in the video (s)")
    if not shown:
        axes[0][0].set_axis_off()
        axes[0][1].set_title("no face was found")
    _add_legend(figure, timeline)
    return figure


def _plot_face(ax: "Axes", timeline: Timeline, summary: TrackSummary) -> None:
    picture = timeline.tracks[summary.track_id].picture
    # A timeline that was read back from a table has no pictures.
    ax.imshow(np.full((1, 1, 3), 230, np.uint8) if picture is None else picture)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(True)
        spine.set_color(INK)
        spine.set_linestyle(track_line(summary.track_id))
        spine.set_linewidth(2)
    ax.set_ylabel(f"face {summary.track_id}\n{summary.seconds:.1f} s", rotation=0, ha="right", va="center")


def _plot_curves(ax: "Axes", timeline: Timeline, summary: TrackSummary) -> None:
    """Stacked probabilities; where the face was not on the screen the plot is empty."""
    curves = timeline.curves(summary.track_id)  # (bins, classes)
    edges = np.arange(len(curves) + 1) * timeline.bin_s
    below = np.zeros(len(curves))
    for column, label in enumerate(timeline.labels):
        values = np.nan_to_num(curves[:, column])
        ax.stairs(below + values, edges, baseline=below, fill=True, color=EXPRESSION_COLORS[label])
        below += values
    ax.set_xlim(0, max(timeline.end_s, timeline.bin_s))
    ax.set_ylim(0, 1)
    ax.set_yticks([0, 0.5, 1])
    ax.set_ylabel("probability", fontsize=8)


def _add_legend(figure: "Figure", timeline: Timeline) -> None:
    from matplotlib.patches import Patch  # noqa: PLC0415 - an extra

    patches = [Patch(color=EXPRESSION_COLORS[label], label=str(label)) for label in timeline.labels]
    figure.legend(handles=patches, loc="outside upper center", ncols=len(patches), frameon=False, fontsize=9)
