"""Rendering frames: boxes as on photos with the line of each track, and beside each face its probability bars."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from mien.geometry import Box, ByteArray, intersection, iou
from mien.render.canvas import font, letter_height
from mien.render.faces import FaceMark, number_of, outline_faces, track_line
from mien.render.labels import Label, place_labels
from mien.render.panels import CROWD
from mien.render.style import EXPRESSION_COLORS

#: Faces of at least this share of the frame's height get bars.
_BARS_FROM = 0.08
#: Square pixels; boxes with a common edge overlap by less.
_ROUNDING = 1e-6


class FrameRenderer:
    """Renders the frames of one video with each face's box, number, expression and bars.

    A label has name and percent. Where that would cover another face or its label, the track has its number alone from
    then on, and in a crowd all tracks have: a form that followed the scene would flicker.
    """

    def __init__(self) -> None:
        self._numbered: set[int] = set()  # tracks whose labels are numbers alone
        self._all_numbered = False

    def render(self, image: ByteArray, faces: Sequence[FaceMark]) -> Image.Image:
        """The frame with its faces; the size stays.

        Args:
            image: RGB uint8 (H, W, 3).
            faces: Each with the number of its track.
        """
        marks = [replace(face, line=track_line(face.number or 1)) for face in faces]
        canvas = Image.fromarray(image)
        labels = self._labels(canvas.size, marks)
        outline_faces(canvas, marks, labels)
        taken = [*(face.box for face in marks), *(label.box for label in labels)]  # what bars must not cover
        for face in marks:
            if face.box.height >= _BARS_FROM * canvas.height:
                _render_bars(canvas, face, taken)
        return canvas

    def _labels(self, size: tuple[int, int], marks: Sequence[FaceMark]) -> tuple[Label, ...]:
        """A label for each face; placed anew as long as one of them has to become shorter."""
        unit = letter_height(size)
        numbers = [number_of(face, place) for place, face in enumerate(marks, start=1)]
        while True:
            texts = [
                str(number) if self._all_numbered or number in self._numbered else f"{number} {face.title}"
                for number, face in zip(numbers, marks, strict=True)
            ]
            boxes = [face.box for face in marks]
            labels, free = place_labels(boxes, texts, size=size, unit=unit, length=font(unit).getlength)
            crowded = () if free else [numbers[at] for at in _covering_others(labels, boxes)]
            if self._all_numbered or self._numbered.issuperset(crowded):
                return labels
            self._numbered.update(crowded)
            self._all_numbered = len(marks) > CROWD


def _covering_others(labels: Sequence[Label], faces: Sequence[Box]) -> Iterator[int]:
    """Positions of the labels that cover another face, or a label that was placed before them."""
    for at, label in enumerate(labels):
        others = [*faces[:at], *faces[at + 1 :], *(earlier.box for earlier in labels[:at])]
        if any(intersection(label.box, other) > _ROUNDING for other in others):
            yield at


def _render_bars(canvas: Image.Image, face: FaceMark, taken: list[Box]) -> None:
    """Bars right of the box, or left of it where they fit only there; none where they would hide a face or its name."""
    unit = max(11, round(max(canvas.size) / 95))  # height of a bar and its text, in pixels
    panel = _panel(face.probabilities, unit)
    for left in (face.box.right + unit // 2, face.box.left - unit // 2 - panel.width):
        top = min(max(0.0, face.box.top), canvas.height - panel.height)
        place = Box(left, top, left + panel.width, top + panel.height)
        inside = left >= 0 and place.right <= canvas.width and top >= 0
        if inside and not any(iou(place, other) > 0 for other in taken):
            canvas.paste(panel, (int(left), int(top)))
            taken.append(place)
            return


def _panel(probabilities: Mapping[str, float], unit: int) -> Image.Image:
    """A bar for each expression beside its name."""
    row = round(unit * 1.4)
    panel = _names(tuple(probabilities), unit).copy()  # the cached part must stay as it is
    draw = ImageDraw.Draw(panel)
    start, full = panel.width - unit * 5, unit * 4.5
    for line, (name, value) in enumerate(probabilities.items()):
        top = unit * 0.4 + row * line
        length = full * min(max(value, 0.0), 1.0)
        draw.rectangle((start, top, start + length, top + unit), fill=EXPRESSION_COLORS.get(name, "#ffffff"))
    return panel


@cache  # text is slow to render, and a video has one size
def _names(names: tuple[str, ...], unit: int) -> Image.Image:
    """The part of a panel that never changes."""
    row, font = round(unit * 1.4), ImageFont.load_default(unit)
    width = max(font.getlength(name) for name in names)
    panel = Image.new("RGB", (round(width + unit * 6), round(row * len(names) + unit * 0.6)), "#1c1f24")
    draw = ImageDraw.Draw(panel)
    for line, name in enumerate(names):
        draw.text((unit * 0.4, unit * 0.3 + row * line), name, font=font, fill="#ffffff")
    return panel
