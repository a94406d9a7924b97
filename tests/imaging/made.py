"""Picture files that the tests make themselves, some of them byte by byte."""

import struct
from collections.abc import Mapping
from io import BytesIO
from typing import Literal

import numpy as np
from PIL import Image


def encoded(picture: Image.Image, form: str = "PNG", **options: object) -> bytes:
    stream = BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


Fields = Mapping[int, tuple[int, int]]
#: Pixels, fields in place of the usual ones, and further fields.
Page = tuple[np.ndarray, Fields, Fields]
ByteOrder = Literal["<", ">"]


def tiff(
    pixels: np.ndarray,
    *,
    photometric: int | None = None,
    order: ByteOrder = "<",
    rows_per_strip: int | None = None,
    extra: Fields | None = None,
) -> bytes:
    """An uncompressed TIFF of one page, by TIFF 6.0, of (H, W) or (H, W, channels) numbers of any type."""
    return tiff_of_pages(
        [(pixels, {} if photometric is None else {262: (3, photometric)}, extra or {})], order, rows_per_strip
    )


def tiff_of_pages(pages: list[Page], order: ByteOrder = "<", rows_per_strip: int | None = None) -> bytes:
    """A page is its pixels, and fields that take the place of the usual ones: tag to (type, value)."""
    content = bytearray((b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 0))
    link = 4
    for pixels, fields, extra in pages:
        height, width = pixels.shape[:2]
        channels = pixels.shape[2] if pixels.ndim == 3 else 1
        kind = {"u": 1, "b": 1, "i": 2, "f": 3}[pixels.dtype.kind]
        data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
        rows = rows_per_strip or height
        bounds = [row * len(data) // height for row in range(0, height, rows)]
        offsets = [len(content) + start for start in bounds]
        lengths = [stop - start for start, stop in zip(bounds, [*bounds[1:], len(data)], strict=True)]
        content += data
        table = {
            256: (4, [width]),
            257: (4, [height]),
            258: (3, [pixels.dtype.itemsize * 8] * channels),
            259: (3, [1]),
            262: (3, [2 if channels >= 3 else 1]),
            273: (4, offsets),
            277: (3, [channels]),
            278: (4, [rows]),
            279: (4, lengths),
            339: (3, [kind] * channels),
        }
        table |= {tag: (form, [value]) for tag, (form, value) in {**fields, **extra}.items()}
        blocks = {}
        for tag, (form, values) in table.items():
            packed = b"".join(struct.pack(order + {3: "H", 4: "I"}[form], value) for value in values)
            if len(packed) > 4:
                blocks[tag] = len(content)
                content += packed
        content[link : link + 4] = struct.pack(order + "I", len(content))
        content += struct.pack(order + "H", len(table))
        for tag, (form, values) in sorted(table.items()):
            packed = b"".join(struct.pack(order + {3: "H", 4: "I"}[form], value) for value in values)
            inline = struct.pack(order + "I", blocks[tag]) if tag in blocks else packed.ljust(4, b"\0")
            content += struct.pack(order + "HHI", tag, form, len(values)) + inline
        link = len(content)
        content += bytes(4)
    return bytes(content)
