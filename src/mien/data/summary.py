"""Summaries of a prepared data set: counts, duplicates, and whether it still matches its manifest."""

import hashlib
from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.data.dataset import FerDataset, is_unchanged
from mien.data.protocols import available, distribution, select
from mien.data.splits import SPLITS
from mien.expressions import FERPLUS_LABELS


@dataclass(frozen=True, slots=True)
class ProtocolCount:
    """Number of rows of one protocol and split, and of those in which each expression has most votes."""

    protocol: str
    split: str
    rows: int
    per_class: dict[str, int]


def count_protocols(dataset: FerDataset) -> tuple[ProtocolCount, ...]:
    """Counts of every protocol that the data set has the votes for, for each split."""
    counts = []
    for protocol in available(dataset):
        for split in SPLITS:
            labels = select(dataset, protocol, split).labels
            leading = np.bincount(labels, minlength=len(FERPLUS_LABELS)).tolist()
            per_class = {str(label): n for label, n in zip(FERPLUS_LABELS, leading, strict=True)}
            counts.append(ProtocolCount(protocol, split, len(labels), per_class))
    return tuple(counts)


def label_agreement(dataset: FerDataset) -> dict[str, tuple[int, int]]:
    """For each of FER2013's own labels: the number of images with it, and of those where FER+'s votes agree.

    Over all splits; empty if the data set has no such labels. Images whose most voted column is unknown or not-a-face
    count as disagreement.
    """
    if "fer2013" not in available(dataset):
        return {}
    own, clean = (select(dataset, protocol, "all") for protocol in ("fer2013", "clean"))
    counts, agreed = (np.bincount(s.labels, minlength=len(FERPLUS_LABELS)).tolist() for s in (own, clean))
    columns = [FERPLUS_LABELS.index(label) for label in own.classes]
    return {str(FERPLUS_LABELS[c]): (counts[c], agreed[c]) for c in columns}


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Images that are equal byte for byte.

    Attributes:
        rows: Source rows, ascending.
        splits: Split of each.
        vote_gap: Largest total variation distance between two of their vote distributions, in [0, 1].
    """

    rows: tuple[int, ...]
    splits: tuple[str, ...]
    vote_gap: float


@dataclass(frozen=True, slots=True)
class Check:
    """The result of :func:`check_dataset`.

    Attributes:
        damaged_splits: Splits whose pixels or votes are no longer those of the manifest.
        duplicates: Groups of equal images, in order of their first row.
        inside: Images of each split that also occur earlier in the same split.
        leaked: Images of each split that also occur in an earlier split.
        dropped: Rows that could not be used, by reason, from the manifest.
        black: Usable rows without a picture, all pixels being equal.
    """

    damaged_splits: tuple[str, ...]
    duplicates: tuple[DuplicateGroup, ...]
    inside: dict[str, int]
    leaked: dict[str, int]
    dropped: dict[str, int]
    black: int

    @property
    def sound(self) -> bool:
        """Whether the data match the manifest; duplicates are part of the published data and not a fault."""
        return not self.damaged_splits

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"sound": self.sound}


def check_dataset(dataset: FerDataset) -> Check:
    """Compare the data with their manifest and find equal images within and across splits."""
    damaged = [split for split in SPLITS if not is_unchanged(dataset, split)]
    groups = duplicate_groups(dataset.images)
    inside: dict[str, int] = dict.fromkeys(SPLITS, 0)
    leaked: dict[str, int] = dict.fromkeys(SPLITS, 0)
    for group in groups:
        seen: set[int] = set()
        # in the order train, validation, test: the later copy is the one that leaks
        for split in sorted(int(s) for s in dataset.splits[group]):
            if any(earlier < split for earlier in seen):
                leaked[SPLITS[split]] += 1
            if split in seen:
                inside[SPLITS[split]] += 1
            seen.add(split)
    pixels = dataset.images.reshape(len(dataset), -1)  # (N, S * S), still mapped
    return Check(
        damaged_splits=tuple(damaged),
        duplicates=tuple(_describe(dataset, group) for group in groups),
        inside=inside,
        leaked=leaked,
        dropped=dict(dataset.manifest["dropped"]),
        black=int((pixels.max(axis=1) == pixels.min(axis=1)).sum()),
    )


def duplicate_groups(images: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.int64]]:
    """Positions of images that are equal byte for byte, in groups of at least two, ordered by their first."""
    groups: dict[bytes, list[int]] = defaultdict(list)
    for position, image in enumerate(images):
        groups[hashlib.sha256(image.tobytes()).digest()].append(position)  # 32 bytes an image, not its pixels
    return [np.array(group) for group in groups.values() if len(group) > 1]


def _describe(dataset: FerDataset, group: npt.NDArray[np.int64]) -> DuplicateGroup:
    votes = distribution(dataset.votes[group])  # (g, 8)
    gaps = np.abs(votes[:, None] - votes[None]).sum(axis=2) / 2  # (g, g), total variation
    return DuplicateGroup(
        rows=tuple(int(row) for row in dataset.rows[group]),
        splits=tuple(SPLITS[s] for s in dataset.splits[group]),
        vote_gap=float(gaps.max()),
    )
