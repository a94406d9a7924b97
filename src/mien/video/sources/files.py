"""Video files and streams through PyAV: all frames that can be decoded, upright, each with its time.

Image sequences, animated pictures and cameras have modules of their own and the same interface.
"""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from fractions import Fraction
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.errors import SourceError
from mien.imaging import MAX_PIXELS
from mien.video.sources.base import VideoFrame, VideoInfo
from mien.video.sources.decoding import (
    Damage,
    converted,
    decoded_frames,
    load_av,
    open_container,
    pixel_shape_of,
    square_size,
    video_stream,
)
from mien.video.sources.sampling import DEFAULT_RATE, Sampling
from mien.video.sources.timing import Timestamps

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

#: A file that ends by more than this before its stated end has been cut off.
_MISSING_S = 0.5
#: Longest step between frames that is taken from a header, which may state any.
_LONGEST_STEP_S = 60.0
#: Flag of formats whose timestamps may be spliced (AVFMT_TS_DISCONT in FFmpeg's libavformat/avformat.h).
_MAY_SPLICE = 0x0200


class VideoFile:
    """A source: a file or a stream that FFmpeg's libraries read.

    Args:
        name: A path, or an address with a scheme (``rtsp://``, ``http://``), which is then fetched.
        max_pixels: A video with larger frames is refused; later frames that are larger are left out.
        formats: FFmpeg's names of the formats that an untrusted file may have, whatever its ending; such a file cannot
            make the libraries open another. Empty allows all.

    Raises:
        SourceError: It cannot be opened or shows no moving picture.
        MissingDependencyError: PyAV is not installed.
    """

    def __init__(
        self, name: str | PathLike[str], *, max_pixels: int = MAX_PIXELS, formats: tuple[str, ...] = ()
    ) -> None:
        self._name, self._max_pixels, self._formats = fspath(name), max_pixels, formats
        self.warnings: list[str] = []
        self._container: InputContainer | None = self._open()
        with ExitStack() as undo:  # an error leaves no file open
            undo.callback(self._container.close)
            self.info = self._describe(self._container)
            undo.pop_all()

    @property
    def files(self) -> list[Path]:
        """The file; none for an address."""
        return [] if "://" in self._name else [Path(self._name)]

    def frames(self, sampling: Sampling = Sampling()) -> Iterator[VideoFrame]:  # noqa: B008 - frozen
        """The wanted frames in the order they are shown.

        Raises:
            SourceError: Not one frame can be read.
        """
        # The container of the constructor is used once; a second reading opens its own.
        container, self._container = self._container or self._open(), None
        last_index, last_s, wants = -1, 0.0, sampling.chooser()
        damage, times = Damage(), timestamps_of(container, video_stream(container, self._name))
        start_s = start_of(container)
        with container, ExitStack() as at_end:
            # Also when the caller stops before the end.
            at_end.callback(lambda: self.warnings.extend([*damage.notes(), *times.notes()]))
            stream = video_stream(container, self._name)
            stream.codec_context.options = {"max_pixels": str(self._max_pixels)}  # later frames may be larger
            shape = _PixelShape(stream, self._max_pixels)
            for index, frame in enumerate(decoded_frames(container, stream, damage)):
                stated_s = None if frame.pts is None else float(frame.pts * frame.time_base) - start_s
                time_s = times.place(stated_s)
                if wants(index, time_s):
                    image = converted(frame, shape.of(frame), damage)  # (H, W, 3)
                    if image is None:
                        continue
                    yield VideoFrame(index, time_s, image, damaged=bool(frame.is_corrupt))
                last_index, last_s = index, time_s
        if last_index < 0:
            cause = f" ({self.warnings[0]})" if self.warnings else ""
            raise SourceError(f"{self._name}: not one frame could be read{cause}")
        if not times.restarts:  # otherwise the stated length rests on timestamps that were replaced
            self._check_end(last_s, start_s)

    def _check_end(self, last_s: float, start_s: float) -> None:
        """Warn of an end before the stated one.

        Some containers state the time of their end and some their length; for a clip that begins late either is right.
        """
        length_s = self.info.duration_s
        if length_s is None:
            return
        missing_s = length_s - max(last_s, last_s + start_s)
        if missing_s <= _MISSING_S + 1 / (self.info.fps or DEFAULT_RATE):
            return
        if self.info.has_sound and self._sound_reaches(length_s - _MISSING_S, start_s):
            return  # the container's length is that of its sound
        self.warnings.append(f"ends at {last_s:.1f} s, before its stated length of {length_s:.1f} s")

    def _sound_reaches(self, end_s: float, start_s: float) -> bool:
        """Whether the sound reaches the stated end, where the picture has already ended."""
        av = load_av()
        with suppress(SourceError, av.error.FFmpegError), open_container(self._name, self._formats) as container:
            for packet in container.demux(container.streams.audio[0]):
                ends_at = None if packet.pts is None else packet.pts + (packet.duration or 0)
                at_s = None if ends_at is None else float(ends_at * packet.time_base)
                if at_s is not None and max(at_s, at_s - start_s) >= end_s:
                    return True
        return False

    def _open(self) -> "InputContainer":
        load_av()  # an absent extra is reported before an absent file
        if "://" not in self._name and not Path(self._name).is_file():
            what = "is a folder" if Path(self._name).is_dir() else "no such file"
            raise SourceError(f"{self._name}: {what}, expected a video")
        return open_container(self._name, self._formats)

    def _describe(self, container: "InputContainer") -> VideoInfo:
        stream = video_stream(container, self._name)
        width, height = square_size(stream.width, stream.height, pixel_shape_of(stream.sample_aspect_ratio))
        if width * height > self._max_pixels:
            raise SourceError(f"{self._name}: {width} × {height} pixels, expected at most {self._max_pixels:,}")
        length = container.duration
        if stream.duration and stream.time_base:  # the stream's own, as the container's is that of the longest stream
            length_s: float | None = float(stream.duration * stream.time_base)
        else:
            length_s = length / 1e6 if length else None
        fps = float(stream.average_rate) if stream.average_rate else None
        live = "://" in self._name and length is None
        stated_s = length_s if length_s is not None and length_s > 0 else None
        return VideoInfo(self._name, fps, stated_s, bool(container.streams.audio), live, self._formats)


