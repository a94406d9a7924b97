"""A property over what files say of their pixels: each combination is read right, or refused in words."""

import struct
import zlib
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.errors import ImageDecodeError
from mien.imaging import load_image
from tests.imaging.made import ByteOrder, Page, tiff_of_pages

#: Three channels that differ, as fractions of white, (16, 16, 3).
_RAMP = np.linspace(0, 1, 256).reshape(16, 16)
COLORS = np.stack([_RAMP, _RAMP.T, 1 - _RAMP], axis=-1)
REFUSALS = ("unusual kind of TIFF", "16-bit colors of which no value exceeds 4,095", "damaged picture")

#: What alpha says: everything is seen, nothing is, or the upper half is not.
ALPHA = {"opaque": np.ones((16, 16)), "hidden": np.zeros((16, 16)), "half": np.repeat([0.0, 1.0], 128).reshape(16, 16)}
#: Type of the numbers, and the number that is white.
NUMBERS: dict[str, tuple[Any, float]] = {
    "8 bits": (np.uint8, 255),
    "10 bits in 16": (np.uint16, 1023),
    "12 bits in 16": (np.uint16, 4095),
    "16 bits": (np.uint16, 65535),
    "16 bits, signed": (np.int16, 32767),
    "32 bits": (np.int32, 2**31 - 1),
    "fractions": (np.float32, 1),
    "floats to 255": (np.float32, 255),
}
PREVIEW: Page = (np.full((40, 40), 10, np.uint8), {}, {254: (4, 1)})
SMALL: Page = (np.full((4, 4), 10, np.uint8), {}, {})
LAYOUTS = ("gray", "gray and alpha", "color", "color and alpha")


def samples(layout: str, alpha: str, white: float, dtype: Any, *, inverted: bool = False) -> np.ndarray:
    """The numbers of a picture, (16, 16) or (16, 16, channels); a first channel of gray."""
    values = COLORS if layout.startswith("color") else COLORS[..., :1]
    values = 1 - values if inverted else values
    if layout.endswith("alpha"):
        values = np.concatenate([values, ALPHA[alpha][..., None]], axis=-1)
    numbers = values * white
    numbers = numbers if np.dtype(dtype).kind == "f" else np.rint(numbers)
    return numbers.astype(dtype)[..., 0] if layout == "gray" else numbers.astype(dtype)


def wanted(layout: str, alpha: str) -> np.ndarray:
    """The picture as it is seen, (16, 16, 3): what is hidden is white, unless everything is."""
    values = COLORS if layout.startswith("color") else COLORS[..., :1].repeat(3, axis=-1)
    if layout.endswith("alpha") and alpha == "half":
        values = np.where(ALPHA[alpha][..., None] > 0, values, 1.0)
    return np.rint(values * 255)


def assert_right_or_refused(content: bytes, expected: np.ndarray, *, must_read: bool) -> None:
    try:
        pixels = load_image(content)
    except ImageDecodeError as err:
        if must_read or not any(words in str(err) for words in REFUSALS):
            raise
        return
    np.testing.assert_allclose(pixels.astype(int), expected, atol=2)


@settings(max_examples=200)
@given(
    numbers=st.sampled_from(sorted(NUMBERS)),
    layout=st.sampled_from(LAYOUTS),
    alpha=st.sampled_from(sorted(ALPHA)),
    order=st.sampled_from(["<", ">"]),
    white_is_zero=st.booleans(),
    rows_per_strip=st.sampled_from([1, 5, 16]),
    others=st.tuples(*[st.lists(st.sampled_from([PREVIEW, SMALL]), max_size=2)] * 2),
)
def test_tiffs_of_every_kind_are_right_or_refused(
    numbers: str,
    layout: str,
    alpha: str,
    order: ByteOrder,
    white_is_zero: bool,
    rows_per_strip: int,
    others: tuple[list[Page], list[Page]],
) -> None:
    dtype, white = NUMBERS[numbers]
    inverted = white_is_zero and layout == "gray"
    photometric = {262: (3, 2 if layout.startswith("color") else 0 if inverted else 1)}
    extra = {338: (3, 2)} if layout.endswith("alpha") else {}  # ExtraSamples: unassociated alpha
    page: Page = (samples(layout, alpha, white, dtype, inverted=inverted), photometric, extra)
    before, after = others
    content = tiff_of_pages([*before, page, *after], order, rows_per_strip)
    must_read = numbers == "8 bits" or (layout == "gray" and not inverted)
    assert_right_or_refused(content, wanted(layout, alpha), must_read=must_read)


