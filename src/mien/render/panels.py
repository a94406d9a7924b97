"""A picture with its faces marked, and beside it a panel of probability bars for each face."""

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image, ImageDraw

from mien.geometry import Box, ByteArray
from mien.render.canvas import SMALLEST_LETTER, edges, font, letter_height
from mien.render.faces import FaceMark, labels_of, number_of, outline_faces
from mien.render.labels import LABEL_HEIGHT, Label, LabelForm
from mien.render.style import EXPRESSION_COLORS, FAINT, INK, PAPER
from mien.render.text import percent

#: Smaller pictures are enlarged to the first long side and larger ones reduced to the second, so that text is legible.
_LONG_SIDE = (640, 1600)
#: Height of a panel with eight bars in heights of a letter.
PANEL_HEIGHT = 14.5
#: Smallest letters of panels relative to those of the picture: they must be legible when the picture is shown small.
_LEAST_LETTERS = 0.65
#: Pictures with more faces get numbers as labels, and a legend instead of panels.
CROWD = 12


def render_panels(image: ByteArray, faces: Sequence[FaceMark]) -> Image.Image:
    """The picture with boxes, and a panel of bars for each face or, for a crowd, a legend; scaled to a legible size.

    Args:
        image: RGB uint8 (H, W, 3).
        faces: In the order of their numbers, from 1.
    """
    height, width = image.shape[:2]
    smallest, largest = _LONG_SIDE
    scale = min(max(smallest / max(width, height), 1.0), largest / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    picture = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)
    if not faces:
        return picture
    is_crowd = len(faces) > CROWD
    forms: tuple[LabelForm, ...] = ("number",) if is_crowd else ("full", "number")
    picture = _with_labels(picture, [_scaled(face, scale) for face in faces], forms)
    if is_crowd:
        return _above(picture, _legend(faces, picture.width, letter_height(size)))
    unit = _panel_letters(picture, len(faces))
    panels = [panel_of(number_of(face, place), face, unit) for place, face in enumerate(faces, start=1)]
    return beside(picture, panels)


def _legend(faces: Sequence[FaceMark], width: int, unit: int) -> Image.Image:
    """Number, name and percent of each face in columns, read from top to bottom."""
    row, column = round(unit * 1.5), unit * 11
    columns = max(1, width // column)
    rows = -(-len(faces) // columns)
    legend = Image.new("RGB", (max(width, column), row * rows + unit), PAPER)
    draw = ImageDraw.Draw(legend)
    for place, face in enumerate(faces):
        left, top = place // rows * column + unit * 0.5, place % rows * row + unit * 0.5
        draw.rectangle((left, top, left + unit * 0.4, top + unit), fill=face.color)
        draw.text((left + unit * 0.8, top), f"{number_of(face, place + 1)}  {face.title}", INK, font(unit))
    return legend


def _above(picture: Image.Image, below: Image.Image) -> Image.Image:
    canvas = Image.new("RGB", (max(picture.width, below.width), picture.height + below.height), PAPER)
    canvas.paste(picture, (0, 0))
    canvas.paste(below, (0, picture.height))
    return canvas


def _panel_letters(picture: Image.Image, faces: int) -> int:
    """Height of the panels' letters: as for one column of panels, unless that is too small to read."""
    largest = letter_height(picture.size)
    in_one_column = int(picture.height / (PANEL_HEIGHT * faces))
    return min(largest, max(SMALLEST_LETTER, round(_LEAST_LETTERS * largest), in_one_column))


def _with_labels(picture: Image.Image, faces: Sequence[FaceMark], forms: Sequence[LabelForm]) -> Image.Image:
    """The picture with boxes and labels; a strip is added at the top if the labels do not fit without it."""
    unit = letter_height(picture.size)
    strip = round(LABEL_HEIGHT * unit)
    shifted = [_moved(face, strip) for face in faces]
    # the first that fits: full labels, full labels with a strip, numbers, numbers with a strip
    for form in forms:
        for moved, margin in ((faces, 0), (shifted, strip)):
            labels, fits = labels_of((picture.width, picture.height + margin), moved, form, unit=unit)
            if fits:
                return _labeled(picture, moved, labels, margin)
    return _labeled(picture, shifted, labels, strip)


def _labeled(picture: Image.Image, faces: Sequence[FaceMark], labels: Sequence[Label], margin: int) -> Image.Image:
    canvas = Image.new("RGB", (picture.width, picture.height + margin), PAPER)
    canvas.paste(picture, (0, margin))
    outline_faces(canvas, faces, labels, unit=letter_height(picture.size))
    return canvas


def _scaled(face: FaceMark, scale: float) -> FaceMark:
    return replace(face, box=Box(*(edge * scale for edge in edges(face.box))))


def _moved(face: FaceMark, down: float) -> FaceMark:
    return replace(face, box=face.box.shifted(0, down))


def beside(picture: Image.Image, panels: Sequence[Image.Image]) -> Image.Image:
    """The picture with the panels on its right, or below it if they would be wider than the picture."""
    width, height = panels[0].size
    columns = -(-len(panels) // max(1, picture.height // height))
    rows = -(-len(panels) // columns)  # rounded up; columns of nearly equal length
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


def panel_of(number: int, face: FaceMark, unit: int) -> Image.Image:
    """Number, expression and a bar for each probability."""
    row, names = round(unit * 1.45), list(face.probabilities)
    panel = Image.new("RGB", (unit * 20, row * (len(names) + 2)), PAPER)
    draw = ImageDraw.Draw(panel)
    draw.rectangle((unit * 0.5, row * 0.5, unit * 0.9, row * 1.5), fill=face.color)
    draw.text((unit * 1.3, row * 0.5), f"{number}  {face.title}", font=font(round(unit * 1.15)), fill=INK)
    for line, name in enumerate(names):
        top, value = row * (line + 1.8), min(max(face.probabilities[name], 0.0), 1.0)
        draw.text((unit * 0.5, top), name, font=font(unit), fill=INK)
        full = (unit * 7.0, top + row * 0.15, unit * 15.5, top + row * 0.75)
        draw.rectangle(full, fill=FAINT)
        filled = max(1, (full[2] - full[0]) * value)
        draw.rectangle((*full[:2], full[0] + filled, full[3]), fill=EXPRESSION_COLORS.get(name, INK))
        draw.text((unit * 16, top), percent(value), font=font(unit), fill=INK)
    return panel
