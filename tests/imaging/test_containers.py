"""Orientation, damaged metadata, cut files and raising decoders, in every container that can hold them."""

import io
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, PngImagePlugin

from mien.errors import ConfigError, ImageDecodeError, ImageFormatError, SourceError
from mien.imaging import load_image
from mien.imaging.formats import FORMATS
from tests.imaging.made import encoded

#: Four colors in four corners, so that each of the eight orientations looks different.
UPRIGHT = np.zeros((32, 48, 3), np.uint8)
UPRIGHT[:16, :24], UPRIGHT[:16, 24:], UPRIGHT[16:, :24], UPRIGHT[16:, 24:] = (255, 0, 0), (0, 255, 0), (0, 0, 255), 128

#: How Pillow stores a picture that orientation N makes upright: the turn back.
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
LOSSY = {"JPEG", "MPO", "WEBP", "AVIF"}
CONTAINERS = ["JPEG", "MPO", "PNG", "WEBP", "AVIF", "TIFF", "TIFF lzw", "PNG xmp"]


def stored(container: str, orientation: int, exif: bytes | None = None) -> bytes:
    """The picture as a camera that was held so would have written it."""
    form, _, kind = container.partition(" ")
    picture = Image.fromarray(UPRIGHT)
    if orientation > 1:
        picture = picture.transpose(STORED[orientation])
    options: dict[str, object] = {"quality": 95} if form in LOSSY else {}
    if kind == "xmp":
        told = PngImagePlugin.PngInfo()
        told.add_itxt("XML:com.adobe.xmp", f'<x tiff:Orientation="{orientation}"/>')
        return encoded(picture, form, pnginfo=told)
    if kind == "lzw":
        options["compression"] = "tiff_lzw"
    if form.startswith("TIFF"):
        tags = Image.Exif()
        tags[0x0112] = orientation
        return encoded(picture, form, exif=tags, **options)
    return encoded(picture, form, exif=exif_block(orientation) if exif is None else exif, **options)