def png(pixels: np.ndarray, kind: int, depth: int, chunks: bytes = b"") -> bytes:
    """A PNG of (16, 16, channels) numbers, by its specification: kind is its color type."""
    flat = pixels.reshape(16, -1).astype(np.uint64)
    bits = (flat[..., None] >> np.arange(depth - 1, -1, -1, dtype=np.uint64) & 1).astype(np.uint8)
    rows = np.packbits(bits.reshape(16, -1), axis=1)
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, depth, kind, 0, 0, 0))
    data = _chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + header + chunks + data + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@settings(max_examples=120)
@given(layout=st.sampled_from(LAYOUTS), alpha=st.sampled_from(sorted(ALPHA)), deep=st.booleans())
def test_pngs_of_every_color_type_are_right(layout: str, alpha: str, deep: bool) -> None:
    kind = {"gray": 0, "gray and alpha": 4, "color": 2, "color and alpha": 6}[layout]
    white, dtype = (65535, np.uint16) if deep else (255, np.uint8)
    content = png(samples(layout, alpha, white, dtype), kind, 16 if deep else 8)
    assert_right_or_refused(content, wanted(layout, alpha), must_read=True)


@given(depth=st.sampled_from([1, 2, 4, 8]), hides=st.sampled_from(["nothing", "black", "everything"]))
def test_palettes_of_every_depth_with_transparency_are_right(depth: int, hides: str) -> None:
    levels = 2**depth
    indices = np.arange(256).reshape(16, 16) % levels
    shades = np.linspace(0, 255, levels).round().astype(np.uint8)
    opaque = {"nothing": [255] * levels, "black": [0] + [255] * (levels - 1), "everything": [0] * levels}[hides]
    chunks = _chunk(b"PLTE", shades.repeat(3).tobytes()) + _chunk(b"tRNS", bytes(opaque))
    expected = shades[indices].astype(int)
    if hides == "black":
        expected[indices == 0] = 255
    content = png(indices[..., None], 3, depth, chunks)
    assert_right_or_refused(content, expected[..., None].repeat(3, axis=-1), must_read=True)


@given(depth=st.sampled_from([1, 2, 4, 8, 16]))
def test_gray_pngs_of_every_depth_are_right(depth: int) -> None:
    levels = 2**depth
    numbers = np.arange(256).reshape(16, 16) * max(1, levels // 256) % levels
    expected = np.rint(numbers / (levels - 1) * 255).astype(int)
    assert_right_or_refused(png(numbers[..., None], 0, depth), expected[..., None].repeat(3, axis=-1), must_read=True)


@given(depth=st.sampled_from([1, 8, 16]), hidden=st.sampled_from([0, 1]))
def test_one_gray_that_is_transparent_is_white(depth: int, hidden: int) -> None:
    levels = 2**depth
    numbers = np.arange(256).reshape(16, 16) * max(1, levels // 256) % levels
    expected = np.rint(numbers / (levels - 1) * 255).astype(int)
    expected[numbers == hidden] = 255
    content = png(numbers[..., None], 0, depth, _chunk(b"tRNS", struct.pack(">H", hidden)))
    assert_right_or_refused(content, expected[..., None].repeat(3, axis=-1), must_read=True)
