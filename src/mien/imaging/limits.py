"""What a picture will cost, estimated from its headers before anything is decoded.

Pixels are only one cost: a few kilobytes can hold thousands of scans, a million strips or a side of fifty million. It
does not decode; where a header is damaged it says nothing and leaves the verdict to the decoder.
"""

import io
import re
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from mien.errors import ImageDecodeError, ImageSizeError
from mien.imaging.tiff import PART_TABLES, TILE_HEIGHT, TILE_WIDTH, pages

#: A picture with more pixels is refused before it is decoded (134 million; 400 MB as RGB).
MAX_PIXELS = 2**27
#: Pictures of more pixels are decoded and searched one at a time: decoding takes seven bytes a pixel.
LARGE_PIXELS = 24_000_000
#: Longest time for a picture that is decoded in a process of its own, in seconds; 100 million pixels take some 3.
PICTURE_TIME_S = 30.0
#: The longest side, in pixels: every row and column costs something of its own.
MAX_SIDE = 100_000
#: Scans of a progressive JPEG; encoders write about ten. Each goes over all pixels.
MAX_SCANS = 100
#: Scans times pixels: as many as a picture of :data:`MAX_PIXELS` in 16 scans.
MAX_SCANNED_PIXELS = 16 * MAX_PIXELS
#: Chunks, segments, strips, tiles and the like, for each of which the reader runs a piece of Python.
MAX_PARTS = 100_000
#: Pixels of formats whose decoders are written in Python: text PPM, BMP with run lengths.
MAX_SLOW_PIXELS = 2**20

# A scan's data end where 0xFF is followed by anything but 0 and the eight restart marks (ITU T.81, B.1.1).
_AFTER_SCAN = re.compile(rb"\xff(?=[^\x00\xd0-\xd7\xff])")
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN, _END_OF_IMAGE, _PROGRESSIVE = 0xDA, 0xD9, frozenset({0xC2, 0xC6, 0xCA, 0xCE})


def check_size(width: int, height: int, max_pixels: int, name: str) -> None:
    """Refuse an empty or a too large picture.

    Raises:
        ImageDecodeError: A side is zero.
        ImageSizeError: There are too many pixels, or too many on one side.
    """
    if width < 1 or height < 1:
        raise ImageDecodeError(f"{name}: an empty picture of {width} × {height} pixels")
    if width * height > max_pixels:
        raise ImageSizeError(
            f"{name}: {width} × {height} = {width * height:,} pixels, expected at most {max_pixels:,}",
            hint="make the picture smaller, or raise max_pixels (--max-pixels)",
        )
    if max(width, height) > MAX_SIDE:
        raise _too_many(name, f"pixels on a side ({width} × {height})", max(width, height), MAX_SIDE)


def check_parts(stream: BinaryIO, form: str, max_pixels: int, name: str) -> None:
    """Refuse a file whose reading costs more than its pixels, before a reader opens it.

    Args:
        stream: Its bytes; seekable.
        form: Pillow's name of its format.
        max_pixels: The limit of pixels.
        name: What errors call it.

    Raises:
        ImageSizeError: It has too many scans, strips, chunks or the like.
    """
    look = _LOOKS.get(form)
    if look is None:
        return
    try:
        excess = next((found for found in look(stream, max_pixels) if found.number > found.most), None)
    except (struct.error, IndexError, ValueError, OverflowError):
        return  # damaged: the decoder says how
    if excess is not None:
        raise _too_many(name, excess.what, excess.number, excess.most)


def _too_many(name: str, what: str, count: int, most: int) -> ImageSizeError:
    return ImageSizeError(f"{name}: {count:,} {what}, expected at most {most:,}", hint="save the picture anew")


class Count(NamedTuple):
    """What is counted, how many there are, and how many there may be."""

    what: str
    number: int
    most: int


