"""Rendering frames: boxes as on photos with the line of each track, and beside each face its probability bars."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from mien.geometry import Box, ByteArray, iou
from mien.render.faces import FaceMark, face_labels, render_boxes, track_line
from mien.render.style import EXPRESSION_COLORS

#: Faces of at least this share of the frame's height get bars.
_BARS_FROM = 0.08


def render_frame(image: ByteArray, faces: Sequence[FaceMark]) -> Image.Image:
    """The frame with each face's box, number, expression and bars; the size stays.

    Labels have one form, with name and percent, in every frame: a form that followed the scene would flicker.

    Args:
        image: RGB uint8 (H, W, 3).
        faces: Each with the number of its track.
    """
    marks = [replace(face, line=track_line(face.number or 1)) for face in faces]
    canvas = render_boxes(image, marks, form="full")
    taken = [face.box for face in marks]  # places that bars must leave free
    taken += [label.box for label in face_labels(canvas.size, marks, form="full")]
    for face in marks:
        if face.box.height >= _BARS_FROM * canvas.height:
            _render_bars(canvas, face, taken)
    return canvas


def _render_bars(canvas: Image.Image, face: FaceMark, taken: list[Box]) -> None:
    """Bars right of the box, or left of it where they fit only there; none where they would hide a face or its name."""
    unit = max(9, round(max(canvas.size) / 110))  # height of a bar and its text, in pixels
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
