"""PyAV at one place: opening containers, choosing the stream, decoding its packets, and frames as upright arrays.

It does not know which frames are wanted or when they are shown.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from mien.errors import SourceError, missing_extra
from mien.geometry import ByteArray
from mien.render.text import counted
from mien.video.clock import StageClock

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

#: What a file may make FFmpeg open: itself and other files, never an address.
_FILE_PROTOCOLS = "file,crypto,data"
#: A stream that says nothing for so long is given up.
_STREAM_TIMEOUT_S = 10.0


def open_container(name: str, formats: tuple[str, ...] = ()) -> "InputContainer":
    """A file or an address as FFmpeg's libraries see it; a file makes them open no address, with ``formats`` nothing.

    Raises:
        SourceError: It cannot be opened, or has another format than ``formats``.
        MissingDependencyError: PyAV is not installed.
    """
    av, is_address = load_av(), "://" in name
    target, timeout = (name, _STREAM_TIMEOUT_S) if is_address else (f"file:{name}", None)
    options = {} if is_address else {"protocol_whitelist": "file" if formats else _FILE_PROTOCOLS}
    if formats:
        options["format_whitelist"] = ",".join(formats)
    # Titles that are no UTF-8 must not cost the video. PyAV 19 replaces what it cannot decode by itself, and no longer
    # takes the argument that asks for it.
    lenient = {} if _major_version(av) >= 19 else {"metadata_errors": "replace"}
    with told_as_source_error(name, formats):
        container: InputContainer = av.open(target, options=options, timeout=timeout, **lenient)
    return container


def load_av() -> ModuleType:
    """PyAV.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        import av  # noqa: PLC0415 - an extra
    except ImportError as err:
        raise missing_extra("PyAV", "video") from err
    return av


def video_stream(container: "InputContainer", name: str) -> "VideoStream":
    """The stream with the moving picture, set to decode in several threads; cover pictures do not count.

    Raises:
        SourceError: There is none.
    """
    moving = [stream for stream in container.streams.video if not _is_cover(stream)]
    if not moving:
        kinds = ", ".join(stream.type for stream in container.streams) or "nothing"
        raise SourceError(f"{name}: no video stream, it holds {kinds}")
    best = max(moving, key=lambda stream: stream.width * stream.height)
    best.thread_type = "AUTO"
    return best


def decoded_frames(container: Any, stream: Any, warnings: list[str], clock: StageClock | None = None) -> Iterator[Any]:
    """All frames that can be decoded; packets that cannot are counted in ``warnings``."""
    av = load_av()
    damaged = 0
    packets = container.demux(stream)
    while True:
        try:
            with stage(clock, "decode"):
                packet = next(packets, None)
                frames: Sequence[Any] = packet.decode() if packet is not None else ()
        except av.error.InvalidDataError:
            damaged += 1
            continue
        except av.error.FFmpegError as err:
            warnings.append(f"reading stopped: {err.strerror or err}")
            packet = None
        if packet is None:
            break
        yield from frames
    if damaged:
        warnings.append(f"{counted(damaged, 'damaged packet')} left out")


def to_rgb(frame: Any) -> ByteArray:
    """A decoded frame as RGB uint8 (H, W, 3), turned upright by its display matrix."""
    image: ByteArray = frame.to_ndarray(format="rgb24")
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def _major_version(av: ModuleType) -> int:
    return int(av.__version__.partition(".")[0])


@contextmanager
def told_as_source_error(name: str, formats: tuple[str, ...] = ()) -> Iterator[None]:
    """Around calls of PyAV; ``formats`` were expected, or any.

    Raises:
        SourceError: FFmpeg's libraries refuse.
    """
    av = load_av()
    try:
        yield
    except (av.error.FFmpegError, ValueError) as err:
        reason = getattr(err, "strerror", None) or err
        expected = f"; expected one of the formats {', '.join(formats)}" if formats else ""
        raise SourceError(f"{name}: cannot be read as a video ({reason}){expected}") from err


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & type(stream.disposition).attached_pic)


def stage(clock: StageClock | None, name: str) -> AbstractContextManager[None]:
    """Around the work of a stage, timed where there is a clock."""
    return clock.stage(name) if clock else nullcontext()
