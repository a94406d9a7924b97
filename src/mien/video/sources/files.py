"""Video files and streams through PyAV, with their true times, upright.

It does not know faces. Image sequences and cameras have files of their own and the same interface.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.errors import SourceError
from mien.imaging import MAX_PIXELS
from mien.video.clock import StageClock
from mien.video.sources.base import VideoFrame, VideoInfo
from mien.video.sources.decoding import decoded_frames, load_av, open_container, stage, to_rgb, video_stream
from mien.video.sources.sampling import DEFAULT_RATE, Sampling

if TYPE_CHECKING:
    from av.container import InputContainer

#: A file that ends by more than this before its own word is cut.
_MISSING_S = 0.5


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
        self.warnings: list[str] = []
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
                    with stage(clock, "convert"):
                        image = to_rgb(frame)
                    yield VideoFrame(index, time_s, image)
                last_index, last_s = index, time_s
        self._check_end(last_index, last_s)

    def _decoded(self, container: Any, stream: Any, clock: StageClock | None) -> Iterator[tuple[Any, float]]:
        """Frames with their times, which never go back."""
        start_s = (container.start_time or 0) / 1e6
        step_s = 1 / float(stream.average_rate or DEFAULT_RATE)
        previous_s = -step_s
        for frame in decoded_frames(container, stream, self.warnings, clock):
            at_s = previous_s + step_s if frame.pts is None else float(frame.pts * frame.time_base) - start_s
            previous_s = max(at_s, previous_s, 0.0)
            yield frame, previous_s

    def _check_end(self, last_index: int, last_s: float | None) -> None:
        if last_index < 0 or last_s is None:
            told = f" ({self.warnings[0]})" if self.warnings else ""
            raise SourceError(f"{self._name}: not one frame could be read{told}")
        length_s = self.info.duration_s
        if length_s is not None and length_s - last_s > _MISSING_S + 1 / (self.info.fps or DEFAULT_RATE):
            self.warnings.append(f"ends at {last_s:.1f} s although it says to be {length_s:.1f} s long")

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
