"""Pictures in every format that is read."""

import hashlib
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

from mien.imaging import load_image
from mien.imaging.formats import HAS_AVIF
from tests.fuzz import containers
from tests.fuzz.mutation import Field, in_fields, spans
from tests.fuzz.reader import Reader, of_file

_MOST_PIXELS = 2**22
#: The bound that the service keeps for a picture of so many pixels.
_MEMORY_BYTES = 2**28 + 24 * _MOST_PIXELS

_Save = Callable[[Path], object]


def readers() -> Iterator[tuple[str, Reader]]:
    """A reader for each format, some with several kinds of files."""
    for name, (save, fields, mend) in _FORMATS.items():
        if Path(name).suffix == ".avif" and not HAS_AVIF:
            continue
        yield (
            name,
            of_file(partial(_made, name, save), partial(_fields, fields, mend), _read, memory_bytes=_MEMORY_BYTES),
        )


def _read(path: Path) -> str:
    pixels = load_image(path, max_pixels=_MOST_PIXELS)
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3
    assert 0 < pixels.shape[0] * pixels.shape[1] <= _MOST_PIXELS
    return f"{pixels.shape} {hashlib.sha256(pixels.tobytes()).hexdigest()}"


def _made(name: str, save: _Save, folder: Path) -> Path:
    save(folder / name)
    return folder / name


def _fields(
    find: Callable[[bytes], list[Field]], mend: Callable[[bytes], bytes], content: bytes, rng: random.Random
) -> bytes:
    return mend(in_fields(content, find(content), rng))


def _picture(mode: str = "RGB", seed: int = 0, size: tuple[int, int] = (61, 43)) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 255, (size[1] // 4 + 1, size[0] // 4 + 1, 3), np.uint8)
    return Image.fromarray(noise).resize(size).convert(mode)


def _exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x011A] = 6, "camera", 72.0
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (48.0, 12.0, 3.5)
    return exif.tobytes()


def _save_jpeg(path: Path, **options: Any) -> None:
    _picture().save(path, exif=_exif(), icc_profile=_profile(), dpi=(72, 144), comment=b"made", **options)


def _profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _save_png(path: Path, mode: str = "RGB") -> None:
    told = PngImagePlugin.PngInfo()
    told.add_text("Title", "made")
    told.add_text("Comment", "packed " * 50, zip=True)
    told.add_itxt("Author", "é", zip=True)
    _picture(mode).save(path, pnginfo=told, exif=_exif(), icc_profile=_profile(), dpi=(72, 72))


def _save_png_16(path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 65535, (43, 61), np.uint16)).save(path)


def _several(path: Path, **options: Any) -> None:
    first, *rest = [_picture(seed=n) for n in range(3)]
    first.save(path, save_all=True, append_images=rest, **options)


def _save_bmp_rle(path: Path) -> None:
    """Eight bits with run lengths, which Pillow reads and does not write."""
    _picture("P").save(path)
    rows = b"".join(bytes((61, shade, 0, 0)) for shade in range(43)) + b"\0\1"
    content = bytearray(path.read_bytes()[: 14 + 40 + 1024])
    content[2:6] = (len(content) + len(rows)).to_bytes(4, "little")
    content[30:34], content[34:38] = (1).to_bytes(4, "little"), len(rows).to_bytes(4, "little")
    path.write_bytes(bytes(content) + rows)


def _gif(content: bytes) -> list[Field]:
    return spans(6, 13) + containers.near_marks(
        content, (b"\x21\xf9", b"\x21\xff", b"\x2c\0\0\0\0"), before=2, behind=16
    )


def _front(most: int) -> Callable[[bytes], list[Field]]:
    return lambda content: spans(2, min(len(content), most))


def _same(content: bytes) -> bytes:
    return content


_Format = tuple[_Save, Callable[[bytes], list[Field]], Callable[[bytes], bytes]]
_FORMATS: dict[str, _Format] = {
    "plain.jpg": (_save_jpeg, containers.jpeg, _same),
    "progressive.jpg": (partial(_save_jpeg, progressive=True), containers.jpeg, _same),
    "cmyk.jpg": (lambda path: _picture("CMYK").save(path), containers.jpeg, _same),
    "two.mpo": (partial(_several, format="MPO"), containers.jpeg, _same),
    "plain.png": (_save_png, containers.png, containers.with_png_checksums),
    "palette.png": (partial(_save_png, mode="P"), containers.png, containers.with_png_checksums),
    "alpha.png": (partial(_save_png, mode="RGBA"), containers.png, containers.with_png_checksums),
    "deep.png": (_save_png_16, containers.png, containers.with_png_checksums),
    "lossy.webp": (lambda path: _picture().save(path, exif=_exif()), containers.riff, _same),
    "lossless.webp": (lambda path: _picture("RGBA").save(path, lossless=True), containers.riff, _same),
    "moving.webp": (_several, containers.riff, _same),
    "plain.tif": (lambda path: _picture().save(path, dpi=(72, 144)), containers.tiff, _same),
    "lzw.tif": (partial(_several, compression="tiff_lzw"), containers.tiff, _same),
    "jpeg.tif": (lambda path: _picture().save(path, compression="jpeg"), containers.tiff, _same),
    "float.tif": (lambda path: _picture("F").save(path), containers.tiff, _same),
    "moving.gif": (partial(_several, duration=80), _gif, _same),
    "plain.bmp": (lambda path: _picture().save(path), _front(60), _same),
    "runs.bmp": (_save_bmp_rle, _front(60), _same),
    "plain.ico": (lambda path: _picture("RGBA", size=(48, 48)).save(path), _front(100), _same),
    "plain.jp2": (lambda path: _picture().save(path), containers.boxes, _same),
    "plain.avif": (lambda path: _picture().save(path), containers.boxes, _same),
    "plain.ppm": (lambda path: _picture().save(path), lambda _: spans(1, 14, sizes=(1,)), _same),
}
