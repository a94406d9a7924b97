"""Rendering an explanation: the face, its importance map in color, the color scale and the probabilities."""

import numpy as np
from PIL import Image, ImageDraw

from mien.geometry import FloatArray
from mien.render.canvas import font
from mien.render.faces import FaceMark
from mien.render.panels import PANEL_HEIGHT, beside, panel_of
from mien.render.style import AGAINST, FAVOR, INK, PAPER, rgb

#: Side of the face in pixels, and height of the letters.
_FACE_SIDE = 288
_UNIT = round(_FACE_SIDE / PANEL_HEIGHT)


def render_explanation(crop: FloatArray, importance: FloatArray, face: FaceMark, explained: str) -> Image.Image:
    """A face, the same face tinted by importance above a color scale, and its panel of bars.

    Args:
        crop: Gray (H, W) in [0, 1].
        importance: Signed (H, W); its largest absolute value gets the full color.
        face: Number and probabilities.
        explained: Name of the expression.
    """
    strongest = float(np.abs(importance).max())
    strength = np.clip(importance / max(strongest, 1e-6), -1, 1)  # (H, W) in [-1, 1]
    unit = _UNIT
    picture = Image.new("RGB", (2 * _FACE_SIDE, _FACE_SIDE + 4 * unit), PAPER)
    for position, side in enumerate((_tinted(crop, np.zeros_like(strength)), _tinted(crop, strength))):
        picture.paste(side.resize((_FACE_SIDE,) * 2, Image.Resampling.BICUBIC), (position * _FACE_SIDE, 0))
    ImageDraw.Draw(picture).text((unit * 0.4, _FACE_SIDE + unit * 0.3), "as the network sees it", INK, font(unit))
    picture.paste(_scale(strongest, explained, unit), (_FACE_SIDE, _FACE_SIDE))
    return beside(picture, [panel_of(face.number or 1, face, unit)])


def _tinted(crop: FloatArray, strength: FloatArray) -> Image.Image:
    """A gray face (H, W) tinted by a strength (H, W) in [-1, 1]."""
    amount = 0.75 * np.abs(strength)[..., None]  # (H, W, 1); the face stays visible under the strongest color
    color = np.where(strength[..., None] > 0, rgb(FAVOR), rgb(AGAINST))  # (H, W, 3)
    mixed = crop[..., None] * 255 * (1 - amount) + color * amount
    return Image.fromarray(mixed.round().astype(np.uint8))


def _scale(strongest: float, explained: str, unit: int) -> Image.Image:
    """The color scale, from against to for, with the change of probability at its ends."""
    scale = Image.new("RGB", (_FACE_SIDE, 4 * unit), PAPER)
    draw, letters = ImageDraw.Draw(scale), font(unit)
    ramp = np.tile(np.linspace(-1, 1, _FACE_SIDE - unit, dtype=np.float32), (unit, 1))  # (unit, width)
    scale.paste(_tinted(np.full_like(ramp, 0.85), ramp), (unit // 2, round(unit * 0.3)))
    points = f"{strongest * 100:.0f}" if strongest >= 0.01 else f"{strongest * 100:.1g}"
    for x, anchor, value, words in (
        (unit * 0.5, "la", f"\N{MINUS SIGN}{points} points", "against"),
        (scale.width / 2, "ma", "0", explained),
        (scale.width - unit * 0.5, "ra", f"+{points} points", "for"),
    ):
        draw.text((x, unit * 1.4), words, INK, letters, anchor)
        draw.text((x, unit * 2.5), value, INK, letters, anchor)
    return scale
