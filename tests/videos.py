"""Videos that the tests make: the public-domain portrait moved about, written with PyAV."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from mien.geometry import Box
from tests.photos import Picture, head

SIZE = (640, 480)
RATE = 25
_GRAY = (118, 122, 125)
#: The face in a head of one pixel: what the detector says of the portrait's head, measured once.
FACE_IN_HEAD = Box(0.259, 0.286, 0.741, 0.768)


def scene(
    heads: Sequence[tuple[float, float, int]], size: tuple[int, int] = SIZE, *, others: Sequence[int] = ()
) -> Picture:
    """Heads at (left, top, side) on gray, later ones in front; the places in ``others`` show another person."""
    canvas = Image.new("RGB", size, _GRAY)
    for place, (left, top, side) in enumerate(heads):
        person = another_head() if place in others else head()
        canvas.paste(person.resize((side, side), Image.Resampling.LANCZOS), (round(left), round(top)))
    return np.asarray(canvas)


def another_head() -> Image.Image:
    """The portrait's head mirrored, in other light: the left side bright, the right side dark."""
    pixels = np.asarray(head().transpose(Image.Transpose.FLIP_LEFT_RIGHT)).astype(np.float32)
    light = np.linspace(1.5, 0.45, pixels.shape[1])[None, :, None]
    return Image.fromarray(np.clip(pixels * light, 0, 255).astype(np.uint8))


def face_box(left: float, top: float, side: float) -> Box:
    """Where the face of a head lies."""
    part = FACE_IN_HEAD
    return Box(left + part.left * side, top + part.top * side, left + part.right * side, top + part.bottom * side)


def write_video(
    path: Path,
    pictures: Iterable[Picture],
    *,
    times_ms: Sequence[int] | None = None,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    sound: str | None = None,
    start_ms: int = 0,
    title: str | None = None,
) -> Path:
    """Write pictures at ``times_ms`` (25 a second if None), with a tone of ``sound`` (a codec) as long as they are."""
    with av.open(str(path), "w") as out:
        out.metadata.update({"title": title} if title else {})
        stream = out.add_stream(codec, rate=RATE)
        assert isinstance(stream, av.VideoStream)
        stream.codec_context.time_base = Fraction(1, 1000)
        tone = out.add_stream(sound, rate=44100, layout="mono") if sound else None
        last_ms = 0
        for number, picture in enumerate(pictures):
            if number == 0:
                stream.height, stream.width, stream.pix_fmt = picture.shape[0], picture.shape[1], pixels
                stream.options = {"preset": "veryfast", "crf": "16"} if codec == "libx264" else {}
            last_ms = times_ms[number] if times_ms else number * 1000 // RATE
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = last_ms + start_ms, Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
        if tone is not None:
            assert isinstance(tone, av.AudioStream)
            _add_tone(out, tone, last_ms / 1000)
    return path


def write_tone(path: Path, seconds: float = 1.0) -> Path:
    """A file with sound and nothing to see."""
    with av.open(str(path), "w") as out:
        _add_tone(out, out.add_stream("aac", rate=44100, layout="mono"), seconds)
    return path


def _add_tone(out: av.container.OutputContainer, tone: av.AudioStream, seconds: float) -> None:
    wave: npt.NDArray[np.int16] = (
        0.3 * 32767 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * 44100)) / 44100)
    ).astype(np.int16)
    form = tone.format.name
    for start in range(0, len(wave), 1024):
        part = wave[start : start + 1024]
        samples: npt.NDArray[np.int16] | npt.NDArray[np.float32] = (
            part[None] if form == "s16" else (part[None] / 32768).astype(np.float32)
        )
        frame = av.AudioFrame.from_ndarray(samples, format=form, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 44100, start, Fraction(1, 44100)
        out.mux(tone.encode(frame))
    out.mux(tone.encode())


def seconds_of(stream: av.AudioStream) -> float:
    """Length of the sound by the word of its container."""
    assert stream.duration is not None
    assert stream.time_base is not None
    return float(stream.duration * stream.time_base)


def set_clockwise_turn(path: Path, width: int) -> None:
    """Write into an MP4's track header that players turn the picture by 90° clockwise."""
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") + 44
    matrix = (0, 0x10000, 0, -0x10000, 0, 0, width << 16, 0, 0x40000000)
    content[start : start + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(bytes(content))


def as_written(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as files hold it: six significant digits, of times all."""
    return {
        name: float(f"{value:.6g}") if isinstance(value, float) and name != "timestamp_s" else value
        for name, value in row.items()
    }
