"""Every kind of number that a file may hold, against the gray ramp or the colors that were put in."""

import struct
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops
from skimage.color import lab2rgb

from mien.errors import ImageDecodeError
from mien.imaging import load_image
from tests.imaging.made import ByteOrder, Page, encoded, tiff, tiff_of_pages

#: 0 to 255 in 16 rows, as fractions of white.
RAMP = np.linspace(0, 1, 256).reshape(16, 16)
EIGHT_BITS = np.rint(RAMP * 255).astype(np.uint8)


def gray_of(content: bytes) -> np.ndarray:
    pixels = load_image(content)
    assert (pixels == pixels[..., :1]).all()
    return pixels[..., 0]


GRAY = {
    "8 bits": (RAMP * 255, np.uint8, 1),
    "8 bits, signed": (RAMP * 255 - 128, np.int8, 1),
    "8 bits in 16": (RAMP * 255, np.uint16, 1),
    "10 bits in 16": (RAMP * 1023, np.uint16, 1),
    "12 bits in 16": (RAMP * 4095, np.uint16, 1),
    "14 bits in 16": (RAMP * 16383, np.uint16, 1),
    "16 bits": (RAMP * 65535, np.uint16, 1),
    "16 bits, signed": (RAMP * 65535 - 32768, np.int16, 1),
    "15 bits in 16 signed": (RAMP * 32767, np.int16, 1),
    "12 bits around zero": (RAMP * 4095 - 2048, np.int16, 1),
    "32 bits": (RAMP * (2**31 - 1), np.int32, 1),
    "16 bits in 32": (RAMP * 65535, np.int32, 1),
    "fractions": (RAMP, np.float32, 1),
    "fractions that ring": (RAMP * 1.06 - 0.03, np.float32, 1),
    "fractions around zero": (RAMP * 2 - 1, np.float32, 1),
    "floats to 255": (RAMP * 255, np.float32, 1),
    "floats to 65535": (RAMP * 65535, np.float32, 1),
    "8 bits, white is 0": (255 - RAMP * 255, np.uint8, 0),
    "16 bits, white is 0": (65535 - RAMP * 65535, np.uint16, 0),
    "fractions, white is 0": (1 - RAMP, np.float32, 0),
}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", GRAY)
def test_gray_of_every_depth_and_sign_is_the_same_ramp_or_refused_in_words(kind: str, order: ByteOrder) -> None:
    values, dtype, photometric = GRAY[kind]
    numbers = np.rint(values) if np.dtype(dtype).kind != "f" else values
    content = tiff(numbers.astype(dtype), photometric=photometric, order=order)
    try:
        gray = gray_of(content)
    except ImageDecodeError as err:
        assert "unusual kind of TIFF (unknown pixel mode)" in str(err)  # noqa: PT017 - Pillow has no such reader
        assert (kind, order) == ("16 bits, white is 0", ">")
        return
    tolerance = 9 if "ring" in kind else 1
    np.testing.assert_allclose(gray.astype(int), EIGHT_BITS, atol=tolerance)


def test_twelve_bits_that_are_packed_are_the_same_ramp() -> None:
    numbers = np.rint(RAMP * 4095).astype(np.uint16)
    pairs = numbers.reshape(-1, 2)
    packed = np.stack([pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], axis=1)
    fields = {256: (4, 16), 257: (4, 16), 258: (3, 12), 278: (4, 16)}
    content = tiff_of_pages([(packed.astype(np.uint8).reshape(1, -1), {}, fields)])
    np.testing.assert_allclose(gray_of(content).astype(int), EIGHT_BITS, atol=1)


@pytest.mark.parametrize("form", ["PNG", "JPEG2000", "PPM"])
def test_sixteen_bits_in_other_formats_are_the_same_ramp(form: str) -> None:
    numbers = np.rint(RAMP * 65535).astype(np.uint16)
    np.testing.assert_allclose(gray_of(encoded(Image.fromarray(numbers), form)).astype(int), EIGHT_BITS, atol=1)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("form", ["PNG", "TIFF", "GIF", "BMP"])
