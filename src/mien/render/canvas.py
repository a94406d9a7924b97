"""Common parts of all rendered pictures: fonts and their size, and writing the file."""

from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image, ImageFont

from mien.errors import StorageError
from mien.geometry import Box
from mien.runtime.files import atomic_file

#: Height of the smallest legible letter in pixels.
SMALLEST_LETTER: Final = 13

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write ``picture`` in the format of the name's ending, all or nothing.

    Raises:
        StorageError: The ending is unknown, or the place cannot be written.
    """
    formats = Image.registered_extensions()
    if path.suffix.lower() not in formats:
        raise StorageError(f"cannot write {path}: no picture format ends in {path.suffix!r}", hint="use .png or .jpg")
    encoded = BytesIO()  # encoded before a file is opened: a format that cannot hold the picture leaves none behind
    try:
        picture.save(encoded, formats[path.suffix.lower()])
    except (OSError, ValueError, KeyError) as err:
        raise StorageError(f"cannot write {path}: {err}", hint="use .png or .jpg") from err
    with atomic_file(path) as temporary:
        temporary.write_bytes(encoded.getvalue())


def edges(box: Box) -> tuple[float, float, float, float]:
    """A box in the form of Pillow: (left, top, right, bottom)."""
    return box.left, box.top, box.right, box.bottom


def letter_height(size: tuple[int, int]) -> int:
    """Height in pixels of letters that are legible on a picture of ``size`` (width, height)."""
    return max(SMALLEST_LETTER, round(max(size) / 52))


@cache
def font(size: int) -> Font:
    """Pillow's own font, letters ``size`` pixels high."""
    return ImageFont.load_default(size)
