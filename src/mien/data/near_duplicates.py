"""Images that show the same picture: equal byte for byte, or nearly, inside a set, across its splits and across sets.

A perceptual hash (difference hash: whether each of 8 × 8 areas is darker than its right neighbor) finds candidates, and
the distance of their pixels decides. Every pair of hashes is compared, so that none is missed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from mien.data.dataset import FerDataset
from mien.data.splits import SPLITS

#: Bits of the 64 that may differ between two copies of a picture.
MAX_BITS = 6
#: Mean absolute difference of gray values, at 32 pixels, up to which two images are the same picture.
MAX_DISTANCE = 6.0
#: Pictures with a lower standard deviation of gray values are blank: all are alike, so they are not compared.
_LEAST_CONTRAST = 4.0
_SMALL = 32
#: Hashes that are compared with all others in one step: 256 × 36,000 differences of 8 bytes are 74 MB.
_ROWS = 256
#: Pairs whose pixels are compared at a time.
_PAIRS = 4096
#: Number of set bits of every 16-bit value, for NumPy 1, which lacks ``bitwise_count``.
_BIT_COUNTS = np.array([value.bit_count() for value in range(1 << 16)], np.uint8)


@dataclass(frozen=True, slots=True)
class SamePicture:
    """Two images that show the same picture.

    Attributes:
        first: Row of the first set.
        second: Row of the second set; of the same one where a set is compared with itself, then larger than ``first``.
        distance: Mean absolute difference of gray values at 32 pixels; 0 for equal ones.
    """

    first: int
    second: int
    distance: float


def find_same_pictures(first: FerDataset, second: FerDataset | None = None) -> tuple[SamePicture, ...]:
    """Pairs that show the same picture, inside ``first`` or between it and ``second``, in order of their rows.

    Args:
        first: A prepared data set.
        second: Another one of any side; None compares ``first`` with itself.
    """
    one = _Digest(first)
    other = one if second is None else _Digest(second)
    pairs = [
        SamePicture(int(a), int(b), float(distance))
        for block in _near(one, other, inside=second is None)
        for a, b, distance in zip(*block, strict=True)
    ]
    return tuple(sorted(pairs, key=lambda pair: (pair.first, pair.second)))


def same_picture_rows(dataset: FerDataset) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """The pairs of :func:`find_same_pictures` inside a set as arrays of first and second rows, a block at a time.

    For sets with millions of pairs, which are too many for an object each.
    """
    digest = _Digest(dataset)
    for first, second, _ in _near(digest, digest, inside=True):
        yield first, second


def count_across_splits(first: FerDataset, second: FerDataset, pairs: tuple[SamePicture, ...]) -> dict[str, int]:
    """How many pairs lie between each split of ``first`` and each of ``second``, such as ``train - test``."""
    counts: dict[str, int] = {}
    for pair in pairs:
        name = f"{SPLITS[first.splits[pair.first]]} - {SPLITS[second.splits[pair.second]]}"
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items()))


class _Digest:
    """Hashes uint64 (N,) and small images uint8 (N, 32, 32) of a set; which of them show anything, bool (N,)."""

    def __init__(self, dataset: FerDataset) -> None:
        count = len(dataset)
        self.small = np.empty((count, _SMALL, _SMALL), np.uint8)
        bits = np.empty((count, 64), np.bool_)
        for at, pixels in enumerate(dataset.images):
            picture = Image.fromarray(np.asarray(pixels[:, :, 0]))
            self.small[at] = np.asarray(picture.resize((_SMALL, _SMALL), Image.Resampling.BOX))
            areas = np.asarray(picture.resize((9, 8), Image.Resampling.BOX))  # (8, 9)
            bits[at] = (areas[:, 1:] > areas[:, :-1]).ravel()
        self.hashes = np.packbits(bits, axis=1).view(np.uint64).ravel()
        self.shows = self.small.std(axis=(1, 2)) >= _LEAST_CONTRAST


def _near(
    one: _Digest, other: _Digest, *, inside: bool
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]]:
    """Rows of pairs that show the same picture, and the distance of their pixels, a block at a time."""
    for first, second in _candidates(one, other, inside=inside):
        for start in range(0, len(first), _PAIRS):
            a, b = first[start : start + _PAIRS], second[start : start + _PAIRS]
            distances = np.abs(one.small[a].astype(np.int16) - other.small[b]).mean(axis=(1, 2))  # (pairs,)
            near = distances <= MAX_DISTANCE
            yield a[near], b[near], distances[near]


def _candidates(
    one: _Digest, other: _Digest, *, inside: bool
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Rows of pairs whose hashes differ in few bits, a block at a time; inside a set each pair once."""
    columns = np.flatnonzero(other.shows)
    for rows in np.array_split(np.flatnonzero(one.shows), max(1, -(-int(one.shows.sum()) // _ROWS))):
        if not len(rows):
            continue
        against = columns[columns > rows[0]] if inside else columns
        differing = one.hashes[rows][:, None] ^ other.hashes[against][None]  # (rows, columns)
        a, b = np.nonzero(_bit_counts(differing) <= MAX_BITS)
        first, second = rows[a], against[b]
        kept = second > first if inside else np.ones(len(first), np.bool_)
        yield first[kept], second[kept]


def _bit_counts(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    """Bits that are set in each value."""
    if hasattr(np, "bitwise_count"):  # NumPy 2
        return np.asarray(np.bitwise_count(values), np.uint8)
    words = np.ascontiguousarray(values).view(np.uint16).reshape(*values.shape, 4)
    return np.asarray(_BIT_COUNTS[words].sum(axis=-1), np.uint8)