class _PixelShape:
    """The aspect ratio of a stream's pixels, which may change where recordings are joined.

    The container's value holds until the decoder's differs from its first one. A frame that stretching would make too
    large is not stretched.
    """

    def __init__(self, stream: "VideoStream", max_pixels: int) -> None:
        self._context, self._max_pixels = stream.codec_context, max_pixels
        self._stated, self._first = stream.sample_aspect_ratio, stream.codec_context.sample_aspect_ratio

    def of(self, frame: Any) -> Fraction:
        """Width / height of a pixel of the frame that was decoded last."""
        current = self._context.sample_aspect_ratio
        shape = pixel_shape_of(self._stated if not current or current == self._first else current)
        width, height = square_size(frame.width, frame.height, shape)
        return shape if width * height <= self._max_pixels else Fraction(1)


def timestamps_of(container: Any, stream: Any) -> Timestamps:
    """The converter of the timestamps of a video's frames into times."""
    step_s = min(1 / float(stream.average_rate or DEFAULT_RATE), _LONGEST_STEP_S)
    return Timestamps(step_s=step_s, may_splice=may_splice(container))


def start_of(container: Any) -> float:
    """Start of a container in seconds on the clock of its timestamps."""
    return float(container.start_time or 0) / 1e6


def may_splice(container: Any) -> bool:
    """Whether the container's format joins recordings whose timestamps do not fit each other."""
    return bool(int(container.format.flags) & _MAY_SPLICE)