def _jpeg(stream: BinaryIO, max_pixels: int) -> Iterator[Count]:
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    # read(n) reserves n bytes at once, however short the file is: too many for a worker whose memory is limited
    content = stream.read(min(size, max(2**30, 16 * max_pixels)))
    scans = segments = at = components = 0
    most, is_sequential = MAX_SCANS, False
    while (found := _AFTER_SCAN.search(content, at)) is not None:
        marker, at = content[found.end()], found.end() + 1
        if marker == _END_OF_IMAGE:
            break
        if marker in {0x01, 0xD8}:  # these two have no length field
            continue
        segments += 1
        yield Count("segments", segments, MAX_PARTS)
        if marker in _FRAMES:
            height, width, components = struct.unpack_from(">2HB", content, at + 3)
            most = min(MAX_SCANS, max(16, MAX_SCANNED_PIXELS // max(1, width * height)))
            is_sequential = marker not in _PROGRESSIVE
        if marker == _START_OF_SCAN:
            scans += 1
            yield Count("scans", scans, most)
            if is_sequential and content[at + 2] == components:
                break  # all colors of a sequential picture in one scan: there is no other
        at += int.from_bytes(content[at : at + 2], "big")


def _png(stream: BinaryIO, _: int) -> Iterator[Count]:
    stream.seek(8)
    chunks = 0
    while len(head := stream.read(8)) == 8 and head[4:] != b"IEND":
        chunks += 1
        yield Count("chunks", chunks, MAX_PARTS)
        stream.seek(int.from_bytes(head[:4], "big") + 4, 1)


def _gif(stream: BinaryIO, _: int) -> Iterator[Count]:
    """Up to the first frame, blocks of comments and the like are read one by one."""
    stream.seek(10)
    flags = stream.read(3)[0]
    stream.seek(3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0, 1)
    blocks = 0
    while stream.read(1) == b"!":
        stream.seek(1, 1)  # the extension's label
        while (length := stream.read(1)) not in {b"", b"\0"}:
            blocks += 1
            yield Count("blocks", blocks, MAX_PARTS)
            stream.seek(length[0], 1)


def _tiff(stream: BinaryIO, max_pixels: int) -> Iterator[Count]:
    for page in pages(stream):
        for table in PART_TABLES:
            yield Count("strips or tiles", page.counts.get(table, 0), MAX_PARTS)
        tile = page.numbers.get(TILE_WIDTH, 0) * page.numbers.get(TILE_HEIGHT, 0)
        yield Count("pixels in a tile", tile, max_pixels)


def _bmp(stream: BinaryIO, _: int) -> Iterator[Count]:
    stream.seek(18)
    width, height, _planes, _bits, compression = struct.unpack("<2i2HI", stream.read(16))
    if compression in {1, 2}:
        yield Count("pixels with run lengths", abs(width * height), MAX_SLOW_PIXELS)


def _ppm(stream: BinaryIO, _: int) -> Iterator[Count]:
    stream.seek(0)
    if found := re.match(rb"P[123](?:\s|#[^\n]*\n)+(\d{1,9})\s+(\d{1,9})", stream.read(4096)):
        yield Count("pixels written as text", int(found[1]) * int(found[2]), MAX_SLOW_PIXELS)


def _jpeg_2000(stream: BinaryIO, _: int) -> Iterator[Count]:
    """The SIZ segment (ISO 15444-1, A.5.1): sides of the picture and of its tiles."""
    stream.seek(0)
    head = stream.read(2**16)
    at = head.find(b"\xff\x4f\xff\x51")
    if at >= 0:
        width, height, left, top, tile_width, tile_height = struct.unpack_from(">6I", head, at + 10)
        tiles = -(-(width - left) // max(1, tile_width)) * -(-(height - top) // max(1, tile_height))
        yield Count("tiles", tiles, MAX_PARTS // 10)


def _ico(stream: BinaryIO, max_pixels: int) -> Iterator[Count]:
    """The directory says at most 256 × 256; a picture in it may be as large as it likes."""
    stream.seek(4)
    (count,) = struct.unpack("<H", stream.read(2))
    table = stream.read(16 * count)
    for start in range(0, len(table) - 15, 16):
        (offset,) = struct.unpack_from("<I", table, start + 12)
        stream.seek(offset)
        head = stream.read(24)
        sides = struct.unpack_from(">2I", head, 16) if head[:4] == b"\x89PNG" else struct.unpack_from("<2i", head, 4)
        yield Count("pixels in an icon", abs(sides[0] * sides[1]), 2 * max_pixels)  # a BMP counts its mask's rows too
        yield Count("pixels on a side", max(map(abs, sides)), MAX_SIDE)


_LOOKS: dict[str, Callable[[BinaryIO, int], Iterator[Count]]] = {
    "JPEG": _jpeg,
    "MPO": _jpeg,
    "PNG": _png,
    "GIF": _gif,
    "TIFF": _tiff,
    "BMP": _bmp,
    "PPM": _ppm,
    "JPEG2000": _jpeg_2000,
    "ICO": _ico,
}
