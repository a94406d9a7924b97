"""Every kind of picture file and array, read as upright RGB, against values known beforehand."""

import os
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mien.errors import ConfigError, ImageDecodeError, MienError, SourceError
from mien.imaging import load_image
from mien.imaging.reading import ImageSource

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encoded(picture: Image.Image, form: str = "PNG", **options: object) -> bytes:
    stream = BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def two_by_one() -> Image.Image:
    """Red on the left, blue on the right."""
    picture = Image.new("RGB", (2, 1), RED)
    picture.putpixel((1, 0), BLUE)
    return picture


def noise(side: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side)).astype(np.uint8))


def test_a_path_bytes_a_stream_a_pil_image_and_an_array_give_the_same(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(encoded(two_by_one()))
    expected = np.array([[RED, BLUE]], np.uint8)
    with path.open("rb") as stream:
        sources: list[ImageSource] = [path, str(path), path.read_bytes(), stream, two_by_one(), expected]
        for source in sources:
            np.testing.assert_array_equal(load_image(source), expected)


@pytest.mark.parametrize("name", ["фото.png", "写真 1.png", "émoji 😀.png"])
def test_names_beyond_ascii_are_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(encoded(two_by_one()))
    assert load_image(tmp_path / name).shape == (1, 2, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_exif_orientation_comes_out_upright(orientation: int) -> None:
    upright = np.zeros((16, 24, 3), np.uint8)
    upright[:8, :8], upright[8:, 16:] = RED, BLUE
    turns = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(turns[orientation]))
    np.testing.assert_array_equal(load_image(encoded(stored, exif=exif)), upright)


@pytest.mark.parametrize(("mode", "color"), [("RGBA", (255, 0, 0, 0)), ("LA", (0, 0))])
def test_transparent_parts_are_white(mode: str, color: tuple[int, ...]) -> None:
    picture = Image.new(mode, (2, 1), color)
    picture.putpixel((1, 0), (0, 255) if mode == "LA" else (0, 0, 0, 255))
    assert load_image(encoded(picture)).tolist() == [[list(WHITE), [0, 0, 0]]]


def test_half_transparent_red_is_pink() -> None:
    assert load_image(encoded(Image.new("RGBA", (1, 1), (255, 0, 0, 128))))[0, 0].tolist() == [255, 127, 127]


def test_a_palette_with_a_transparent_entry_is_read() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([*RED, *GREEN])
    picture.putpixel((1, 0), 1)
    assert load_image(encoded(picture, transparency=1)).tolist() == [[list(RED), list(WHITE)]]


@pytest.mark.parametrize(("form", "value"), [("PNG", 0x8000), ("TIFF", 0x8000)])
def test_sixteen_bit_gray_keeps_its_brightness(form: str, value: int) -> None:
    picture = Image.fromarray(np.full((2, 2), value, np.uint16))
    assert load_image(encoded(picture, form)).tolist() == [[[128] * 3] * 2] * 2


def test_gray_bilevel_and_cmyk_are_read() -> None:
    assert load_image(encoded(Image.new("L", (1, 1), 7)))[0, 0].tolist() == [7, 7, 7]
    assert load_image(encoded(Image.new("1", (1, 1), 1)))[0, 0].tolist() == list(WHITE)
    cmyk = load_image(encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=100))
    np.testing.assert_allclose(cmyk[8, 8], RED, atol=3)


def test_of_an_animated_file_the_first_frame_is_read() -> None:
    frames = [Image.new("RGB", (4, 4), color) for color in (RED, GREEN, BLUE)]
    animated = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert load_image(animated)[0, 0].tolist() == list(RED)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[0.0, 0.5, 1.0]]), [0, 128, 255]),
        (np.array([[0, 0x8000, 0xFFFF]], np.uint16), [0, 128, 255]),
        (np.array([[False, True, True]]), [0, 255, 255]),
        (np.array([[[1], [2], [3]]], np.uint8), [1, 2, 3]),
    ],
)
def test_gray_arrays_of_each_type_become_eight_bit_rgb(array: np.ndarray, expected: list[int]) -> None:
    loaded = load_image(array)
    assert loaded.dtype == np.uint8
    assert loaded[0].tolist() == [[value] * 3 for value in expected]


def test_blue_first_arrays_are_turned_round_and_alpha_is_kept_in_its_place() -> None:
    assert load_image(np.array([[BLUE]], np.uint8), color="bgr").tolist() == [[list(RED)]]
    half = np.array([[[255, 0, 0, 0], [255, 0, 0, 255]]], np.uint8)
    assert load_image(half, color="bgr").tolist() == [[list(WHITE), list(BLUE)]]


@pytest.mark.parametrize(
    ("array", "color", "text"),
    [
        (np.zeros((2, 2, 5), np.uint8), "rgb", r"shape \(2, 2, 5\)"),
        (np.zeros((2, 2, 3), np.uint8), "gray", "as a gray picture"),
        (np.zeros(4, np.uint8), "rgb", r"shape \(4,\)"),
        (np.zeros((0, 4, 3), np.uint8), "rgb", "empty picture of 4 × 0"),
        (np.full((2, 2), 255.0), "rgb", r"values in \[255, 255\], expected \[0, 1\]"),
        (np.full((2, 2), np.nan), "rgb", "nan"),
        (np.zeros((2, 2), np.int64), "rgb", "type int64"),
    ],
)
def test_other_arrays_are_refused_with_what_came(array: np.ndarray, color: str, text: str) -> None:
    with pytest.raises(ImageDecodeError, match=text):
        load_image(array, color=color)  # type: ignore[arg-type]


