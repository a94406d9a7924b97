"""Reading pictures: a path, bytes, file object, PIL image or array becomes RGB uint8 of shape (height, width, 3).

It does not know what a picture shows. The result is upright by its EXIF tag, and transparent parts are white.
"""

import os
import re
import struct
import warnings
import zlib
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from mien.errors import ConfigError, ImageDecodeError, ImageFormatError, ImageSizeError, SourceError
from mien.geometry import ByteArray

ColorOrder = Literal["rgb", "bgr", "gray"]
ImageSource = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | npt.NDArray[Any]

#: A picture with more pixels is refused before it is decoded (134 million; 400 MB as RGB).
MAX_PIXELS = 2**27

#: File names with these endings are taken from a folder.
IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})

# Bytes of a file's name that are no text, as Python hands them on.
_NOT_UNICODE = re.compile("[\ud800-\udfff]")

# Pixels are converted so many at a time.
_STRIP_PIXELS = 2**20

# What Pillow's readers raise on damaged files.
_DECODER_ERRORS = (
    EOFError,
    Image.DecompressionBombError,
    IndexError,
    KeyError,
    OSError,
    OverflowError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


def load_image(
    source: ImageSource,
    *,
    color: ColorOrder = "rgb",
    max_pixels: int = MAX_PIXELS,
    formats: tuple[str, ...] | None = None,
) -> ByteArray:
    """The picture as RGB uint8 of shape (height, width, 3), upright.

    Args:
        source: Path, encoded bytes, binary file object, PIL image, or array of shape (H, W), (H, W, 1), (H, W, 3) or
            (H, W, 4): uint8, uint16, bool, or float in [0, 1]. Of an animated file the first frame is read.
        color: Order of an array's last axis; a fourth channel is alpha. Files say their own order.
        max_pixels: Pictures with more pixels are refused unread.
        formats: Pillow's names of the formats that files may have, as the content says; None allows all.

    Raises:
        SourceError: The file is not there or may not be read.
        ConfigError: ``color`` is none of these.
        ImageDecodeError: The content is no readable picture; :class:`ImageFormatError` where its format is not known or
            allowed, :class:`ImageSizeError` where it has too many pixels.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source, color, max_pixels)
    if isinstance(source, Image.Image):
        return _decode(source, max_pixels, "PIL image", in_place=False)
    if isinstance(source, bytes | bytearray | memoryview):
        return _from_stream(BytesIO(source), max_pixels, formats, "bytes")
    if isinstance(source, str | os.PathLike):
        return _from_path(source, max_pixels, formats)
    if hasattr(source, "read"):
        return _from_stream(source, max_pixels, formats, str(getattr(source, "name", "file object")))
    raise ImageDecodeError(
        f"a picture cannot be read from {type(source).__name__}",
        hint="give a path, bytes, a binary file object, a PIL image or a NumPy array",
    )


def readable_path(path: Path) -> str:
    """A path as text that can be written: bytes that are no UTF-8 become question marks in diamonds."""
    return _NOT_UNICODE.sub("\N{REPLACEMENT CHARACTER}", str(path))


def describe_source(source: ImageSource) -> str | None:
    """What results say of where a picture came from: its path as given, else None."""
    return os.fspath(source) if isinstance(source, str | os.PathLike) else None


def _from_path(source: str | os.PathLike[str], max_pixels: int, formats: tuple[str, ...] | None) -> ByteArray:
    path = Path(source)
    name = readable_path(path)
    if "://" in str(source):
        raise SourceError(f"{source}: addresses are not fetched", hint="download it and give its path or bytes")
    if path.is_dir():
        raise SourceError(f"{name}: is a folder, expected a picture")
    try:
        stream = path.open("rb")
    except (OSError, ValueError) as err:
        raise SourceError(f"{name}: {getattr(err, 'strerror', None) or err}") from err
    with stream:
        return _from_stream(stream, max_pixels, formats, name)


def _from_stream(stream: BinaryIO, max_pixels: int, formats: tuple[str, ...] | None, name: str) -> ByteArray:
    try:
        with _quiet, Image.open(stream, formats=formats) as picture:
            return _decode(picture, max_pixels, name)
    except UnidentifiedImageError as err:
        raise ImageFormatError(f"{name}: not a picture in a known format") from err
    except Image.DecompressionBombError as err:
        raise ImageSizeError(f"{name}: {err}", hint=f"expected at most {max_pixels:,} pixels") from err
    except ImageDecodeError:
        raise
    except _DECODER_ERRORS as err:
        raise ImageDecodeError(f"{name}: damaged picture ({err})") from err


def _decode(picture: Image.Image, max_pixels: int, name: str, *, in_place: bool = True) -> ByteArray:
    """Pixels of an opened picture; the header is checked before the pixels are read. ``in_place`` may turn it."""
    _check_size(picture.width, picture.height, max_pixels, name)
    with _quiet:
        try:
            picture.load()
            if in_place:
                ImageOps.exif_transpose(picture, in_place=True)
                return _to_rgb(picture)
            return _to_rgb(ImageOps.exif_transpose(picture))
        except _DECODER_ERRORS as err:
            raise ImageDecodeError(f"{name}: damaged picture ({err})") from err


def _check_size(width: int, height: int, max_pixels: int, name: str) -> None:
    if width < 1 or height < 1:
        raise ImageDecodeError(f"{name}: an empty picture of {width} × {height} pixels")
    if width * height > max_pixels:
        raise ImageSizeError(
            f"{name}: {width} × {height} pixels, expected at most {max_pixels:,}",
            hint="make the picture smaller",
        )


def _to_rgb(picture: Image.Image) -> ByteArray:
    """Its pixels, strip by strip, so that no second copy of the whole is held beside the result."""
    width, height = picture.size
    is_deep = picture.mode.startswith(("I", "F"))
    largest = _largest(np.asarray(picture)) if is_deep else 0.0
    pixels = np.empty((height, width, 3), np.uint8)
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = picture.crop((0, top, width, min(height, top + rows)))
        part = pixels[top : top + rows]
        part[:] = _deep_to_8_bit(np.asarray(strip), largest)[..., None] if is_deep else np.asarray(_on_white(strip))
    return pixels


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.has_transparency_data or picture.mode in {"La", "RGBa"}:
        if picture.mode in {"La", "RGBa"}:
            picture = picture.convert({"La": "LA", "RGBa": "RGBA"}[picture.mode])
        layer = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _largest(values: npt.NDArray[Any]) -> float:
    """White, of gray of more than 8 bits: by type or, where the type leaves it open, by the largest value."""
    return 65535.0 if values.dtype == np.uint16 else _range_of(float(np.nanmax(values)))


def _deep_to_8_bit(values: npt.NDArray[Any], largest: float) -> ByteArray:
    scaled = np.nan_to_num(values.astype(np.float32), posinf=largest) * (255.0 / largest)
    return np.asarray(np.rint(np.clip(scaled, 0, 255)), np.uint8)


def _range_of(peak: float) -> float:
    return next((limit for limit in (1.0, 255.0, 65535.0) if peak <= limit), peak)


def _from_array(array: npt.NDArray[Any], color: ColorOrder, max_pixels: int) -> ByteArray:
    orders = get_args(ColorOrder)
    if color not in orders:
        raise ConfigError(f"color is {color!r}, expected one of {', '.join(orders)}")
    channels = array.shape[2] if array.ndim == 3 else 1
    allowed = (1,) if color == "gray" else (1, 3, 4)
    if array.ndim not in {2, 3} or channels not in allowed:
        raise ImageDecodeError(
            f"array of shape {array.shape} as a {color} picture, expected (H, W) or (H, W, C) with C in {allowed}"
        )
    _check_size(array.shape[1], array.shape[0], max_pixels, "array")
    pixels = _array_to_8_bit(array).reshape(*array.shape[:2], channels)
    if channels == 1:
        return np.repeat(pixels, 3, axis=2)
    if color == "bgr":
        pixels = pixels[..., [2, 1, 0, *range(3, channels)]]
    if channels == 4:
        return _to_rgb(Image.fromarray(np.ascontiguousarray(pixels)))
    return np.ascontiguousarray(pixels)


def _array_to_8_bit(array: npt.NDArray[Any]) -> ByteArray:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype == np.uint16:
        return _deep_to_8_bit(array, _largest(array))
    if np.issubdtype(array.dtype, np.floating):
        low, high = float(array.min()), float(array.max())
        if low >= 0 and high <= 1:
            return np.asarray(np.rint(array * 255), np.uint8)
        raise ImageDecodeError(f"float array with values in [{low:g}, {high:g}], expected [0, 1]")
    raise ImageDecodeError(f"array of type {array.dtype}, expected uint8, uint16, bool, or float in [0, 1]")


class _Quiet:
    """Keeps Pillow's warnings from users; what matters of them is checked here and raised.

    Filters belong to the whole process: the first thread that enters sets them, the last that leaves takes them back.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._filters = Lock(), 0, ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._filters.enter_context(warnings.catch_warnings())
                warnings.filterwarnings("ignore", module=r"PIL\.")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._filters.close()


_quiet = _Quiet()
