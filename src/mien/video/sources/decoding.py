"""All use of PyAV: opening containers, choosing the stream, decoding its packets, and frames as upright arrays.

    container → stream → packets → decoded frames → RGB, square pixels → upright

Which frames are wanted and when they are shown is decided by the caller.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from mien.errors import SourceError
from mien.geometry import ByteArray
from mien.imaging import orient
from mien.render.text import counted
from mien.runtime.optional import extra

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

#: Protocols that a file may make the libraries open: itself and other files, never an address.
_FILE_PROTOCOLS = "file,crypto,data"
#: A stream that sends nothing for this long is given up.
STREAM_TIMEOUT_S = 10.0
#: Threads of a decoder; more gain nothing for frames of a few slices.
_DECODER_THREADS = 4
#: Pixel aspect ratios outside these bounds are a wrong header, not a picture to be stretched.
_PIXEL_SHAPES = Fraction(1, 8), Fraction(8)
#: EXIF orientation by where a display matrix sends the x and the y axis: signs of (a, b, c, d) in x' = a·x + c·y,
#: y' = b·x + d·y, with y down.
_ORIENTATIONS = {
    (1, 0, 0, 1): 1,
    (-1, 0, 0, 1): 2,
    (-1, 0, 0, -1): 3,
    (1, 0, 0, -1): 4,
    (0, 1, 1, 0): 5,
    (0, 1, -1, 0): 6,
    (0, -1, -1, 0): 7,
    (0, -1, 1, 0): 8,
}


@dataclass(slots=True)
class Damage:
    """Damage that was met while decoding.

    Attributes:
        left_out: Number of packets that cannot be decoded and of frames that cannot be converted.
        frames: Number of frames marked as damaged by the decoder; they are used all the same.
        packets: Number of packets marked as damaged by the demuxer.
        stopped: Why reading ended early; None if it did not.
    """

    left_out: int = 0
    frames: int = 0
    packets: int = 0
    stopped: str | None = None

    def notes(self) -> list[str]:
        """One sentence for each kind."""
        notes = [] if self.stopped is None else [f"reading stopped: {self.stopped}"]
        if self.left_out:
            notes.append(f"{counted(self.left_out, 'damaged packet')} left out")
        if self.frames or self.packets:
            both = ((self.frames, "frame"), (self.packets, "packet"))
            marked = " and ".join(counted(count, what) for count, what in both if count)
            notes.append(f"{marked} {'is' if self.frames + self.packets == 1 else 'are'} marked as damaged")
        return notes


def open_container(name: str, formats: tuple[str, ...] = ()) -> "InputContainer":
    """Open a file or an address; a file cannot make the libraries open an address, nor with ``formats`` another file.

    Raises:
        SourceError: It cannot be opened, or has another format than ``formats``.
        MissingDependencyError: PyAV is not installed.
    """
    av, is_address = load_av(), "://" in name
    # The prefix keeps FFmpeg from taking a name with a colon for a protocol of its own.
    target, timeout = (name, STREAM_TIMEOUT_S) if is_address else (f"file:{name}", None)
    options = {} if is_address else {"protocol_whitelist": "file" if formats else _FILE_PROTOCOLS}
    if formats:
        options["format_whitelist"] = ",".join(formats)
    # Titles that are not UTF-8 must not make a video unreadable. PyAV 19 replaces such bytes by itself, and no longer
    # takes the argument.
    lenient = {} if _major_version(av) >= 19 else {"metadata_errors": "replace"}
    with as_source_error(name, formats):
        container: InputContainer = av.open(target, options=options, timeout=timeout, **lenient)
    return container


def load_av() -> ModuleType:
    """PyAV.

    Raises:
        MissingDependencyError: It is not installed.
    """
    with extra("video", "PyAV"):
        import av  # noqa: PLC0415 - an extra
    return av


def video_stream(container: "InputContainer", name: str) -> "VideoStream":
    """The video stream, without cover pictures; the largest if there are several.

    Threads decode slices of one frame, not several frames: with frame threads a damaged stream decodes to other pixels
    each time, and a resumed run would not end with the rows of an uninterrupted one.

    Raises:
        SourceError: There is none, or none of a known codec.
    """
    moving = [stream for stream in container.streams.video if not _is_cover(stream)]
    if moving and all(stream.codec_context is None for stream in moving):
        raise SourceError(f"{name}: cannot be read as a video (its codec is not known)")
    moving = [stream for stream in moving if stream.codec_context is not None]
    if not moving:
        kinds = ", ".join(map(_kind, container.streams)) or "nothing"
        raise SourceError(f"{name}: no video stream, it holds {kinds}")
    best = max(moving, key=lambda stream: stream.width * stream.height)
    best.thread_type = "SLICE"
    best.codec_context.thread_count = _DECODER_THREADS  # by default one for each core of the host
    return best


def _kind(stream: "Stream") -> str:
    """``audio``, ``subtitle`` and so on; asked for the type of a kind that FFmpeg does not know, PyAV 16 crashes."""
    return "unknown" if type(stream) is load_av().stream.Stream else str(stream.type)


def decoded_frames(container: Any, stream: Any, damage: Damage) -> Iterator[Any]:
    """All frames that can be decoded; ``damage`` counts the others."""
    av = load_av()
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:  # the packet before it was empty, and flushed the decoder
                return
            damage.packets += packet.is_corrupt
            frames = packet.decode()
        except av.error.InvalidDataError:  # this packet alone
            damage.left_out += 1
            continue
        except av.error.FFmpegError as err:  # as a stream that broke off
            damage.stopped = reason(err)
            return
        for frame in frames:
            damage.frames += frame.is_corrupt
            yield frame


def converted(frame: Any, pixel_shape: Fraction, damage: Damage) -> ByteArray | None:
    """:func:`to_rgb`; None, and counted in ``damage``, for a frame whose damaged header cannot be converted."""
    try:
        return to_rgb(frame, pixel_shape)
    except (load_av().error.FFmpegError, ValueError, MemoryError):
        damage.left_out += 1
        return None


def to_rgb(frame: Any, pixel_shape: Fraction = Fraction(1)) -> ByteArray:
    """A decoded frame as RGB uint8 (H, W, 3): pixels of ``pixel_shape`` (width / height) made square, upright."""
    width, height = square_size(frame.width, frame.height, pixel_shape)
    image: ByteArray = frame.to_ndarray(format="rgb24", width=width, height=height)  # (height, width, 3) as stored
    return np.ascontiguousarray(orient(image, orientation_of(frame)))


def square_size(width: int, height: int, pixel_shape: Fraction) -> tuple[int, int]:
    """(width, height) with square pixels; the short side of a pixel is stretched, so that no detail is lost."""
    if pixel_shape >= 1:
        return round(width * pixel_shape), height
    return width, round(height / pixel_shape)


def pixel_shape_of(stated: Fraction | None) -> Fraction:
    """Width / height of a pixel as a stream states it; 1 where it states nothing plausible."""
    low, high = _PIXEL_SHAPES
    return stated if stated and low <= stated <= high else Fraction(1)


def orientation_of(frame: Any) -> int:
    """The EXIF orientation (1 to 8) of a frame's display matrix; other angles take the nearest."""
    from av.sidedata.sidedata import Type  # noqa: PLC0415 - an extra

    stored = frame.side_data.get(Type.DISPLAYMATRIX)
    if stored is None:
        return 1
    # (3, 3) int32 in the machine's own byte order; FFmpeg's libavutil/display.h.
    matrix = np.frombuffer(bytes(stored), np.int32, 9).reshape(3, 3)
    a, b, c, d = (int(matrix[place]) for place in ((0, 0), (0, 1), (1, 0), (1, 1)))
    straight = abs(a) + abs(d) >= abs(b) + abs(c)  # nearer to 0° or 180° than to 90° or 270°
    signs = (_sign(a), 0, 0, _sign(d)) if straight else (0, _sign(b), _sign(c), 0)
    return _ORIENTATIONS.get(signs, 1)


