"""Faces marked on a picture: a box in the color of the expression, and a label.

The input is boxes and probabilities by name; ``FaceExpression.mark`` makes it from a result.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from PIL import Image, ImageDraw

from mien.geometry import Box, ByteArray
from mien.render.canvas import edges, font, letter_height
from mien.render.labels import LABEL_MARGIN, Label, LabelForm, place_labels
from mien.render.style import EXPRESSION_COLORS, INK, MUTED, PAPER, rgb
from mien.render.text import percent

#: Line style of a box: it and the number distinguish tracks, since colors mean expressions.
LineStyle = Literal["solid", "dashed", "dotted", "dashdot"]
#: Lengths of strokes and gaps of each style, in line widths.
_DASHES: Final[Mapping[LineStyle, tuple[float, ...]]] = {
    "solid": (),
    "dashed": (6, 3),
    "dotted": (1.5, 1.5),
    "dashdot": (6, 2, 1.5, 2),
}
LINE_STYLES: Final[tuple[LineStyle, ...]] = tuple(_DASHES)


@dataclass(frozen=True, slots=True)
class FaceMark:
    """The data that is rendered of one face.

    Attributes:
        box: In pixels of the picture.
        probabilities: By name of the expression, in [0, 1].
        number: Its number in labels; None for its position in the sequence, from 1.
        line: Line style of its box; see :func:`track_line`.
        named: Whether to name an expression.
        expression: The expression to name; None for the most probable.
    """

    box: Box
    probabilities: Mapping[str, float]
    number: int | None = None
    line: LineStyle = "solid"
    named: bool = True
    expression: str | None = None

    @classmethod
    def without_box(cls, probabilities: Mapping[str, float], expression: str | None = None) -> "FaceMark":
        """A mark for a panel, which shows the probabilities and the named expression only."""
        return cls(Box(0, 0, 0, 0), probabilities, expression=expression)

    @property
    def title(self) -> str:
        """Name and percent, such as ``happiness 87%``."""
        if not self.named:
            return "uncertain"
        name = self.expression or max(self.probabilities, key=lambda key: self.probabilities[key])
        return f"{name} {percent(self.probabilities[name])}"

    @property
    def color(self) -> str:
        """Of the expression that is named."""
        return EXPRESSION_COLORS.get(self.title.split()[0], MUTED)


def track_line(track_id: int) -> LineStyle:
    """The line style of a track, the same in every frame and plot; styles repeat after the last one."""
    return LINE_STYLES[(track_id - 1) % len(LINE_STYLES)]


def render_boxes(image: ByteArray, faces: Sequence[FaceMark]) -> Image.Image:
    """The picture with the box and label of each face, in its original size.

    Args:
        image: RGB uint8 (H, W, 3).
        faces: In the order of their numbers, from 1.
    """
    canvas = Image.fromarray(image)
    outline_faces(canvas, faces, face_labels(canvas.size, faces))
    return canvas


def face_labels(size: tuple[int, int], faces: Sequence[FaceMark]) -> tuple[Label, ...]:
    """What :func:`render_boxes` writes at each face of a picture of ``size`` (width, height), and where.

    All labels are numbers where full ones would cover a face or each other.
    """
    full, fits = labels_of(size, faces, "full")
    return full if fits else labels_of(size, faces, "number")[0]


def labels_of(
    size: tuple[int, int], faces: Sequence[FaceMark], form: LabelForm, *, unit: int | None = None
) -> tuple[tuple[Label, ...], bool]:
    """Labels of one form, and whether they cover no face and no other label."""
    unit = unit or letter_height(size)
    numbers = [str(number_of(face, place)) for place, face in enumerate(faces, start=1)]
    full = [f"{number} {face.title}" for number, face in zip(numbers, faces, strict=True)]
    boxes = [face.box for face in faces]
    texts = full if form == "full" else numbers
    return place_labels(boxes, texts, size=size, unit=unit, length=font(unit).getlength)


def outline_faces(
    canvas: Image.Image, faces: Sequence[FaceMark], labels: Sequence[Label], *, unit: int | None = None
) -> None:
    """Draw boxes, then labels, so that no box runs through a label."""
    draw = ImageDraw.Draw(canvas)
    unit = unit or letter_height(canvas.size)
    for face in faces:
        _outline(draw, face.box, face.color, max(2, unit // 6), face.line)
    for face, label in zip(faces, labels, strict=True):
        draw.rectangle(edges(label.box), fill=face.color)
        ink = INK if _is_light(face.color) else PAPER
        at = label.box.left + unit * LABEL_MARGIN, label.box.top + unit * 0.15
        draw.text(at, label.text, font=font(unit), fill=ink)


def _outline(draw: ImageDraw.ImageDraw, box: Box, color: str, width: int, style: LineStyle) -> None:
    left, top, right, bottom = edges(box)
    if style == "solid":
        draw.rectangle((left, top, right, bottom), outline=color, width=width)
        return
    for start, end in _strokes(right - left, width, style):
        for y in (top, bottom - width + 1):
            draw.rectangle((left + start, y, left + end, y + width - 1), fill=color)
    for start, end in _strokes(bottom - top, width, style):
        for x in (left, right - width + 1):
            draw.rectangle((x, top + start, x + width - 1, top + end), fill=color)


def _strokes(length: float, width: int, style: LineStyle) -> Iterator[tuple[float, float]]:
    """Start and end of each stroke along an edge of ``length`` pixels."""
    at, part, dashes = 0.0, 0, _DASHES[style]
    while at < length:
        step = dashes[part % len(dashes)] * width
        if part % 2 == 0:  # strokes and gaps alternate
            yield at, max(at, min(at + step, length) - 1)  # the last stroke may be shorter than a pixel
        at, part = at + step, part + 1


def _is_light(color: str) -> bool:
    """Whether dark letters have more contrast on ``color`` than light ones (relative luminance, WCAG 2.2)."""
    shares = np.array(rgb(color)) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return bool(linear @ (0.2126, 0.7152, 0.0722) > 0.18)  # the luminance at which both contrasts are equal


def number_of(face: FaceMark, place: int) -> int:
    """The number of a face in labels: its own, otherwise its position in the sequence, from 1."""
    return place if face.number is None else face.number
