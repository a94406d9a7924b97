"""The history of a run as plots; needs the extra ``plots``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mien.render.plots import load_figure, new_axes
from mien.training.history import EpochMetrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Title, name of the y axis, and columns of the history of each panel.
_PANELS = (
    ("Loss", "cross-entropy (nats)", ("train_loss", "loss")),
    ("Accuracy on sampled labels, expected", "accuracy", ("train_accuracy", "accuracy")),
    ("KL to the votes", "nats", ("kl",)),
    ("Learning rate", "learning rate", ("learning_rate",)),
)
_NAMES = {"train_loss": "training", "loss": "validation", "train_accuracy": "training", "accuracy": "validation"}


def plot_history(
    history: Sequence[EpochMetrics],
    columns: Sequence[str],
    *,
    title: str = "",
    ylabel: str = "",
    ax: "Axes | None" = None,
) -> "Axes":
    """Plot columns of a history over its epochs.

    Args:
        history: The metrics of each epoch.
        columns: Names of the metrics to plot.
        title: Above the plot.
        ylabel: Name of the y axis.
        ax: Where to plot; None makes a new figure.
    """
    ax = new_axes(ax, width=5.5, height=3, grid=True)
    epochs = [row.epoch for row in history]
    for name in columns:
        ax.plot(epochs, [getattr(row, name) for row in history], label=_NAMES.get(name, name))
    ax.set(title=title, xlabel="epoch", ylabel=ylabel)
    ax.locator_params(axis="x", integer=True)  # no ticks between epochs
    if len(columns) > 1:
        ax.legend(frameon=False)
    return ax


def history_figure(history: Sequence[EpochMetrics]) -> "Figure":
    """Loss, accuracy, KL and learning rate over the epochs.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    figure = load_figure()(figsize=(11, 6), layout="constrained")
    for ax, (title, ylabel, columns) in zip(figure.subplots(2, 2).flat, _PANELS, strict=True):
        plot_history(history, columns, title=title, ylabel=ylabel, ax=ax)
    return figure