def test_few_bits_keep_black_and_white(form: str, bits: int) -> None:
    picture = Image.fromarray(np.array([[0, 255] * 8] * 4, np.uint8)).convert("1" if bits == 1 else "L")
    options = {"bits": bits} if form == "PNG" and bits in {2, 4} else {}
    picture = picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=2**bits) if options else picture
    np.testing.assert_array_equal(gray_of(encoded(picture, form, **options)), [[0, 255] * 8] * 4)


@given(wrong=st.sampled_from([np.nan, np.inf, -np.inf]), share=st.floats(0.0, 0.9), seed=st.integers(0, 99))
def test_values_that_are_no_numbers_leave_the_others_as_they_are(wrong: float, share: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    hit = random.random((16, 16)) < share
    hit[0, 0] = hit[-1, -1] = False
    values = np.where(hit, wrong, RAMP).astype(np.float32)
    gray = gray_of(tiff(values))
    np.testing.assert_allclose(gray[~hit].astype(int), EIGHT_BITS[~hit], atol=1)
    assert (gray[hit] == (255 if wrong == np.inf else 0)).all()


def test_a_picture_without_one_number_is_refused() -> None:
    with pytest.raises(ImageDecodeError, match="not one pixel is a number"):
        load_image(tiff(np.full((4, 4), np.nan, np.float32)))


COLORS = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [200, 150, 120]]], np.uint8).repeat(32, 0).repeat(32, 1)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "PA", "CMYK", "YCbCr", "HSV", "RGBX"])
def test_a_pil_image_of_every_color_mode_keeps_its_colors(mode: str) -> None:
    picture = Image.fromarray(COLORS)
    if mode in {"P", "PA"}:
        picture = picture.quantize(8).convert(mode)
    np.testing.assert_allclose(load_image(picture.convert(mode)).astype(int), COLORS, atol=4)


def test_lab_pictures_have_the_colors_of_another_converter() -> None:
    lab = np.array([[[136, 208, 195], [170, 120, 150], [60, 140, 100], [255, 128, 128]]], np.uint8)
    content = tiff((lab ^ np.array([0, 128, 128], np.uint8)), photometric=8)
    scaled = np.stack([lab[..., 0] / 2.55, lab[..., 1] - 128.0, lab[..., 2] - 128.0], axis=-1)
    expected = np.rint(lab2rgb(scaled) * 255)
    np.testing.assert_allclose(load_image(content).astype(int), expected, atol=12)


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk_is_read_as_adobe_and_as_others_write_it(form: str) -> None:
    cmyk = Image.fromarray(COLORS).convert("CMYK")
    options = {"quality": 95} if form == "JPEG" else {}
    np.testing.assert_allclose(load_image(encoded(cmyk, form, **options)).astype(int), COLORS, atol=8)


def test_cmyk_without_adobes_mark_is_not_inverted() -> None:
    content = encoded(ImageChops.invert(Image.fromarray(COLORS).convert("CMYK")), "JPEG", quality=95)
    at = content.index(b"\xff\xee")
    length = struct.unpack(">H", content[at + 2 : at + 4])[0]
    plain = content[:at] + content[at + 2 + length :]
    np.testing.assert_allclose(load_image(plain).astype(int), COLORS, atol=8)


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
@pytest.mark.parametrize("alpha", [0, 3])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P"])
def test_alpha_that_hides_everything_is_not_believed(mode: str, alpha: int, form: str) -> None:
    picture, options = Image.fromarray(EIGHT_BITS).convert("RGBA"), {}
    picture.putalpha(alpha)
    if mode == "P":
        if form == "TIFF":
            pytest.skip("TIFF palettes have no transparency")
        picture, options = Image.fromarray(EIGHT_BITS).convert("P"), {"transparency": bytes([alpha]) * 256}
    elif mode == "PA":
        picture = Image.fromarray(EIGHT_BITS).convert("P").convert("PA")
        picture.putalpha(alpha)
        if form == "PNG":
            np.testing.assert_allclose(load_image(picture)[..., 1].astype(int), EIGHT_BITS, atol=1)
            return  # PNG has no such mode
    else:
        picture = picture.convert(mode)
    np.testing.assert_allclose(gray_of(encoded(picture, form, **options)).astype(int), EIGHT_BITS, atol=1)


