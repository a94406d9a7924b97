"""The data set as pictures: how often each expression leads, and faces of each. Needs matplotlib.

It does not know files of the published data.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from mien.data.dataset import FerDataset
from mien.data.protocols import distribution, select
from mien.data.splits import SPLITS, Split
from mien.expressions import FERPLUS_LABELS
from mien.runtime.files import atomic_file


def draw_distribution(dataset: FerDataset, path: Path) -> None:
    """Write a PNG of bars: for each split the share of images that each expression leads in."""
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    axes = figure.subplots()
    names = [str(label) for label in FERPLUS_LABELS]
    for position, split in enumerate(SPLITS):
        counts = np.bincount(select(dataset, "votes", split).labels, minlength=len(names))
        share = counts / max(counts.sum(), 1)
        at = np.arange(len(names)) + (position - 1) * 0.27
        bars = axes.bar(at, share, width=0.27, label=f"{split} ({counts.sum():,})")
        axes.bar_label(bars, [f"{n:,}" for n in counts], fontsize=6, rotation=90, padding=2)
    axes.set_xticks(np.arange(len(names)), names)
    axes.set(ylabel="share of the split", title="Most voted expression of each image")
    axes.margins(y=0.18)
    axes.legend()
    _save(figure, path)


def draw_faces(dataset: FerDataset, path: Path, *, split: Split = "train", per_class: int = 8, seed: int = 0) -> None:
    """Write a PNG with a row of faces for each expression, drawn at random among those it leads in.

    Under each face stands the share of its votes that the expression got, in [0, 1].
    """
    selection = select(dataset, "votes", split)
    shares = distribution(dataset.votes[selection.indices])
    generator = np.random.default_rng(seed)
    figure = Figure(figsize=(per_class * 1.05, len(FERPLUS_LABELS) * 1.25), layout="constrained")
    grid = figure.subplots(len(FERPLUS_LABELS), per_class, squeeze=False)
    for label, axes_row in enumerate(grid):
        members = np.flatnonzero(selection.labels == label)
        chosen = generator.permutation(members)[:per_class]
        for column, axes in enumerate(axes_row):
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_frame_on(False)
            if column < len(chosen):
                at = chosen[column]
                axes.imshow(dataset.images[selection.indices[at], :, :, 0], cmap="gray", vmin=0, vmax=255)
                axes.set_xlabel(f"{shares[at, label]:.1f}", fontsize=7, labelpad=1)
        axes_row[0].set_ylabel(str(FERPLUS_LABELS[label]), fontsize=8)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=130)
