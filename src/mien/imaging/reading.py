"""Reading pictures: a path, bytes, file object, PIL image or array becomes RGB uint8 of shape (height, width, 3).

    open by content → look at what it costs → decode → RGB → square pixels → upright

It does not know what a picture shows. Transparent parts are white.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from mien.errors import ImageDecodeError, ImageFormatError, ImageSizeError, MienError, SourceError
from mien.geometry import ByteArray
from mien.imaging.arrays import ColorOrder, from_array
from mien.imaging.formats import STARTS_PROGRAMS, open_picture
from mien.imaging.jpeg import check_written, with_end_marker
from mien.imaging.limits import MAX_PIXELS, check_size
from mien.imaging.mistakes import hint_for_name
from mien.imaging.orientation import orient, stored_orientation
from mien.imaging.pixels import samples_of, to_rgb
from mien.imaging.shape import largest_frame, with_square_pixels
from mien.imaging.tiff import Page, largest_page
from mien.runtime.translation import reason, translate_errors
from mien.text import printable

ImageSource = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | npt.NDArray[Any]

#: What a stream that cannot be wound back may hold: it has to be kept in memory.
_MAX_STREAM_BYTES, _STREAM_BLOCK = 2**30, 2**20
#: Messages quote names of nothing that exists up to this length: they may be the content itself, sent by mistake.
_LONGEST_QUOTE = 80


def load_image(
    source: ImageSource,
    *,
    color: ColorOrder = "rgb",
    max_pixels: int = MAX_PIXELS,
    formats: tuple[str, ...] | None = None,
    allow_urls: bool = False,
) -> ByteArray:
    """The picture as RGB uint8 of shape (height, width, 3), upright, with square pixels.

    Args:
        source: Path, encoded bytes, binary file object, PIL image, or array of shape (H, W), (H, W, 1), (H, W, 3) or
            (H, W, 4): uint8, uint16, bool, or float in [0, 1]. Of an animated file the first frame is read, of several
            pages the largest.
        color: Order of an array's last axis; a fourth channel is alpha. Files say their own order.
        max_pixels: Pictures with more pixels are refused unread.
        formats: Pillow's names of the formats that files may have, as the content says; None allows
            :data:`mien.imaging.formats.FORMATS`.
        allow_urls: Fetch ``https://`` addresses, up to 64 MiB within 20 seconds, from public addresses alone.

    Raises:
        SourceError: The file is not there or may not be read.
        ConfigError: ``color`` or a format is unknown.
        LimitError: What an address gives is too long; :class:`OverdueError` where it takes too long.
        ImageDecodeError: The content is no readable picture; :class:`ImageFormatError` where its format is not known or
            allowed, :class:`ImageSizeError` where it has too many pixels or parts.
    """
    if isinstance(source, np.ndarray):
        return from_array(source, color, max_pixels)
    if isinstance(source, Image.Image):
        return _from_pil(source, max_pixels)
    if isinstance(source, bytes | bytearray | memoryview):
        return _from_stream(BytesIO(source), max_pixels, formats, "bytes")
    if isinstance(source, str | os.PathLike):
        if allow_urls and "://" in os.fspath(source):
            from mien.imaging.web import fetch  # noqa: PLC0415 - TLS takes time to load

            return _from_stream(BytesIO(fetch(os.fspath(source))), max_pixels, formats, quoted(source))
        return _from_path(source, max_pixels, formats)
    if hasattr(source, "read"):
        name = str(getattr(source, "name", "file object"))
        return _from_stream(_seekable(source, name), max_pixels, formats, name)
    raise ImageDecodeError(
        f"a picture cannot be read from {type(source).__name__}",
        hint="give a path, bytes, a binary file object, a PIL image or a NumPy array",
    )


def readable_path(path: Path) -> str:
    """A path as text that can be written as UTF-8: bytes that are no UTF-8 become question marks in diamonds."""
    return os.fsencode(path).decode("utf-8", "replace") if not str(path).isascii() else str(path)


def describe_source(source: ImageSource) -> str | None:
    """What results say of where a picture came from: its path as given, else None."""
    return os.fspath(source) if isinstance(source, str | os.PathLike) else None


def quoted(source: str | os.PathLike[str]) -> str:
    """A source as messages name it, shortened in its middle."""
    return printable(os.fspath(source), limit=_LONGEST_QUOTE) or "''"


def _from_path(source: str | os.PathLike[str], max_pixels: int, formats: tuple[str, ...] | None) -> ByteArray:
    name, hint = quoted(source), hint_for_name(os.fspath(source))
    if "://" in os.fspath(source):
        raise SourceError(
            f"{name}: addresses are not fetched", hint="download it, or allow https: allow_urls=True (--allow-urls)"
        )
    if hint is not None:
        raise SourceError(f"{name}: no path of a file", hint=hint)
    path = Path(source)
    try:
        stream = path.open("rb")
    except IsADirectoryError as err:
        hint = "pipeline.stream(FOLDER) and mien predict FOLDER read all of its pictures"
        raise SourceError(f"{name}: is a folder, expected a picture", hint=hint) from err
    except (OSError, ValueError) as err:
        raise SourceError(f"{name}: {reason(err)}") from err
    with stream:
        name = readable_path(path)
        return _from_stream(_seekable(stream, name), max_pixels, formats, name)


def _seekable(stream: BinaryIO, name: str) -> BinaryIO:
    """The stream, or its content in memory where it cannot be wound back, as of a pipe."""
    with translate_errors(lambda why: SourceError(f"{name}: cannot be read ({why})")):
        can_be_wound_back = hasattr(stream, "seekable") and stream.seekable()
        content = stream.read(0 if can_be_wound_back else _STREAM_BLOCK)
    if not isinstance(content, bytes | bytearray):
        raise ImageDecodeError(f"{name}: gives {type(content).__name__}, expected bytes", hint="open it in binary mode")
    if not can_be_wound_back:
        content = _whole(stream, content, name)
    if len(content) > _MAX_STREAM_BYTES:
        raise ImageSizeError(f"{name}: more than {_MAX_STREAM_BYTES:,} bytes")
    return stream if can_be_wound_back else BytesIO(content)


def _whole(stream: BinaryIO, start: bytes, name: str) -> bytes:
    """All of a stream that cannot be wound back; read(n) would reserve n bytes at once, however few there are."""
    content = bytearray(start)
    with translate_errors(lambda why: SourceError(f"{name}: cannot be read ({why})")):
        while len(content) <= _MAX_STREAM_BYTES and (block := stream.read(_STREAM_BLOCK)):
            content += block
    return bytes(content)


def _from_stream(stream: BinaryIO, max_pixels: int, formats: tuple[str, ...] | None, name: str) -> ByteArray:
    with _quiet, _decoding(name, max_pixels):
        picture = open_picture(stream, name, max_pixels=max_pixels, formats=formats)
        with picture:
            page = _turn_to_the_picture(picture, stream, name)
            check_size(*picture.size, max_pixels, name)
            samples = samples_of(picture, page)
            loaded = _loaded_jpeg(picture, stream, name) if picture.format in {"JPEG", "MPO"} else picture
            loaded.load()
            # Pillow closes a TIFF with its first page, so that its EXIF is not to be had any more
            orientation = stored_orientation(picture) if page is None else page.orientation
            pixels = to_rgb(loaded, samples, name)
            pixels = with_square_pixels(pixels, picture, max_pixels, name)
        del picture, loaded  # frees Pillow's copy before the turned one is made
        return orient(pixels, orientation)


def _turn_to_the_picture(picture: ImageFile.ImageFile, stream: BinaryIO, name: str) -> Page | None:
    """Of several pages the largest; its directory, where it is a TIFF."""
    if picture.format == "TIFF":
        number, page = largest_page(stream, name)
        picture.seek(number)
        return page
    if picture.format == "MPO":
        picture.seek(largest_frame(picture))
    return None


def _loaded_jpeg(picture: ImageFile.ImageFile, stream: BinaryIO, name: str) -> Image.Image:
    """The picture itself, or another one of the same pixels where the file lacks its end marker."""
    check_written(stream, name)
    try:
        picture.load()
    except OSError:
        whole = with_end_marker(stream)
        if whole is None:
            raise
        return whole
    return picture


def _from_pil(picture: Image.Image, max_pixels: int) -> ByteArray:
    """A PIL image of the caller, which is loaded and left as it is otherwise."""
    name = "PIL image"
    check_size(*picture.size, max_pixels, name)
    if picture.format in STARTS_PROGRAMS and getattr(picture, "tile", None):
        raise ImageFormatError(f"{name}: {picture.format} starts another program", hint="call its load() first")
    with _quiet, _decoding(name, max_pixels):
        samples = samples_of(picture, None)
        picture.load()
        pixels = with_square_pixels(to_rgb(picture, samples, name), picture, max_pixels, name)
        return orient(pixels, stored_orientation(picture))


@contextmanager
def _decoding(name: str, max_pixels: int) -> Iterator[None]:
    """Whatever a decoder raises is a damaged picture."""
    try:
        with translate_errors(lambda why: ImageDecodeError(f"{name}: damaged picture ({why})")):
            yield
    except MienError as err:
        if isinstance(err.__cause__, Image.DecompressionBombError):  # of a frame inside the file
            raise ImageSizeError(f"{name}: more than {max_pixels:,} pixels in a frame") from err
        if isinstance(err.__cause__, MemoryError):
            raise ImageSizeError(f"{name}: there is not enough memory to decode it") from err
        raise


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
