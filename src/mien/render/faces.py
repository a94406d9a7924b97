"""Drawing: boxes on a picture, and beside it a panel of probability bars for each face, legible at any size.

It does not know networks or results, only boxes and probabilities by name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mien.errors import StorageError
from mien.geometry import Box, ByteArray, FloatArray
from mien.render.style import AGAINST, EXPRESSION_COLORS, FAINT, FAVOR, INK, MUTED, PAPER, rgb
from mien.render.text import percent
from mien.runtime.files import atomic_file

#: Smaller pictures are enlarged to this long side, larger ones shrunk to the other, so that text and face fit together.
_LONG_SIDE = (640, 1600)

#: Height of a panel with eight bars and of the smallest legible letter, in heights of a letter and in pixels.
_PANEL_HEIGHT, _SMALLEST_LETTER = 14.5, 13

#: Side of a face that is shown alone.
_FACE_SIDE = 288

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, slots=True)
class FaceMark:
    """One face to draw.

    Attributes:
        box: In pixels of the picture.
        probabilities: By name.
        number: What it is called; None for its place in the order.
        tint: Color of its box as ``#rrggbb``; None for that of its expression.
        named: Whether to name an expression.
        expression: Which one; None for the most probable.
    """

    box: Box
    probabilities: Mapping[str, float]
    number: int | None = None
    tint: str | None = None
    named: bool = True
    expression: str | None = None

    @classmethod
    def without_box(cls, probabilities: Mapping[str, float], expression: str | None = None) -> "FaceMark":
        """Only the probabilities and what is named, for a panel."""
        return cls(Box(0, 0, 0, 0), probabilities, expression=expression)

    @property
    def title(self) -> str:
        if not self.named:
            return "uncertain"
        name = self.expression or max(self.probabilities, key=lambda key: self.probabilities[key])
        return f"{name} {percent(self.probabilities[name])}"

    @property
    def color(self) -> str:
        return self.tint or EXPRESSION_COLORS.get(self.title.split()[0], MUTED)


def render_boxes(image: ByteArray, faces: Sequence[FaceMark]) -> Image.Image:
    """The picture with each face's box, number and expression; the size stays.

    Args:
        image: RGB uint8 (H, W, 3).
        faces: In the order of their numbers, from 1.
    """
    canvas = Image.fromarray(image)
    _mark_faces(canvas, faces, 1.0)
    return canvas


def render_panels(image: ByteArray, faces: Sequence[FaceMark]) -> Image.Image:
    """The picture with boxes and, on its right, a panel of bars for each face; scaled to a legible size.

    Args:
        image: RGB uint8 (H, W, 3).
        faces: In the order of their numbers, from 1.
    """
    height, width = image.shape[:2]
    smallest, largest = _LONG_SIDE
    scale = min(max(smallest / max(width, height), 1.0), largest / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    picture = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)
    _mark_faces(picture, faces, scale)
    if not faces:
        return picture
    unit = min(_unit(picture), max(_SMALLEST_LETTER, int(picture.height / (_PANEL_HEIGHT * len(faces)))))
    panels = [_panel(number, face, unit) for number, face in enumerate(faces, start=1)]
    return _beside(picture, panels)


def render_explanation(crop: FloatArray, importance: FloatArray, face: FaceMark, explained: str) -> Image.Image:
    """A face, the same face with its importance in color and what the colors mean, and its bars.

    Args:
        crop: Gray (H, W) in [0, 1].
        importance: Signed (H, W); its largest absolute value gets the full color, red for and blue against.
        face: Number and probabilities.
        explained: Name of the expression.
    """
    strength = np.clip(importance / max(float(np.abs(importance).max()), 1e-6), -1, 1)[..., None]
    color = np.where(strength > 0, rgb(FAVOR), rgb(AGAINST))
    gray = np.repeat(crop[..., None] * 255, 3, axis=2)
    mixed = gray * (1 - 0.75 * np.abs(strength)) + color * 0.75 * np.abs(strength)
    sides = [
        Image.fromarray(a.round().astype(np.uint8)).resize((_FACE_SIDE,) * 2, Image.Resampling.BICUBIC)
        for a in (gray, mixed)
    ]
    unit = round(_FACE_SIDE / _PANEL_HEIGHT)
    picture = Image.new("RGB", (2 * _FACE_SIDE, _FACE_SIDE + 2 * unit), PAPER)
    for position, side in enumerate(sides):
        picture.paste(side, (position * _FACE_SIDE, 0))
    draw, line = ImageDraw.Draw(picture), _FACE_SIDE + unit * 0.4
    for left, words, shade in (
        (0.4, f"speaks for {explained}", FAVOR),
        (15.0, f"speaks against {explained}", AGAINST),
    ):
        draw.rectangle((left * unit, line + unit * 0.1, (left + 0.9) * unit, line + unit), fill=shade)
        draw.text(((left + 1.4) * unit, line - unit * 0.1), words, font=_font(unit), fill=INK)
    return _beside(picture, [_panel(face.number or 1, face, unit)])


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write ``picture`` in the format of the name's ending, all or nothing.

    Raises:
        StorageError: The ending is unknown, or the place cannot be written.
    """
    formats = Image.registered_extensions()
    if path.suffix.lower() not in formats:
        raise StorageError(f"cannot write {path}: no picture format ends in {path.suffix!r}", hint="use .png or .jpg")
    encoded = BytesIO()
    try:
        picture.save(encoded, formats[path.suffix.lower()])
    except (OSError, ValueError, KeyError) as err:
        raise StorageError(f"cannot write {path}: {err}", hint="use .png or .jpg") from err
    with atomic_file(path) as temporary:
        temporary.write_bytes(encoded.getvalue())


