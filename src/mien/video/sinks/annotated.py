"""The annotated video: H.264 in MP4 that browsers play, at the original times and with the original sound."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from mien.errors import ConfigError, StorageError
from mien.expressions import LabelSet
from mien.geometry import ByteArray
from mien.runtime.files import atomic_file
from mien.video.drawing import FrameRenderer
from mien.video.results import FrameResult
from mien.video.sinks.base import Ending
from mien.video.sinks.sound import SoundTrack
from mien.video.sources.base import VideoInfo
from mien.video.sources.decoding import load_av, open_container, reason
from mien.video.sources.sampling import DEFAULT_RATE

#: Ticks per second of the written timestamps, the clock of MPEG (ISO/IEC 13818-1).
_TICKS = 90_000
#: Bounds of the rate that the encoder plans with; frames keep their own times.
_RATES = (0.01, 1000)
#: In order of preference. The last is whatever this build of FFmpeg has under the codec's own name.
_ENCODERS = ("libx264", "libopenh264", "h264")
_SOFTWARE_OPTIONS = {"libx264": {"preset": "veryfast", "crf": "21"}}


class _Discarded(Exception):  # noqa: N818 - not an error: it makes atomic_file leave no file
    """Ends the writing of a file that is not wanted."""


class AnnotatedVideo:
    """A sink: an MP4 file that is written frame by frame and appears under its name when it is complete.

    Args:
        path: Ending in ``.mp4``.
        warnings: Gets a sentence for each loss of sound; None drops them.

    Raises:
        ConfigError: The name does not end in ``.mp4``.
        MissingDependencyError: PyAV is not installed.
        StorageError: There is no encoder.
    """

    name = "write annotated"

    def __init__(self, path: Path, warnings: list[str] | None = None) -> None:
        self._encoder = h264_encoder(path)
        self._av = load_av()
        self._path, self._warnings = path, [] if warnings is None else warnings
        self._renderer = FrameRenderer()
        self._stream: Any = None
        self._sound: SoundTrack | None = None
        self._last_tick = -1

    def open(self, video: VideoInfo, labels: LabelSet) -> None:  # noqa: ARG002 - of the protocol
        """Create the file under a temporary name.

        Raises:
            StorageError: It cannot be written.
        """
        self._info = video  # its rate, and its sound if it has one
        # The stack is entered here and left in close; until it is complete, an error undoes what was entered.
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_file(self._path))
            temporary.touch()
            options = {"movflags": "+faststart"}  # the index first, so that a browser plays while it loads
            self._output = stack.enter_context(self._av.open(str(temporary), "w", format="mp4", options=options))
            self._stack = stack.pop_all()

    def write(self, result: FrameResult) -> None:
        """Append a frame with its faces rendered.

        Raises:
            StorageError: It is larger than H.264 takes, or cannot be written.
        """
        rendered = self._renderer.render(result.image, [face.mark() for face in result.faces])
        self.add(np.asarray(rendered), result.timestamp_s)

    def add(self, image: ByteArray, time_s: float) -> None:
        """Append a frame, RGB uint8 (H, W, 3), that is shown at ``time_s``; times increase from call to call.

        Raises:
            StorageError: It is larger than H.264 takes, or cannot be written.
        """
        height, width = image.shape[:2]
        with self._as_storage_error(f" with frames of {width} × {height} pixels"):
            self._append(image, time_s)

    def close(self, ending: Ending) -> None:
        """Complete the file; if the run was stopped, picture and sound end with the last frame.

        Raises:
            StorageError: It cannot be written, or the whole source has given no frame.
        """
        is_empty = ending is Ending.STOPPED and self._stream is None
        if ending is Ending.FAILED or is_empty:
            # The exception travels through atomic_file, which removes the temporary file.
            with suppress(_Discarded, self._av.error.FFmpegError):
                self._stack.__exit__(_Discarded, _Discarded(), None)
            return
        with self._as_storage_error(), self._stack:
            self._finish(is_stopped=ending is Ending.STOPPED)

    def _append(self, image: ByteArray, time_s: float) -> None:
        if self._stream is None:
            self._start(image)
        frame = self._av.VideoFrame.from_ndarray(image, format="rgb24")
        # A stream has one size; frames of another, as behind a splice, are scaled to it.
        if (frame.width, frame.height) != (self._stream.width, self._stream.height):
            frame = frame.reformat(self._stream.width, self._stream.height)
        tick = max(round(time_s * _TICKS), self._last_tick + 1)  # MP4 wants strictly increasing times
        frame.pts, frame.time_base, self._last_tick = tick, Fraction(1, _TICKS), tick
        self._output.mux(self._stream.encode(frame))
        if self._sound is not None:
            self._sound.copy_until(time_s)

    def _start(self, image: ByteArray) -> None:
        """Add the stream, in the size of the first frame, made even as H.264 with 4:2:0 color needs it."""
        rate = Fraction(min(max(self._info.fps or DEFAULT_RATE, _RATES[0]), _RATES[1])).limit_denominator(1001)
        self._stream = self._output.add_stream(self._encoder, rate=rate)
        self._stream.height, self._stream.width = (max(2, side // 2 * 2) for side in image.shape[:2])
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = _SOFTWARE_OPTIONS.get(self._encoder, {})
        self._stream.codec_context.time_base = Fraction(1, _TICKS)
        if self._info.has_sound and not self._info.live:
            self._sound = self._opened_sound()

    def _opened_sound(self) -> SoundTrack | None:
        container = self._stack.enter_context(open_container(self._info.name, self._info.formats))
        source = container.streams.audio[0]
        if source.codec_context is None:
            self._warnings.append("the sound is left out, its codec is not known")
            return None
        return SoundTrack(self._av, source, self._output, self._warnings)

    def _finish(self, *, is_stopped: bool) -> None:
        if self._stream is None:
            raise StorageError(f"cannot write {self._path}: no frame was read")
        self._output.mux(self._stream.encode())  # flush: the encoder still holds frames
        if self._sound is not None:
            end_s = self._last_tick / _TICKS + 1 / (self._info.fps or DEFAULT_RATE)
            self._sound.finish(end_s if is_stopped else inf)

    @contextmanager
    def _as_storage_error(self, what: str = "") -> Iterator[None]:
        try:
            yield
        except self._av.error.FFmpegError as err:
            raise StorageError(f"cannot write {self._path}{what}: {reason(err)}") from err


def h264_encoder(path: Path) -> str:
    """The name of the encoder that would write an annotated video to ``path``.

    Raises:
        ConfigError: The name does not end in ``.mp4``.
        MissingDependencyError: PyAV is not installed.
        StorageError: There is no encoder.
    """
    if path.suffix.lower() != ".mp4":
        raise ConfigError(f"{path}: annotated videos are MP4, expected a name that ends in .mp4")
    av = load_av()
    for name in _ENCODERS:
        try:
            av.codec.Codec(name, "w")
        except (av.error.FFmpegError, ValueError):
            continue
        return name
    raise StorageError("this build of PyAV has no H.264 encoder", hint="pip install 'mien[video]' brings one")
