"""How many pixels a JPEG or PNG file has, by its first bytes alone: no decoder of an image library touches it.

It does not say whether the rest of the file is sound.
"""

import struct
from typing import BinaryIO

_PNG = b"\x89PNG\r\n\x1a\n"
#: JPEG's markers of frames: they are followed by length, precision, height and width. 0xC4, 0xC8 and 0xCC are others.
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
#: Segments before the frame hold metadata; a file with more is left to the decoder.
_MOST_SEGMENTS = 200


def stated_pixels(stream: BinaryIO) -> int | None:
    r"""Width times height as stated by a JPEG or PNG file from the stream's position; None for anything else.

    Examples:
        >>> from io import BytesIO
        >>> stated_pixels(BytesIO(b"\x89PNG\r\n\x1a\n" + bytes.fromhex("0000000d49484452 00000003 00000005")))
        15
    """
    start = stream.read(2)
    if start == _PNG[:2]:
        head = stream.read(22)  # the rest of the signature, length and name of the first chunk, width, height
        if not head.startswith(_PNG[2:]) or len(head) < 22:
            return None
        width, height = struct.unpack(">II", head[14:])
        return int(width * height)
    return _of_jpeg(stream) if start == b"\xff\xd8" else None


def _of_jpeg(stream: BinaryIO) -> int | None:
    """From behind the start marker: skip segments until the frame."""
    for _ in range(_MOST_SEGMENTS):
        head = stream.read(4)  # 0xFF, kind, length with its own two bytes
        if len(head) < 4 or head[0] != 0xFF:
            return None
        _, kind, length = struct.unpack(">BBH", head)
        if kind in _FRAMES:
            frame = stream.read(5)
            if len(frame) < 5:
                return None
            _, height, width = struct.unpack(">BHH", frame)
            return int(width * height)
        stream.seek(max(0, length - 2), 1)
    return None