def test_a_picture_beyond_the_cap_is_refused_before_its_pixels_are_read() -> None:
    bomb = encoded(Image.new("1", (20_000, 20_000)))
    assert len(bomb) < 100_000
    with pytest.raises(ImageDecodeError, match=r"20000 × 20000|bomb|exceeds limit"):
        load_image(bomb)
    with pytest.raises(ImageDecodeError, match="expected at most 3"):
        load_image(encoded(Image.new("L", (2, 2))), max_pixels=3)


def test_no_warning_of_the_decoder_reaches_the_user() -> None:
    just_suspicious = encoded(Image.new("1", (10_000, 9_000)))  # Pillow warns from 89 million pixels
    assert load_image(just_suspicious).shape == (9_000, 10_000, 3)


def test_files_that_cannot_be_opened_say_why(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.jpg: No such file"):
        load_image(tmp_path / "nowhere.jpg")
    with pytest.raises(SourceError, match="is a folder"):
        load_image(tmp_path)
    with pytest.raises(SourceError, match="addresses are not fetched"):
        load_image("https://example.org/photo.jpg")
    with pytest.raises(SourceError, match="null"):
        load_image("a\0b.jpg")


def test_a_name_that_is_no_utf_8_is_told_in_words_that_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    with pytest.raises(SourceError, match="caf\ufffd\\.jpg: No such file"):
        load_image(path)
    path.write_text("not a picture")
    with pytest.raises(ImageDecodeError, match="caf\ufffd\\.jpg: not a picture"):
        load_image(path)


class Slow(BytesIO):
    """A file that is read when it is let."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.asked, self.free = Event(), Event()

    def read(self, size: int | None = -1) -> bytes:
        self.asked.set()
        self.free.wait(timeout=60)
        return super().read(size)


def test_threads_that_read_pictures_leave_the_filters_of_warnings_as_they_were() -> None:
    before, first, second = list(warnings.filters), Slow(encoded(noise(9))), Slow(encoded(noise(9)))
    with ThreadPoolExecutor(2) as pool:
        for stream in (first, second):
            pool.submit(load_image, stream)
            assert stream.asked.wait(timeout=60)
        first.free.set()
        pool.submit(first.free.wait).result()  # runs where the first was read, so that one has ended
        second.free.set()
    assert warnings.filters == before


def test_content_that_is_no_picture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.jpg"
    path.write_text("not a picture")
    with pytest.raises(ImageDecodeError, match=r"notes\.jpg: not a picture"):
        load_image(path)
    with pytest.raises(ImageDecodeError, match="bytes: not a picture"):
        load_image(b"")
    with pytest.raises(ImageDecodeError, match="cannot be read from int"):
        load_image(7)  # type: ignore[arg-type]


def test_a_cut_file_is_damaged_and_not_half_gray() -> None:
    whole = encoded(noise(64), "JPEG")
    with pytest.raises(ImageDecodeError, match="damaged picture"):
        load_image(whole[: len(whole) // 2])


@settings(max_examples=150, deadline=None)
@given(form=st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP"]), data=st.data())
def test_damaged_bytes_give_a_picture_or_an_error_of_ours(form: str, data: st.DataObject) -> None:
    content = bytearray(encoded(noise(24).convert("RGB"), form))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    try:
        loaded = load_image(bytes(content[:cut]), max_pixels=1_000_000)
    except MienError:
        return
    assert loaded.dtype == np.uint8
    assert loaded.shape[2] == 3


PEAK = """
import sys
from pathlib import Path
from mien.imaging import load_image

def peak_kib():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])

load_image(sys.argv[2])
before = peak_kib()
height, width = load_image(sys.argv[1]).shape[:2]
print((peak_kib() - before) * 1024 / (height * width))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize(
    ("name", "mode", "most"), [("a.jpg", "RGB", 9), ("a.png", "RGBA", 9), ("a.png", "I;16", 8), ("a.tif", "F", 14)]
)
def test_decoding_takes_the_documented_memory_a_pixel(name: str, mode: str, most: float, tmp_path: Path) -> None:
    large, small = tmp_path / name, tmp_path / f"small-{name}"
    Image.new(mode, (4000, 3000)).save(large)
    Image.new(mode, (8, 8)).save(small)
    command = [sys.executable, "-c", PEAK, str(large), str(small)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) < most


def test_a_picture_given_by_the_caller_is_not_turned_itself() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(BytesIO(encoded(Image.new("RGB", (4, 2)), exif=exif))) as picture:
        assert load_image(picture).shape == (4, 2, 3)
        assert picture.size == (4, 2)


def test_a_picture_of_several_strips_is_read_whole() -> None:
    gray = np.random.default_rng(0).integers(0, 2**16, (1100, 1500)).astype(np.uint16)
    expected = np.rint(gray * (255 / 65535)).astype(np.uint8)
    np.testing.assert_array_equal(load_image(encoded(Image.fromarray(gray)))[..., 1], expected)
    colors = np.random.default_rng(0).integers(0, 256, (1100, 1500, 3)).astype(np.uint8)
    np.testing.assert_array_equal(load_image(encoded(Image.fromarray(colors))), colors)


def test_an_unknown_color_order_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ConfigError, match="color is 'BGR', expected one of rgb, bgr, gray"):
        load_image(np.zeros((2, 2, 3), np.uint8), color="BGR")  # type: ignore[arg-type]