def test_alpha_that_hides_a_part_is_believed() -> None:
    picture = Image.fromarray(EIGHT_BITS).convert("RGBA")
    alpha = np.full((16, 16), 255, np.uint8)
    alpha[:8] = 0
    picture.putalpha(Image.fromarray(alpha))
    gray = gray_of(encoded(picture))
    assert (gray[:8] == 255).all()
    np.testing.assert_array_equal(gray[8:], EIGHT_BITS[8:])


@pytest.mark.parametrize("white", [4095, 255])
def test_deep_colors_whose_range_is_not_known_are_refused(white: int) -> None:
    numbers = np.rint(RAMP[..., None].repeat(3, 2) * white).astype(np.uint16)
    with pytest.raises(ImageDecodeError, match=r"16-bit colors of which no value exceeds 4,095"):
        load_image(tiff(numbers))


def test_deep_colors_of_the_whole_range_are_read() -> None:
    numbers = np.rint(RAMP[..., None].repeat(3, 2) * 65535).astype(np.uint16)
    orders: tuple[ByteOrder, ...] = ("<", ">")
    for order in orders:
        np.testing.assert_allclose(gray_of(tiff(numbers, order=order)).astype(int), EIGHT_BITS, atol=1)


def test_of_several_pages_the_largest_is_the_picture() -> None:
    small, large = np.full((8, 8), 10, np.uint8), np.full((20, 30), 200, np.uint8)
    for pages in ([small, large], [large, small], [large, np.full((20, 30), 50, np.uint8)]):
        assert load_image(tiff_of_pages([(page, {}, {}) for page in pages]))[0, 0].tolist() == [200] * 3


def test_a_page_that_calls_itself_a_preview_is_not_the_picture() -> None:
    preview: Page = (np.full((40, 40), 10, np.uint8), {}, {254: (4, 1)})
    picture: Page = (np.full((20, 30), 200, np.uint8), {}, {})
    assert load_image(tiff_of_pages([preview, picture])).shape == (20, 30, 3)
    with pytest.raises(ImageDecodeError, match="a camera's raw file"):
        load_image(tiff_of_pages([preview]))
    with pytest.raises(ImageDecodeError, match="a camera's raw file"):
        load_image(tiff(np.full((40, 40), 10, np.uint8), extra={50706: (4, 1)}))


def test_of_a_jpeg_with_several_pictures_the_largest_is_read() -> None:
    small, large = Image.new("RGB", (8, 8)), Image.new("RGB", (30, 20), "red")
    for first, second in ((small, large), (large, small)):
        stream = BytesIO()
        first.save(stream, "MPO", save_all=True, append_images=[second])
        assert load_image(stream.getvalue()).shape == (20, 30, 3)


def test_of_an_icon_the_largest_picture_is_read() -> None:
    content = encoded(Image.new("RGB", (64, 64), "red"), "ICO", sizes=[(16, 16), (64, 64), (32, 32)])
    assert load_image(content).shape == (64, 64, 3)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "BMP"])
@pytest.mark.parametrize(("dpi", "shape"), [((72, 72), (20, 30)), ((144, 72), (40, 30)), ((72, 144), (20, 60))])
def test_pixels_that_are_not_square_become_so(form: str, dpi: tuple[int, int], shape: tuple[int, int]) -> None:
    assert load_image(encoded(Image.new("RGB", (30, 20)), form, dpi=dpi)).shape[:2] == shape


@pytest.mark.parametrize("dpi", [(0, 0), (1, 0), (1, 72), (72, 72.3)])
def test_resolutions_that_make_no_sense_are_not_believed(dpi: tuple[float, float]) -> None:
    assert load_image(encoded(Image.new("RGB", (30, 20)), "TIFF", dpi=dpi)).shape[:2] == (20, 30)
