"""The directories of TIFF files (TIFF 6.0, section 2; BigTIFF): what a page says of itself, before anything is decoded.

EXIF blocks have the same form. It does not decode pixels.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from PIL import ImageFile, TiffImagePlugin

from mien.errors import ImageDecodeError

SUBFILE_TYPE, WIDTH, HEIGHT, BITS, PHOTOMETRIC, ORIENTATION = 254, 256, 257, 258, 262, 274
TILE_WIDTH, TILE_HEIGHT, SAMPLE_FORMAT, DNG_VERSION = 322, 323, 339, 50706
#: Where the parts of a page lie and how long they are: strips and tiles.
PART_TABLES = (273, 279, 324, 325)
#: Files with more pages are read by their first ones.
MAX_PAGES = 1000

#: Bytes of one value, by type of field (TIFF 6.0, page 15; BigTIFF adds 16 to 18), and the types that are counted in.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}


@dataclass(frozen=True, slots=True)
class Page:
    """One directory: how many values each field has, and the first of those that are whole numbers."""

    counts: dict[int, int]
    numbers: dict[int, int]

    @property
    def is_preview(self) -> bool:
        """Whether it calls itself a smaller version of another page."""
        return bool(self.numbers.get(SUBFILE_TYPE, 0) & 1)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, as stored."""
        return self.numbers.get(WIDTH, 0), self.numbers.get(HEIGHT, 0)

    @property
    def orientation(self) -> int:
        """As EXIF counts it, 1 where none that makes sense is stated."""
        stated = self.numbers.get(ORIENTATION, 1)
        return stated if stated in range(1, 9) else 1


def pages(stream: BinaryIO) -> Iterator[Page]:
    """The directories in order, at most :data:`MAX_PAGES`; it ends at the first that cannot be read."""
    stream.seek(0)
    head = stream.read(16)
    order = ">" if head[:2] == b"MM" else "<"
    is_big = 43 in head[2:4]
    try:
        (offset,) = struct.unpack_from(order + ("Q" if is_big else "I"), head, 8 if is_big else 4)
        seen: set[int] = set()
        while offset and offset not in seen and len(seen) < MAX_PAGES:
            seen.add(offset)
            stream.seek(offset)
            page, offset = _directory(stream, order, is_big=is_big)
            yield page
    except (struct.error, OSError, OverflowError, ValueError):
        return


def _directory(stream: BinaryIO, order: str, *, is_big: bool) -> tuple[Page, int]:
    """The directory at the stream's place, and the offset of the next; 0 ends the chain."""
    count_form, entry_form, next_form = ("Q", "HHQ8s", "Q") if is_big else ("H", "HHI4s", "I")
    (count,) = struct.unpack(order + count_form, stream.read(struct.calcsize(count_form)))
    entry_size = struct.calcsize("<" + entry_form)
    table = stream.read(min(count, 2**16) * entry_size)
    page = Page({}, {})
    for start in range(0, len(table) - entry_size + 1, entry_size):
        tag, kind, values, inline = struct.unpack_from(order + entry_form, table, start)
        page.counts[tag] = values
        if kind in _INTEGERS and values > 0 and values * _SIZES[kind] <= len(inline):
            page.numbers[tag] = struct.unpack_from(order + _INTEGERS[kind], inline)[0]
        elif tag in {BITS, SAMPLE_FORMAT} and kind == 3:  # one for each color, too long to lie in the entry
            page.numbers[tag] = _first_short(stream, order, inline, is_big=is_big)
    after = stream.read(struct.calcsize(next_form))
    return page, struct.unpack(order + next_form, after)[0] if len(after) == struct.calcsize(next_form) else 0


def _first_short(stream: BinaryIO, order: str, inline: bytes, *, is_big: bool) -> int:
    back = stream.tell()
    try:
        stream.seek(struct.unpack(order + ("Q" if is_big else "I"), inline)[0])
        return int(struct.unpack(order + "H", stream.read(2))[0])
    finally:
        stream.seek(back)


def largest_page(stream: BinaryIO, name: str) -> tuple[int, Page]:
    """The number and the directory of the page that is the picture: the largest, of equals the first.

    Raises:
        ImageDecodeError: There is none, or only previews of pixels that Pillow cannot read, as in cameras' raw files.
    """
    found = list(pages(stream))
    if not found:
        raise ImageDecodeError(f"{name}: damaged picture (no TIFF directory can be read)")
    if any(DNG_VERSION in page.counts for page in found) or all(page.is_preview for page in found):
        raise ImageDecodeError(
            f"{name}: a camera's raw file, of which only the preview could be read",
            hint="develop it and export it as JPEG",
        )
    number = max(range(len(found)), key=lambda n: (not found[n].is_preview, found[n].size[0] * found[n].size[1], -n))
    return number, found[number]


class StoredTiff(TiffImagePlugin.TiffImageFile):
    """Pillow's reader, which leaves the pixels as they are stored: it would turn them and write the EXIF anew.

    That fails where a field can be read but not written, and costs the picture.
    """

    def load_end(self) -> None:
        """Called when the pixels are there."""
        self._size = self.im.size  # sides were swapped for orientations 5 to 8


def open_tiff(stream: BinaryIO, filename: str) -> ImageFile.ImageFile:
    """A TIFF file whose pixels stay as they are stored."""
    return StoredTiff(stream, filename)