def _mark_faces(canvas: Image.Image, faces: Sequence[FaceMark], scale: float) -> None:
    """Boxes with number and expression; the tag keeps inside the picture."""
    draw = ImageDraw.Draw(canvas)
    unit = _unit(canvas)
    font, line = _font(unit), max(2, unit // 6)
    for place, face in enumerate(faces, start=1):
        number = place if face.number is None else face.number
        draw.rectangle([edge * scale for edge in _edges(face.box)], outline=face.color, width=line)
        text, tag = _tag(canvas, face, number, scale)
        draw.rectangle(_edges(tag), fill=face.color)
        ink = INK if np.mean(rgb(face.color)) > 110 else PAPER
        draw.text((tag.left + unit * 0.3, tag.top + unit * 0.15), text, font=font, fill=ink)


def tag_box(canvas: Image.Image, face: FaceMark, number: int) -> Box:
    """Where :func:`render_boxes` writes what it says of a face."""
    return _tag(canvas, face, number, 1.0)[1]


def _tag(canvas: Image.Image, face: FaceMark, number: int, scale: float) -> tuple[str, Box]:
    """What is written at a face, above its box or below it, and where."""
    left, top, right, bottom = (edge * scale for edge in _edges(face.box))
    unit = _unit(canvas)
    told = (f"{number} {face.title}", f"{number} {face.title.split()[0]}", str(number))
    room = max(right - left, 3 * unit) * 1.5  # a tag may reach beyond its box, not over the next face
    text = next((text for text in told if _font(unit).getlength(text) <= room), told[-1])
    length = _font(unit).getlength(text)
    tag_left = min(max(left, 0), max(0, canvas.width - length - unit))
    tag_top = top - 1.5 * unit if top >= 1.5 * unit else min(bottom, canvas.height - 1.5 * unit)
    return text, Box(tag_left, tag_top, tag_left + length + unit * 0.6, tag_top + 1.5 * unit)


def _beside(picture: Image.Image, panels: Sequence[Image.Image]) -> Image.Image:
    """The picture with the panels on its right, or below it where they would take more width than the picture."""
    width, height = panels[0].size
    rows = max(1, picture.height // height)
    columns = -(-len(panels) // rows)
    if columns * width > picture.width >= width:
        columns = picture.width // width
        places = [(k % columns * width, picture.height + k // columns * height) for k in range(len(panels))]
    else:
        places = [(picture.width + k // rows * width, k % rows * height) for k in range(len(panels))]
    right, bottom = max(left for left, _ in places) + width, max(top for _, top in places) + height
    canvas = Image.new("RGB", (max(right, picture.width), max(bottom, picture.height)), PAPER)
    canvas.paste(picture, (0, 0))
    for panel, place in zip(panels, places, strict=True):
        canvas.paste(panel, place)
    return canvas


def _panel(number: int, face: FaceMark, unit: int) -> Image.Image:
    """Number, expression and a bar for each probability."""
    row, names = round(unit * 1.45), list(face.probabilities)
    panel = Image.new("RGB", (unit * 20, row * (len(names) + 2)), PAPER)
    draw = ImageDraw.Draw(panel)
    draw.rectangle((unit * 0.5, row * 0.5, unit * 0.9, row * 1.5), fill=face.color)
    draw.text((unit * 1.3, row * 0.5), f"{number}  {face.title}", font=_font(round(unit * 1.15)), fill=INK)
    for line, name in enumerate(names):
        top, value = row * (line + 1.8), min(max(face.probabilities[name], 0.0), 1.0)
        draw.text((unit * 0.5, top), name, font=_font(unit), fill=INK)
        full = (unit * 7.0, top + row * 0.15, unit * 15.5, top + row * 0.75)
        draw.rectangle(full, fill=FAINT)
        filled = max(1, (full[2] - full[0]) * value)
        draw.rectangle((*full[:2], full[0] + filled, full[3]), fill=EXPRESSION_COLORS.get(name, INK))
        draw.text((unit * 16, top), percent(value), font=_font(unit), fill=INK)
    return panel


def _edges(box: Box) -> tuple[float, float, float, float]:
    return box.left, box.top, box.right, box.bottom


def _unit(picture: Image.Image) -> int:
    """Height of letters in pixels."""
    return max(_SMALLEST_LETTER, round(max(picture.size) / 52))


@cache
def _font(size: int) -> Font:
    return ImageFont.load_default(size)
