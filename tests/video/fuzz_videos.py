# ruff: noqa: S311, T201
"""Run ``python -m tests.video.fuzz_videos NAME SEED CASES``: damaged videos are read or refused in words.

A child process of the test, with bounds on memory and time; prints how many were read and how many refused. Half of the
cases change fields that readers parse (box sizes, time stamps, chunks whose checksum is mended), half any bytes.
"""

import gc
import random
import resource
import signal
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from mien.errors import MienError
from mien.video.sources.open import open_video
from tests.videos import write_video

_MOST_PIXELS = 2**22
_INTERESTING = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff")
NAMES = ("a.mp4", "a.mkv", "a.ts", "a.avi", "a.gif", "a.png")


def sound(path: Path) -> bytes:
    """A short video in the container of the name."""
    noise = np.random.default_rng(0)
    pictures = [noise.integers(0, 255, (48, 64, 3), dtype=np.uint8) for _ in range(8)]
    if path.suffix in {".gif", ".png"}:
        first, *rest = [Image.fromarray(picture) for picture in pictures]
        first.save(path, save_all=True, append_images=rest, duration=80)
    else:
        codec = "mpeg4" if path.suffix == ".avi" else "libx264"
        write_video(path, pictures, codec=codec, sound=None if path.suffix == ".avi" else "aac")
    return path.read_bytes()


def anywhere(content: bytes, rng: random.Random) -> bytes:
    """Bytes overwritten, cut out, doubled, or the end lost."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(changed))
        kind = rng.random()
        if kind < 0.6:
            value = rng.choice(_INTERESTING)
            changed[at : at + len(value)] = value
        elif kind < 0.8:
            del changed[at : at + rng.randint(1, 400)]
        elif kind < 0.95:
            changed[at:at] = changed[at : at + rng.randint(1, 400)]
        else:
            del changed[max(at, 16) :]
    return bytes(changed)


def in_fields(content: bytes, rng: random.Random) -> bytes:
    """Fields of headers changed; chunks of PNG get a checksum that fits."""
    changed = bytearray(content)
    marks = [b"moov", b"trak", b"stts", b"stsz", b"stsc", b"ctts", b"tkhd", b"mdhd", b"elst", b"avcC", b"strh", b"avih"]
    marks += [
        b"\x1a\x45",
        b"\x1f\x43\xb6\x75",
        b"\xe7",
        b"\x00\x00\x01\xe0",
        b"\x47\x41",
        b"\x21\xf9",
        b"acTL",
        b"fcTL",
    ]
    found = [place for mark in marks if (place := content.find(mark, rng.randrange(len(content) // 2))) >= 0]
    for _ in range(rng.randint(1, 4)):
        at = (rng.choice(found) if found else 0) + rng.randint(-4, 40)
        value = rng.choice(_INTERESTING)
        at = min(max(at, 0), len(changed) - len(value))
        changed[at : at + len(value)] = value
    return mended(bytes(changed)) if content.startswith(b"\x89PNG") else bytes(changed)


def mended(png: bytes) -> bytes:
    """The chunks with checksums that fit."""
    out, at = bytearray(png[:8]), 8
    while at + 12 <= len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        if at + 12 + length > len(png):
            break
        body = png[at + 4 : at + 8 + length]
        out += png[at : at + 4] + body + zlib.crc32(body).to_bytes(4, "big")
        at += 12 + length
    return bytes(out) + png[at:]


def outcome(path: Path) -> str:
    """What reading came to."""
    try:
        stamps = [frame.timestamp_s for frame in open_video(path, max_pixels=_MOST_PIXELS).frames()]
    except MienError as err:
        if path.name not in str(err) or len(str(err)) > len(str(path)) + 400:
            raise AssertionError(str(err)[:800]) from err
        return "refused"
    if stamps != sorted(set(stamps)):
        raise AssertionError("times that do not go on")
    return "read"


def main(name: str, seed: int, cases: int) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (2 << 30, 2 << 30))
    rng = random.Random(seed)
    outcomes = {"read": 0, "refused": 0}
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        whole = sound(path)
        for case in range(cases):
            mutate: Callable[[bytes, random.Random], bytes] = in_fields if case % 2 else anywhere
            path.write_bytes(mutate(whole, rng))
            signal.alarm(60)  # a hang ends the process, and the test
            try:
                outcomes[outcome(path)] += 1
            except BaseException:
                print(f"{name}: seed {seed}, case {case}")
                raise
            path.write_bytes(whole)
        gc.collect()  # PyAV's containers and streams hold each other, and their threads
        if len(list(open_video(path).frames())) != 8:  # the next file is read
            raise AssertionError("a sound file is no longer read")
    print(*outcomes.values())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
