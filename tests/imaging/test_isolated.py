"""Pictures read in processes that can be ended: the same pixels and errors, and one that hangs costs its own row."""

import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.errors import ImageDecodeError, ImageSizeError, MienError, SourceError
from mien.imaging import ImageSource, load_image
from mien.imaging.headers import stated_pixels
from mien.imaging.isolated import Encoded, IsolatedReader
from mien.imaging.limits import LARGE_PIXELS


def write(path: Path, seed: int) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 255, (40, 60, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def read_here(source: ImageSource) -> object:
    try:
        return load_image(source, max_pixels=10_000)
    except MienError as err:
        return err


def test_pixels_and_errors_are_those_of_the_reader_in_this_process(tmp_path: Path) -> None:
    good, other = write(tmp_path / "a.png", 1), write(tmp_path / "b.jpg", 2)
    (tmp_path / "c.jpg").write_bytes(b"no picture")
    (tmp_path / "d.png").write_bytes(good.read_bytes()[:-40])
    large = write(tmp_path / "e.png", 3)
    Image.new("RGB", (300, 300)).save(large)
    files: list[ImageSource] = [good, tmp_path / "c.jpg", str(other), tmp_path / "none.jpg", tmp_path / "d.png", large]
    content = good.read_bytes()
    objects: list[ImageSource] = [BytesIO(content), load_image(good), Image.open(other), "x" * 500]
    with IsolatedReader(workers=2, max_pixels=10_000) as reader:
        found = list(reader.read_all([*files, content, *objects]))
    assert len(found) == 11
    for source, outcome in zip([*files, content], found[:7], strict=True):
        expected = read_here(source)
        if isinstance(expected, MienError):
            assert (type(outcome), str(outcome)) == (type(expected), str(expected))
        else:
            np.testing.assert_array_equal(outcome, expected)
    for outcome, path in zip(found[7:10], (good, good, other), strict=True):
        assert isinstance(outcome, np.ndarray)
        np.testing.assert_array_equal(outcome, load_image(path))
    assert isinstance(found[10], SourceError)
    assert len(str(found[10])) < 150


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes, which nobody writes to")
def test_a_picture_that_hangs_costs_its_own_row_and_no_more(tmp_path: Path) -> None:
    good = write(tmp_path / "a.png", 1)
    os.mkfifo(tmp_path / "hangs.jpg")
    with IsolatedReader(workers=1, time_s=1.0) as reader:
        reader.wait_until_started()
        first, hanging, last = reader.read_all([good, tmp_path / "hangs.jpg", good])
    assert isinstance(hanging, ImageDecodeError)
    assert str(hanging).endswith("/hangs.jpg: decoding takes longer than 1 s")  # a long name is shortened
    np.testing.assert_array_equal(first, load_image(good))
    np.testing.assert_array_equal(last, load_image(good))


@pytest.mark.skipif(os.name == "nt", reason="memory is limited on Linux")
def test_memory_is_bounded_by_the_pixels_that_are_allowed(tmp_path: Path) -> None:
    side = 6000
    Image.new("RGB", (side, side)).save(tmp_path / "large.png")
    with IsolatedReader(workers=1, max_pixels=side * side) as reader:
        assert reader.read(Encoded("large", str(tmp_path / "large.png"))).shape == (side, side, 3)
    with (
        IsolatedReader(workers=1, max_pixels=side * side - 1) as reader,
        pytest.raises(ImageSizeError, match="expected at most"),
    ):
        reader.read(Encoded("large", str(tmp_path / "large.png")))


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_pixels_are_known_from_the_header_of_any_size_and_metadata(form: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "described at length " * 900
    for size, options in (((1, 1), {}), ((313, 41), {"exif": exif, "icc_profile": bytes(90_000)}), ((41, 313), {})):
        stream = BytesIO()
        Image.new("RGB", size).save(stream, form, progressive=size[0] > 1, **options)
        assert stated_pixels(BytesIO(stream.getvalue())) == size[0] * size[1]
        for cut in (0, 1, 2, 7, 20):
            assert stated_pixels(BytesIO(stream.getvalue()[:cut])) is None
    assert stated_pixels(BytesIO(b"GIF89a" + bytes(50))) is None


def test_large_pictures_come_alone_and_in_their_places(tmp_path: Path) -> None:
    small, large = write(tmp_path / "small.png", 1), tmp_path / "large.png"
    Image.new("L", (LARGE_PIXELS // 1000 + 1, 1000), 7).save(large)
    sources: list[ImageSource] = [large, small, large.read_bytes(), tmp_path / "none.png", small]
    with IsolatedReader(workers=2) as reader:
        found = list(reader.read_all(sources))
    shapes = [outcome.shape if isinstance(outcome, np.ndarray) else type(outcome) for outcome in found]
    whole, part = (1000, LARGE_PIXELS // 1000 + 1, 3), (40, 60, 3)
    assert shapes == [whole, part, whole, SourceError, part]
