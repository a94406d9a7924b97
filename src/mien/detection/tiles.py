"""Cutting a picture into overlapping tiles. It does not know what is looked for in them."""

from collections.abc import Iterator

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
