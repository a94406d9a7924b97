"""Short videos in several containers, and moving pictures."""

import gc
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from mien.imaging.formats import HAS_AVIF
from mien.video.sources.open import open_video
from tests.fuzz import containers
from tests.fuzz.mutation import Field, in_fields
from tests.fuzz.reader import Reader, of_file
from tests.videos import write_video

_MOST_PIXELS = 2**22
_MARKS_OF_MATROSKA = (
    b"\x1a\x45\xdf\xa3",
    b"\x15\x49\xa9\x66",
    b"\x16\x54\xae\x6b",
    b"\x1f\x43\xb6\x75",
    b"\xe7\x81",
    b"\xa3",
)
_MARKS_OF_GIF = (b"\x21\xf9", b"\x21\xff", b"\x2c\0\0\0\0")


def _same(content: bytes) -> bytes:
    return content


_Find = Callable[[bytes], list[Field]]
_Mend = Callable[[bytes], bytes]
_CONTAINERS: dict[str, tuple[_Find, _Mend]] = {
    "a.mp4": (containers.boxes, _same),
    "a.mkv": (partial(containers.near_marks, marks=_MARKS_OF_MATROSKA), _same),
    "a.ts": (containers.transport_packets, containers.with_table_checksums),
    "a.avi": (containers.riff, _same),
    "a.gif": (partial(containers.near_marks, marks=_MARKS_OF_GIF, behind=16), _same),
    "a.png": (containers.png, containers.with_png_checksums),
    "a.webp": (containers.riff, _same),
    **({"a.avif": (containers.boxes, _same)} if HAS_AVIF else {}),
}


def readers() -> Iterator[tuple[str, Reader]]:
    """A reader for each container."""
    for name, (find, mend) in _CONTAINERS.items():
        change = partial(_fields, find, mend)
        # of a transport stream hardly a change costs all frames
        limits = {"memory_bytes": 2 << 30, "refuses": name != "a.ts"}
        yield f"video {name}", of_file(partial(_made, name), change, _read, **limits)


def _made(name: str, folder: Path) -> Path:
    noise = np.random.default_rng(0)
    pictures = [noise.integers(0, 255, (48, 64, 3), dtype=np.uint8) for _ in range(8)]
    path = folder / name
    if path.suffix in {".gif", ".png", ".webp", ".avif"}:
        first, *rest = [Image.fromarray(picture) for picture in pictures]
        first.save(path, save_all=True, append_images=rest, duration=80)
    else:
        codec = "mpeg4" if path.suffix == ".avi" else "libx264"
        write_video(path, pictures, codec=codec, sound=None if path.suffix == ".avi" else "aac")
    return path


def _fields(find: _Find, mend: _Mend, content: bytes, rng: random.Random) -> bytes:
    return mend(in_fields(content, find(content), rng))


def _read(path: Path) -> list[float]:
    try:
        stamps = [frame.timestamp_s for frame in open_video(path, max_pixels=_MOST_PIXELS).frames()]
    finally:
        gc.collect()  # PyAV's containers and streams hold each other, and their threads
    if stamps != sorted(set(stamps)):
        raise AssertionError("times that do not go on")
    return stamps
