"""Placing the labels of faces so that no label covers a face or another label."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mien.geometry import Box, intersection

#: Content of the labels of one picture: number, expression and percent; or the number alone, with a legend elsewhere.
LabelForm = Literal["full", "number"]
#: Height of a label, and the space left and right of its text, in letter heights.
LABEL_HEIGHT, LABEL_MARGIN = 1.5, 0.3


@dataclass(frozen=True, slots=True)
class Label:
    """A text and its box in pixels of the picture."""

    text: str
    box: Box


def place_labels(
    faces: Sequence[Box],
    texts: Sequence[str],
    *,
    size: tuple[int, int],
    unit: int,
    length: Callable[[str], float],
) -> tuple[tuple[Label, ...], bool]:
    """A place for each label beside its face.

    Args:
        faces: Boxes of all faces in pixels.
        texts: As many, one for each face.
        size: Width and height of the picture.
        unit: Height of a letter in pixels.
        length: Of a text in pixels.

    Returns:
        The labels in the order of the faces, and whether all of them lie inside the picture and cover nothing. A label
        without such a place gets the one that covers least.
    """
    placed: list[Label] = []
    free = True
    for face, text in zip(faces, texts, strict=True):
        wide, high = length(text) + 2 * LABEL_MARGIN * unit, LABEL_HEIGHT * unit
        taken = [*faces, *(label.box for label in placed)]
        candidates = list(_candidates(face, wide, high, size))
        best = min(candidates, key=lambda box: _covered(box, taken))  # among equals the first, the preferred place
        free &= _covered(best, taken) == 0 and _inside(best, size)
        placed.append(Label(text, best))
    return tuple(placed), free


def _candidates(face: Box, wide: float, high: float, size: tuple[int, int]) -> Iterator[Box]:
    """Places around a face, the preferred ones first, moved into the picture."""
    above, below = face.top - high, face.bottom
    for top in (above, below):
        for left in (face.left, face.right - wide, face.center[0] - wide / 2):
            yield _pushed_inside(left, top, wide, high, size)
    for left in (face.right, face.left - wide):
        for top in (face.top, face.bottom - high):
            yield _pushed_inside(left, top, wide, high, size)


def _pushed_inside(left: float, top: float, wide: float, high: float, size: tuple[int, int]) -> Box:
    left = min(max(left, 0.0), max(size[0] - wide, 0.0))
    top = min(max(top, 0.0), max(size[1] - high, 0.0))
    return Box(left, top, left + wide, top + high)


def _inside(box: Box, size: tuple[int, int]) -> bool:
    return box.right <= size[0] and box.bottom <= size[1]


def _covered(box: Box, others: Sequence[Box]) -> float:
    """Area of ``box`` in pixels that other boxes cover; a common edge, up to rounding, does not count."""
    return sum(area for other in others if (area := intersection(box, other)) > 1e-6)