def exif_block(orientation: object, rest: bytes = b"") -> bytes:
    """EXIF whose directory says one thing, and then whatever comes."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry + bytes(4) + rest


def assert_upright(content: bytes, container: str) -> None:
    pixels = load_image(content)
    assert pixels.shape == UPRIGHT.shape
    assert np.abs(pixels.astype(int) - UPRIGHT).mean() < (12 if container in LOSSY else 0.5)


@settings(deadline=None, max_examples=80)
@given(container=st.sampled_from(CONTAINERS), orientation=st.integers(1, 8))
def test_every_orientation_in_every_container_is_made_upright(container: str, orientation: int) -> None:
    assert_upright(stored(container, orientation), container)


#: Fields that Pillow reads and cannot write, or cannot read: values out of range, 0/0, wrong types and counts.
FIELDS = st.tuples(
    st.sampled_from([0x010F, 0x011A, 0x0132, 0x8769, 0x8825, 0x9003, 0x829A, 0xA002, 0x0213]),
    st.integers(0, 20),
    st.sampled_from([0, 1, 2, 5, 300, 2**31]),
    st.integers(0, 2**32 - 1),
)


@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(
    container=st.sampled_from(["JPEG", "MPO", "PNG", "WEBP", "AVIF"]),
    orientation=st.integers(1, 8),
    fields=st.lists(FIELDS, min_size=1, max_size=4),
    tail=st.binary(max_size=40),
)
def test_other_exif_that_makes_no_sense_never_costs_the_picture_or_its_turn(
    container: str, orientation: int, fields: list[tuple[int, int, int, int]], tail: bytes
) -> None:
    entries = [struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0), *(struct.pack("<HHII", *field) for field in fields)]
    block = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4) + tail
    assert_upright(_with_exif(container, orientation, block), container)


def _with_exif(container: str, orientation: int, block: bytes) -> bytes:
    """The block as it is: Pillow writes bytes unread, but for AVIF, of which it wants to know the orientation."""
    if container != "AVIF":
        return stored(container, orientation, block)
    content = stored(container, orientation, exif_block(orientation, bytes(len(block) - len(exif_block(1)))))
    return content.replace(exif_block(orientation)[6:34], block[6:34], 1)


@pytest.mark.parametrize("container", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "block", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", exif_block(0), exif_block(9), b"\xff" * 50]
)
def test_exif_without_a_turn_that_makes_sense_is_as_it_is(container: str, block: bytes) -> None:
    assert_upright(stored(container, 1, block), container)


JPEGS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "optimized": {"optimize": True, "quality": 30},
    "restarts": {"restart_marker_rows": 1},
}


@pytest.fixture(scope="module")
def noisy() -> Image.Image:
    from tests.photos import head

    return head().resize((224, 224))  # whole blocks of 16: every bit is of a pixel that is seen


@pytest.mark.parametrize("cut", [1, 2])
@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_that_lacks_its_end_marker_alone_is_read_whole(noisy: Image.Image, kind: str, cut: int) -> None:
    content = encoded(noisy, "JPEG", **JPEGS[kind])
    np.testing.assert_array_equal(load_image(content[:-cut]), load_image(content))


@pytest.mark.parametrize("cut", [4, 8, 40, 400, 2000])
@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_that_lacks_pixels_is_damaged(noisy: Image.Image, kind: str, cut: int) -> None:
    content = encoded(noisy, "JPEG", **JPEGS[kind])
    for tail in (b"", bytes(100)):
        with pytest.raises(ImageDecodeError, match="damaged picture"):
            load_image(content[:-cut] + tail)


RAISED = [
    AssertionError(),
    ArithmeticError("x"),
    AttributeError("x"),
    BufferError("x"),
    EOFError("x"),
    ImportError("x"),
    KeyError("x"),
    LookupError("x"),
    MemoryError(),
    NotImplementedError(),
    OSError("x"),
    RecursionError("x"),
    RuntimeError("x"),
    StopIteration("x"),
    SyntaxError("x"),
    UnicodeDecodeError("utf-8", b"x", 0, 1, "x"),
    ZeroDivisionError("x"),
    struct.error("x"),
    subprocess.CalledProcessError(1, "gs"),
    Image.DecompressionBombError("x"),
]


@pytest.mark.parametrize("when", ["open", "load"])
@pytest.mark.parametrize("raised", RAISED, ids=lambda err: type(err).__name__)
def test_whatever_a_decoder_raises_is_a_damaged_picture(raised: Exception, when: str) -> None:
    class Raising(ImageFile.ImageFile):
        format = "RAISING"

        def _open(self) -> None:
            if when == "open":
                raise raised
            self._mode, self._size, self.tile = "L", (4, 4), []

        def load(self) -> None:
            raise raised

    Image.register_open("RAISING", Raising, lambda head: head.startswith(b"RAISING"))
    try:
        with pytest.raises(ImageDecodeError, match=r"damaged picture|frame|memory"):
            load_image(b"RAISING", formats=("RAISING",))
    finally:
        del Image.OPEN["RAISING"]
        Image.ID.remove("RAISING")


def test_no_program_is_started_by_the_content_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    drawn = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    for source in (drawn, Image.open(io.BytesIO(drawn))):
        with pytest.raises(ImageFormatError):
            load_image(source)
    assert not (tmp_path / "started").exists()


def test_formats_beyond_the_list_are_opened_on_request_alone() -> None:
    targa = encoded(Image.new("RGB", (4, 4), "red"), "TGA")
    with pytest.raises(ImageFormatError, match="not a picture in a known format"):
        load_image(targa)
    assert load_image(targa, formats=("TGA",))[0, 0].tolist() == [255, 0, 0]
    with pytest.raises(ImageFormatError):
        load_image(encoded(Image.new("L", (4, 4)), "PNG"), formats=("JPEG",))
    with pytest.raises(ConfigError, match="no picture format 'JPG'"):
        load_image(targa, formats=("JPG",))


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "HEIF"])
def test_each_format_of_the_list_is_read(form: str) -> None:
    pixels = load_image(encoded(Image.new("RGB", (32, 32), (200, 30, 30)), form))
    assert np.abs(pixels.reshape(-1, 3).astype(int) - (200, 30, 30)).max() < 12


SENT_BY_MISTAKE = [
    (b"", "it is empty"),
    (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "mien\\[heif\\]"),
    (b"\0\0\0\x18ftypmp42\0\0\0\0", "mien video"),
    (b"\xff\x0a\xfa\x1f", "JPEG XL"),
    (b"%PDF-1.7\n", "PDF"),
    (b"<?xml version='1.0'?>\n<svg xmlns='x'/>", "SVG"),
    (b"data:image/png;base64,iVBORw0KGgoAAAANSUhEUg==", "data: address"),
    (b"iVBORw0KGgoAAAANSUhEUg" + b"A" * 600, "base64"),
    (b"/9j/4AAQSkZJRgABAQ==", "base64"),
    (b'{"image": "..."}', "JSON"),
    (b"\x1f\x8b\x08\0\0\0\0\0", "gzip"),
    (b"PK\x03\x04", "archive"),
    (b"<!DOCTYPE html><html>", "web page"),
    (b'--abc\r\nContent-Disposition: form-data; name="files"\r\n', "form"),
    (b"hello there", "text"),
]


@pytest.mark.parametrize(("content", "hint"), SENT_BY_MISTAKE)
def test_what_is_sent_by_mistake_is_named(content: bytes, hint: str) -> None:
    with pytest.raises(ImageDecodeError) as caught:
        load_image(content)
    if not (b"heic" in content and "heif" not in str(caught.value.hint)):  # with the extra it is a damaged HEIC
        assert caught.value.hint
        assert hint.replace("\\", "") in caught.value.hint


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("", "it is empty"),
        ("data:image/png;base64," + "iVBORw0KGgo" * 500, "data: address"),
        ("iVBORw0KGgo" * 500, "base64"),
        ('{"image": "' + "x" * 500 + '"}', "JSON"),
        ("no\n" * 400, None),
        ("x" * 300 + ".jpg", None),
        ("nul\0byte.jpg", None),
        ("https://example.org/" + "y" * 500, "download it"),
        ("\x1b[2Jclear.jpg", None),
    ],
)
def test_a_strange_source_is_one_clear_error_of_one_short_line(source: str, hint: str | None) -> None:
    with pytest.raises(SourceError) as caught:
        load_image(source)
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) < 80 + 60
    assert hint is None or hint in (caught.value.hint or "")


def test_a_stream_that_cannot_be_wound_back_is_read() -> None:
    content = encoded(Image.new("RGB", (4, 4), "red"))
    script = "import sys; from mien.imaging import load_image; print(load_image(sys.stdin.buffer).shape)"
    done = subprocess.run([sys.executable, "-c", script], input=content, capture_output=True, check=True)
    assert done.stdout.strip() == b"(4, 4, 3)"


def test_a_text_stream_is_refused_in_words() -> None:
    with pytest.raises(ImageDecodeError, match="gives str, expected bytes"):
        load_image(io.StringIO("text"))  # type: ignore[arg-type]