def reason(err: Exception) -> str:
    """The cause of a library's error as a short clause."""
    av = load_av()
    known = (
        (av.error.InvalidDataError, "it is not a video, or damaged"),
        (av.error.EOFError, "it ends too early"),
        (av.error.HTTPError, "the server refused it"),
        (av.error.ExitError, f"nothing came within {STREAM_TIMEOUT_S:g} s"),
        (av.error.DecoderNotFoundError, "its codec is not known"),
        (av.error.ProtocolNotFoundError, "addresses of this kind are not opened"),
        (av.error.DemuxerNotFoundError, "its format is not known"),
        (av.error.PatchWelcomeError, "it uses a feature that is not supported"),
    )
    for kind, words in known:
        if isinstance(err, kind):
            return words
    number = getattr(err, "errno", None)  # FFmpeg's own codes are far larger than the system's
    return os.strerror(number) if isinstance(number, int) and 0 < number < 4096 else "it cannot be decoded"


@contextmanager
def as_source_error(name: str, formats: tuple[str, ...] = ()) -> Iterator[None]:
    """Translate errors of PyAV; the message names the expected ``formats``, if any.

    Raises:
        SourceError: The libraries report an error.
    """
    av = load_av()
    try:
        yield
    except (av.error.FFmpegError, ValueError) as err:
        expected = f"; expected one of the formats {', '.join(formats)}" if formats else ""
        raise SourceError(f"{name}: cannot be read as a video ({reason(err)}){expected}") from err


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)


def _major_version(av: ModuleType) -> int:
    return int(av.__version__.partition(".")[0])


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & type(stream.disposition).attached_pic)
