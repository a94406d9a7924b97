"""Decoded pixels of every kind become RGB of eight bits.

It does not open files, turn pictures or know limits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageFile

from mien.errors import ImageDecodeError
from mien.geometry import ByteArray
from mien.imaging.tiff import BITS, PHOTOMETRIC, SAMPLE_FORMAT, Page

#: Pixels are converted so many at a time.
_STRIP_PIXELS = 2**20
#: An alpha channel that nowhere exceeds this hides the whole picture, which nobody means.
_HIDDEN = 25
#: Of 16-bit colors Pillow keeps the upper eight bits; where these stay below this, what is seen lies in the lower ones.
_UNUSED_COLORS = 16


@dataclass(frozen=True, slots=True)
class Samples:
    """What a file says of its numbers beyond Pillow's mode.

    Attributes:
        bits: Of each number; None if the file does not say, so that it is inferred from the largest value.
        signed: Whether numbers may be negative.
        inverted: Whether 0 is white.
        deep_colors: Whether it is a color picture of 16 bits, of which Pillow keeps the upper 8.
        inked: CMYK as no Adobe program wrote it: not inverted, which Pillow takes for granted in JPEG.
    """

    bits: int | None = None
    signed: bool = False
    inverted: bool = False
    deep_colors: bool = False
    inked: bool = False


def samples_of(picture: Image.Image, page: Page | None) -> Samples:
    """What is known of a picture's numbers before it is decoded; ``page`` is its TIFF directory."""
    tiles = picture.tile if isinstance(picture, ImageFile.ImageFile) else []
    deep_colors = picture.mode in {"RGB", "RGBA", "CMYK"} and any(";16" in str(tile[3]) for tile in tiles)
    inked = picture.mode == "CMYK" and picture.format in {"JPEG", "MPO"} and "adobe" not in picture.info
    if page is None:
        full = 16 if picture.format == "PPM" and picture.mode.startswith("I") else None  # Pillow scales it
        return Samples(full, deep_colors=deep_colors, inked=inked)
    bits = page.numbers.get(BITS, 1)
    is_deep = picture.mode.startswith(("I", "F"))
    return Samples(
        bits=bits if bits < 16 else None,
        signed=page.numbers.get(SAMPLE_FORMAT) == 2,
        inverted=is_deep and page.numbers.get(PHOTOMETRIC, 0) == 0,  # Pillow turns 8 bits and less round itself
        deep_colors=deep_colors,
    )


def to_rgb(picture: Image.Image, samples: Samples, name: str = "picture") -> ByteArray:
    """The pixels, (H, W, 3), strip by strip, so that no second copy of the whole is held beside the result.

    Args:
        picture: Loaded.
        samples: What the file says of its numbers.
        name: What errors call it.

    Raises:
        ImageDecodeError: No pixel is a number, or what the numbers mean is not known.
    """
    pixels = np.empty((picture.height, picture.width, 3), np.uint8)
    if picture.mode.startswith(("I", "F")) or (samples.signed and picture.mode == "L"):
        low, high = _range(picture, samples, name)
        hidden = picture.info.get("transparency")  # of PNG: the one gray that is not seen
        for rows, strip in _strips(picture):
            numbers = _numbers(strip, samples)
            gray = scaled(numbers, low, high)
            gray = 255 - gray if samples.inverted else gray
            pixels[rows] = np.where(numbers == hidden, 255, gray)[..., None] if hidden is not None else gray[..., None]
        return pixels
    if samples.deep_colors and max(_extremes_of_bands(picture)[:3]) < _UNUSED_COLORS:
        raise ImageDecodeError(
            f"{name}: 16-bit colors of which no value exceeds 4,095, so that what is white is not known",
            hint="scale them to the whole range of 16 bits, or save eight bits a color",
        )
    opaque = _hides_everything(picture)
    for rows, strip in _strips(picture):
        pixels[rows] = np.asarray(_colors(ImageChops.invert(strip) if samples.inked else strip, opaque=opaque))
    return pixels


def scaled(values: npt.NDArray[Any], low: float, high: float) -> ByteArray:
    """Numbers from ``low`` (black) to ``high`` (white) as 0 to 255; what is no number is black."""
    # float64 only where float32 would lose the numbers themselves
    kind = np.float64 if high - low > 2**24 else np.float32
    with np.errstate(all="ignore"):  # what is no number, or a huge one, is clipped
        part = (np.nan_to_num(values.astype(kind), nan=low, posinf=high, neginf=low) - low) * (255.0 / (high - low))
    return np.asarray(np.rint(np.clip(part, 0, 255)), np.uint8)


