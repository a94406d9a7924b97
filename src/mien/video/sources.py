"""Where frames come from: video files and streams through PyAV, with their true times, upright.

It does not know faces. Image sequences and cameras have files of their own and the same interface.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mien.errors import SourceError, missing_extra
from mien.geometry import ByteArray
from mien.imaging import MAX_PIXELS
from mien.render.text import counted
from mien.video.clock import StageClock
from mien.video.sampling import DEFAULT_RATE, Sampling

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

#: What a file may make FFmpeg open: itself and other files, never an address.
_FILE_PROTOCOLS = "file,crypto,data"
#: A stream that says nothing for so long is given up.
_STREAM_TIMEOUT_S = 10.0
#: Frames a second that a row of pictures may have or that may be asked for.
MIN_RATE, MAX_RATE = 1e-6, 1e6
#: A file that ends by more than this before its own word is cut.
_MISSING_S = 0.5


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One frame.

    Attributes:
        index: From 0, counting also frames that are left out.
        timestamp_s: When it is shown, from the start of the source.
        image: RGB uint8 (H, W, 3), upright.
        captured_s: Of a live source, when it was taken, on :func:`time.monotonic`'s clock.
    """

    index: int
    timestamp_s: float
    image: ByteArray = field(repr=False)
    captured_s: float | None = None


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a source says of itself before a frame is read.

    Attributes:
        name: Path, address or device as given.
        fps: Mean frame rate, None if unknown.
        duration_s: None if unknown or endless.
        has_sound: Whether there is a sound track to keep.
        live: Whether frames come at their own pace and are lost if nobody takes them.
        formats: The only ones that it may be read as; none allows all.
    """

    name: str
    fps: float | None = None
    duration_s: float | None = None
    has_sound: bool = False
    live: bool = False
    formats: tuple[str, ...] = ()


class VideoSource(Protocol):
    """Anything that gives frames in order."""

    problems: list[str]

    @property
    def info(self) -> VideoInfo:
        """What is known before reading."""

    def frames(self, sampling: Sampling = ..., clock: StageClock | None = ...) -> Iterator[VideoFrame]:
        """The wanted frames; what could not be read is told in ``problems``, in order."""


class VideoFile:
    """A file or a stream that FFmpeg's libraries read.

    Args:
        name: A path, or an address with a scheme (``rtsp://``, ``http://``), which is then fetched.
        max_pixels: A video with larger frames is refused; frames that grow beyond it on the way are left out.
        formats: FFmpeg's names of the formats that it may have, whatever its ending says; with them it is a file that
            nobody vouches for, and can make FFmpeg open no other. None allows all.

    Raises:
        SourceError: It cannot be opened or shows no moving picture.
        MissingDependencyError: PyAV is not installed.
    """

    def __init__(
        self, name: str | PathLike[str], *, max_pixels: int = MAX_PIXELS, formats: tuple[str, ...] = ()
    ) -> None:
        self._name, self._max_pixels, self._formats = fspath(name), max_pixels, formats
        self.problems: list[str] = []
        self._container: InputContainer | None = self._open()
        with ExitStack() as undo:  # leave no file open behind an error
            undo.callback(self._container.close)
            self.info = self._describe(self._container)
            undo.pop_all()

    def frames(self, sampling: Sampling = Sampling(), clock: StageClock | None = None) -> Iterator[VideoFrame]:  # noqa: B008 - frozen
        """The wanted frames in the order they are shown.

        Raises:
            SourceError: Not one frame can be read.
        """
        container, self._container = self._container or self._open(), None
        last_index, last_s, wants = -1, None, sampling.chooser()
        with container:
            stream = video_stream(container, self._name)
            stream.codec_context.options = {"max_pixels": str(self._max_pixels)}  # frames may grow on the way
            for index, (frame, time_s) in enumerate(self._decoded(container, stream, clock)):
                if wants(index, time_s):
                    with _stage(clock, "convert"):
                        image = to_rgb(frame)
                    yield VideoFrame(index, time_s, image)
                last_index, last_s = index, time_s
        self._check_end(last_index, last_s)

    def _decoded(self, container: Any, stream: Any, clock: StageClock | None) -> Iterator[tuple[Any, float]]:
        """Frames with their times, which never go back."""
        start_s = (container.start_time or 0) / 1e6
        step_s = 1 / float(stream.average_rate or DEFAULT_RATE)
        previous_s = -step_s
        for frame in decoded_frames(container, stream, self.problems, clock):
            at_s = previous_s + step_s if frame.pts is None else float(frame.pts * frame.time_base) - start_s
            previous_s = max(at_s, previous_s, 0.0)
            yield frame, previous_s

    def _check_end(self, last_index: int, last_s: float | None) -> None:
        if last_index < 0 or last_s is None:
            told = f" ({self.problems[0]})" if self.problems else ""
            raise SourceError(f"{self._name}: not one frame could be read{told}")
        length_s = self.info.duration_s
        if length_s is not None and length_s - last_s > _MISSING_S + 1 / (self.info.fps or DEFAULT_RATE):
            self.problems.append(f"ends at {last_s:.1f} s although it says to be {length_s:.1f} s long")

    def _open(self) -> "InputContainer":
        load_av()  # its absence is told before that of the file
        if "://" not in self._name and not Path(self._name).is_file():
            what = "is a folder" if Path(self._name).is_dir() else "No such file"
            raise SourceError(f"{self._name}: {what}, expected a video")
        return open_container(self._name, self._formats)

    def _describe(self, container: "InputContainer") -> VideoInfo:
        stream = video_stream(container, self._name)
        if stream.width * stream.height > self._max_pixels:
            raise SourceError(
                f"{self._name}: {stream.width} × {stream.height} pixels, expected at most {self._max_pixels:,}"
            )
        length = container.duration
        if stream.duration and stream.time_base:
            length_s: float | None = float(stream.duration * stream.time_base)
        else:
            length_s = length / 1e6 if length else None
        fps = float(stream.average_rate) if stream.average_rate else None
        live = "://" in self._name and length is None
        return VideoInfo(self._name, fps, length_s, bool(container.streams.audio), live, self._formats)


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


def decoded_frames(container: Any, stream: Any, problems: list[str], clock: StageClock | None = None) -> Iterator[Any]:
    """All frames that can be decoded; packets that cannot are counted in ``problems``."""
    av = load_av()
    damaged = 0
    packets = container.demux(stream)
    while True:
        try:
            with _stage(clock, "decode"):
                packet = next(packets, None)
                frames: Sequence[Any] = packet.decode() if packet is not None else ()
        except av.error.InvalidDataError:
            damaged += 1
            continue
        except av.error.FFmpegError as err:
            problems.append(f"reading stopped: {err.strerror or err}")
            packet = None
        if packet is None:
            break
        yield from frames
    if damaged:
        problems.append(f"{counted(damaged, 'damaged packet')} left out")


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


def _stage(clock: StageClock | None, name: str) -> Any:
    return clock.stage(name) if clock else nullcontext()
