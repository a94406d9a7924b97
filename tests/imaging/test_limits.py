"""What a picture costs beyond its pixels: refused by its headers, at once and before it is decoded."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from mien.errors import ImageDecodeError, ImageSizeError
from mien.imaging import load_image
from tests.imaging.made import encoded, tiff


def jpeg_of_scans(count: int) -> bytes:
    """A progressive JPEG in which the last scan stands again and again."""
    content = encoded(Image.fromarray(np.full((64, 64, 3), 90, np.uint8)), "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * count + content[-2:]


def png(width: int, height: int, *, chunks: int = 0) -> bytes:
    """A gray PNG that says this size, with no pixels to speak of."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">2I5B", width, height, 1, 0, 0, 0, 0))
    rows = zlib.compress(bytes((width + 7) // 8 + 1) * min(height, 10))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", b"") * chunks + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def icon_of(content: bytes) -> bytes:
    return struct.pack("<3H4B2H2I", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(content), 22) + content


def bmp_of_runs(side: int) -> bytes:
    head = struct.pack("<2i2H2I", side, side, 1, 8, 1, 2)
    return struct.pack("<2sIHHI", b"BM", 0, 0, 0, 54 + 1024) + struct.pack("<I", 40) + head + bytes(16 + 1024) + b"\0\1"


def gif_of_blocks(count: int) -> bytes:
    content = encoded(Image.new("P", (2, 2)), "GIF")
    at = content.index(b",", 13)
    return content[:at] + b"!\xfe" + b"\x01a" * count + b"\0" + content[at:]


TOO_MUCH = {
    "scans": (jpeg_of_scans(200), "scans, expected at most 100"),
    "segments": (b"\xff\xd8" + b"\xff\xfe\0\2" * 100_001, "100,001 segments"),
    "a long side": (png(1, 50_000_000), r"50,000,000 pixels on a side \(1 × 50000000\), expected at most 100,000"),
    "a wide side": (png(50_000_000, 1), "50,000,000 pixels on a side"),
    "chunks": (png(8, 8, chunks=100_001), "100,001 chunks"),
    "strips": (tiff(np.zeros((100_001, 1), np.uint8), rows_per_strip=1), "100,001 strips or tiles"),
    "a tile": (tiff(np.zeros((2, 2), np.uint8), extra={322: (4, 2**20), 323: (4, 2**20)}), "pixels in a tile"),
    "an icon": (icon_of(png(30_000, 30_000)), "900,000,000 pixels in an icon"),
    "run lengths": (bmp_of_runs(4000), "16,000,000 pixels with run lengths"),
    "text": (b"P3 # a comment\n4000 4000 255\n" + b"1 " * 100, "16,000,000 pixels written as text"),
    "blocks": (gif_of_blocks(100_001), "100,001 blocks"),
}


@pytest.mark.parametrize("kind", TOO_MUCH)
def test_what_costs_more_than_its_pixels_is_refused_with_what_is_too_much(kind: str) -> None:
    content, text = TOO_MUCH[kind]
    with pytest.raises(ImageSizeError, match=text):
        load_image(content)


def test_a_usual_number_of_scans_strips_and_chunks_is_read() -> None:
    assert load_image(jpeg_of_scans(30)).shape == (64, 64, 3)
    assert load_image(png(8, 8, chunks=50)).shape == (8, 8, 3)
    assert load_image(tiff(np.full((3000, 1), 200, np.uint8), rows_per_strip=1))[-1, 0].tolist() == [200] * 3
    assert load_image(gif_of_blocks(1000)).shape == (2, 2, 3)
    assert load_image(b"P2 2 1 255\n0 255\n").tolist() == [[[0] * 3, [255] * 3]]


def test_scans_count_by_the_pixels_that_they_go_over() -> None:
    huge = bytearray(jpeg_of_scans(30))
    at = huge.index(b"\xff\xc2") + 5
    huge[at : at + 4] = struct.pack(">2H", 11_000, 11_000)
    with pytest.raises(ImageSizeError, match="18 scans, expected at most 17"):
        load_image(bytes(huge))


def test_one_limit_of_pixels_is_told_with_the_size_that_came_and_it_can_be_set() -> None:
    large = encoded(Image.new("1", (16_320, 12_240)), "PNG")  # beyond Pillow's own limit
    with pytest.raises(
        ImageSizeError, match=r"16320 × 12240 = 199,756,800 pixels, expected at most 134,217,728$"
    ) as caught:
        load_image(large)
    assert "max_pixels" in (caught.value.hint or "")
    assert load_image(large, max_pixels=200_000_000).shape == (12_240, 16_320, 3)


@pytest.mark.parametrize("size", [(0, 5), (5, 0)])
def test_an_empty_picture_is_none(size: tuple[int, int]) -> None:
    with pytest.raises(ImageDecodeError, match="PIL image: an empty picture"):
        load_image(Image.new("L", size))


def test_a_stream_that_never_ends_is_given_up_at_its_first_bytes() -> None:
    class Endless(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            assert 0 <= size <= 2**20
            return bytes(size)

    with pytest.raises(ImageDecodeError, match="not a picture"):
        load_image(Endless())