def _strips(picture: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    rows = max(1, _STRIP_PIXELS // picture.width)
    for top in range(0, picture.height, rows):
        bottom = min(picture.height, top + rows)
        yield slice(top, bottom), picture.crop((0, top, picture.width, bottom))


def _numbers(strip: Image.Image, samples: Samples) -> npt.NDArray[Any]:
    values = np.asarray(strip)
    return values.view(np.int8) if samples.signed and values.dtype == np.uint8 else values


def _range(picture: Image.Image, samples: Samples, name: str) -> tuple[float, float]:
    """What is black and what is white, by what the file says or, where it says nothing, by its values."""
    lows, highs = [], []
    for _, strip in _strips(picture):
        values = _numbers(strip, samples)
        finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
        if finite.size:
            lows.append(float(finite.min()))
            highs.append(float(finite.max()))
    if not lows:
        raise ImageDecodeError(f"{name}: not one pixel is a number")
    low, high = min(lows), max(highs)
    if picture.mode == "F":
        return _range_of_floats(low, high)
    if samples.bits is not None and not samples.signed and low >= 0:
        return 0.0, 2.0**samples.bits - 1
    usual = (8, 10, 12, 14, 16) if not samples.signed else (7, 15) if picture.mode == "L" else (8, 10, 12, 14, 15)
    return _range_of_integers(low, high, usual)


def _range_of_integers(low: float, high: float, usual: tuple[int, ...]) -> tuple[float, float]:
    """The narrowest of the usual ranges that holds all values: 10 or 12 bits often lie in 16."""
    if low >= 0 or -low < high / 16:  # a little below zero is noise
        return 0.0, next(2.0**bits - 1 for bits in (*usual, *range(16, 65)) if high < 2.0**bits)
    half = next(2.0**bits for bits in range(7, 65) if -low <= 2.0**bits and high < 2.0**bits)
    return -half, half - 1


def _range_of_floats(low: float, high: float) -> tuple[float, float]:
    """[0, 1], [-1, 1], [0, 255], [0, 65535], a little over being the ringing of filters; else as far as values go."""
    if low < -0.1 * max(high, 0.1):
        return (-1.0, 1.0) if low >= -1.1 and high <= 1.1 else (low, max(high, low + 1.0))
    if high <= 1.1:
        return 0.0, 1.0
    # nobody means a picture of eight bits that ends at 16: this is light beyond white
    return 0.0, high if high <= 16 else next((white for white in (255.0, 65535.0) if high <= 1.1 * white), high)


def _extremes_of_bands(picture: Image.Image) -> list[int]:
    """The largest value of each band."""
    found: Any = picture.getextrema()
    return [int(found[1])] if isinstance(found[0], int | float) else [int(band[1]) for band in found]


def _hides_everything(picture: Image.Image) -> bool:
    """Whether transparency, believed, would leave nothing to see."""
    if picture.mode in {"LA", "PA", "RGBA"}:
        return _extremes_of_bands(picture)[-1] <= _HIDDEN
    transparent = picture.info.get("transparency")
    if picture.mode != "P" or transparent is None:
        return False
    alphas = dict(enumerate(transparent)) if isinstance(transparent, bytes) else {transparent: 0}
    used = [index for index, count in enumerate(picture.histogram()) if count]
    return all(alphas.get(index, 255) <= _HIDDEN for index in used)


def _colors(picture: Image.Image, *, opaque: bool) -> Image.Image:
    """RGB; what is transparent becomes white unless ``opaque``."""
    if picture.mode == "LAB":
        return _from_lab(picture)
    if not opaque and (picture.has_transparency_data or picture.mode in {"La", "RGBa"}):
        if picture.mode in {"La", "RGBa"}:
            picture = picture.convert({"La": "LA", "RGBa": "RGBA"}[picture.mode])
        layer = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _from_lab(picture: Image.Image) -> Image.Image:
    from PIL import ImageCms  # noqa: PLC0415 - loads a library that hardly any picture needs

    converted = ImageCms.applyTransform(picture, _lab_transform())
    if converted is None:
        raise AssertionError
    return converted


@cache
def _lab_transform() -> Any:
    from PIL import ImageCms  # noqa: PLC0415

    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
