"""The data set as plots: how often each expression leads, and faces of each; needs the extra ``plots``."""

from typing import TYPE_CHECKING

import numpy as np

from mien.data.dataset import FerDataset
from mien.data.protocols import distribution, select
from mien.data.splits import SPLITS, Split
from mien.expressions import FERPLUS_LABELS
from mien.render.plots import new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: White pixels between two faces.
_GAP = 8


def plot_distribution(dataset: FerDataset, *, ax: "Axes | None" = None) -> "Axes":
    """Plot for each split the share of images that each expression leads in, with the number of images.

    Args:
        dataset: A prepared data set.
        ax: Where to plot; None makes a figure.
    """
    ax = new_axes(ax, width=10, height=4.5)
    names = [str(label) for label in FERPLUS_LABELS]
    for position, split in enumerate(SPLITS):
        counts = np.bincount(select(dataset, "votes", split).labels, minlength=len(names))  # (8,)
        share = counts / max(counts.sum(), 1)
        at = np.arange(len(names)) + (position - 1) * 0.27
        bars = ax.bar(at, share, width=0.27, label=f"{split} ({counts.sum():,})")
        ax.bar_label(bars, [f"{n:,}" for n in counts], fontsize=6, rotation=90, padding=2)
    ax.set_xticks(np.arange(len(names)), names)
    ax.set(xlabel="expression", ylabel="share of the split", title="Most voted expression of each image")
    ax.margins(y=0.18)
    ax.legend(frameon=False)
    return ax


def plot_faces(
    dataset: FerDataset, *, split: Split = "train", per_class: int = 8, seed: int = 0, ax: "Axes | None" = None
) -> "Axes":
    """Plot a row of faces for each expression, chosen at random among those it leads in.

    The number under each face is the share of its votes for the expression, in [0, 1].

    Args:
        dataset: A prepared data set.
        split: Where the faces come from.
        per_class: Faces per row, at most.
        seed: Of the choice.
        ax: Where to plot; None makes a figure.
    """
    ax = new_axes(ax, width=per_class * 1.05 + 1, height=len(FERPLUS_LABELS) * 1.25)
    selection = select(dataset, "votes", split)
    shares = distribution(dataset.votes[selection.indices])  # (n, 8)
    generator = np.random.default_rng(seed)
    side = dataset.images.shape[1]
    wide, high = side + _GAP, side + 2 * _GAP  # a line of text fits below each face
    sheet = np.full((len(FERPLUS_LABELS) * high, per_class * wide), 255, np.uint8)
    for label in range(len(FERPLUS_LABELS)):
        members = np.flatnonzero(selection.labels == label)
        for column, at in enumerate(generator.permutation(members)[:per_class]):
            top, left = label * high, column * wide
            sheet[top : top + side, left : left + side] = dataset.images[selection.indices[at], :, :, 0]
            share = f"{shares[at, label]:.1f}"
            ax.text(left + side / 2, top + side + _GAP / 2, share, ha="center", va="center", fontsize=7)
    ax.imshow(sheet, cmap="gray", vmin=0, vmax=255)
    ax.set_yticks(np.arange(len(FERPLUS_LABELS)) * high + side / 2, [str(label) for label in FERPLUS_LABELS])
    ax.tick_params(length=0)
    ax.set_xticks([])
    ax.spines[:].set_visible(False)
    ax.set_xlabel("share of the votes under each face")
    return ax
