"""JPEG files that lack only their end marker, distinguished from those that lack pixels.

It does not read other formats.
"""

from io import SEEK_END, BytesIO
from random import Random
from typing import BinaryIO

from PIL import Image, ImageChops

from mien.errors import ImageDecodeError

_END = b"\xff\xd9"
_TAIL_BYTES = 64
#: Data of entropy coding hardly hold as many zeros in a row; where a file ends so, room was kept that was never filled.
_NEVER_WRITTEN = bytes(16)


def check_written(stream: BinaryIO, name: str) -> None:
    """Refuse a file whose room was kept but not filled, as downloads that were broken off leave it.

    A decoder takes the zeros at its end for pixels.

    Raises:
        ImageDecodeError: It ends in zeros that follow no end marker.
    """
    if stream.seek(0, SEEK_END) < len(_NEVER_WRITTEN):
        return
    stream.seek(-len(_NEVER_WRITTEN), SEEK_END)
    if stream.read() == _NEVER_WRITTEN:
        stream.seek(0)
        if not stream.read().rstrip(b"\0").endswith(_END):
            raise ImageDecodeError(f"{name}: damaged picture (its end was never written)")


def with_end_marker(stream: BinaryIO) -> Image.Image | None:
    """The decoded picture, where nothing but the end marker is missing; else None.

    Where all pixels are there, the bytes between them and the end marker do not matter. Where some are missing,
    a decoder takes it for pixels, so that two different tails give two different pictures.
    """
    stream.seek(0)
    content = stream.read()
    if content.endswith((_END, _NEVER_WRITTEN)):
        return None
    content = content.removesuffix(b"\xff")  # half of the marker
    plain, first, second = (_decoded(content + tail + _END) for tail in (b"", _tail(1), _tail(2)))
    if plain is None or first is None or second is None:
        return None
    same = not ImageChops.difference(plain, first).getbbox() and not ImageChops.difference(plain, second).getbbox()
    return plain if same else None


def _tail(seed: int) -> bytes:
    return bytes(byte % 0xFF for byte in Random(seed).randbytes(_TAIL_BYTES))  # noqa: S311 - and 0xFF begins markers


def _decoded(content: bytes) -> Image.Image | None:
    try:
        picture = Image.open(BytesIO(content), formats=("JPEG",))
        picture.load()
    except Exception:  # noqa: BLE001 - whatever it is, more than the end marker is missing
        return None
    return picture
