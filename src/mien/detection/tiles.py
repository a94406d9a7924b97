"""Cutting a picture into overlapping tiles. It does not know what is looked for in them."""

from collections.abc import Iterator
from math import ceil

import numpy as np

from mien.geometry import Box

#: Neighbors overlap by this share of a tile's side, so that each small face lies whole in one of them.
OVERLAP = 0.25


def tiles_of(region: Box, side: float) -> Iterator[Box]:
    """Equal tiles of at most ``side`` whole pixels that cover ``region``, neighbors overlapping by a quarter.

    Examples:
        >>> [(tile.left, tile.right) for tile in tiles_of(Box(0, 0, 100, 30), 40)]
        [(0.0, 40.0), (30.0, 70.0), (60.0, 100.0)]
    """
    for top, bottom in _spans(region.top, region.bottom, side):
        for left, right in _spans(region.left, region.right, side):
            yield Box(left, top, right, bottom)


def _spans(start: float, stop: float, side: float) -> list[tuple[float, float]]:
    """Starts and ends of tiles along one axis: as few as keep the overlap, evenly spread."""
    length = stop - start
    side = min(round(side), length)
    count = 1 if side >= length else int(np.ceil((length - side) / (side * (1 - OVERLAP)))) + 1
    starts = np.rint(np.linspace(start, stop - side, count))
    return [(float(first), float(first + side)) for first in starts]


def fitted_tiles(size: tuple[int, int], longest: float, margin: float) -> Iterator[Box]:
    """As few equal tiles as cover a picture with sides of at most ``longest``, neighbors overlapping by ``margin``.

    Args:
        size: (width, height) of the picture in pixels.
        longest: Side of a tile in pixels.
        margin: In pixels, so that what is no larger lies whole in one of them.

    Examples:
        >>> [(tile.left, tile.right) for tile in fitted_tiles((100, 30), 60, 10)]
        [(0.0, 55.0), (45.0, 100.0)]
    """
    columns, rows = (_fitted(length, longest, margin) for length in size)
    for top, bottom in rows:
        for left, right in columns:
            yield Box(left, top, right, bottom)


def _fitted(length: float, longest: float, margin: float) -> list[tuple[float, float]]:
    count = 1 if length <= longest else ceil((length - margin) / max(longest - margin, 1))
    side = (length + (count - 1) * margin) / count
    starts = [round(place * (side - margin)) for place in range(count)]
    return [(float(start), float(min(length, ceil(start + side)))) for start in starts]


def cut_by_tile(box: Box, tile: Box, size: tuple[int, int]) -> bool:
    """Whether an inner edge of its tile cuts a face; a neighboring tile shows the whole of it.

    Args:
        box: Of the face.
        tile: That it was found in.
        size: (width, height) of the picture, whose own border is no inner edge.
    """
    width, height = size
    return (
        (box.left <= tile.left and tile.left > 0)
        or (box.top <= tile.top and tile.top > 0)
        or (box.right >= tile.right and tile.right < width)
        or (box.bottom >= tile.bottom and tile.bottom < height)
    )
