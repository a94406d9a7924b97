"""The annotated video: H.264 in MP4 that browsers play, at the original times and with the original sound.

It does not know what is drawn on the frames.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mien.errors import ConfigError, StorageError
from mien.geometry import ByteArray
from mien.storage import atomic_file
from mien.video.sources import VideoInfo, load_av, open_container

#: Ticks of the written times a second, as broadcast uses.
_TICKS = 90_000
#: What is told to the encoder as the rate lies between these; the times are the frames' own.
_RATES = (0.01, 1000)
#: Sound that MP4 may hold and browsers play is copied; other sound is encoded again as AAC.
_COPIED_SOUND = frozenset({"aac", "mp3", "opus"})
_AAC_RATES = frozenset({16_000, 22_050, 24_000, 32_000, 44_100, 48_000})
_ENCODERS = ("libx264", "libopenh264", "h264")
_SOFTWARE_OPTIONS = {"libx264": {"preset": "veryfast", "crf": "21"}}


class AnnotatedVideo:
    """An MP4 file that is written frame by frame and appears under its name when it is whole.

    Args:
        path: Ending in ``.mp4``.
        info: Of the source: its rate, and its sound if it has one.

    Raises:
        ConfigError: The ending is another.
        MissingDependencyError: PyAV is not installed.
        StorageError: There is no encoder, or the file cannot be written.
    """

    def __init__(self, path: Path, info: VideoInfo) -> None:
        if path.suffix.lower() != ".mp4":
            raise ConfigError(f"{path}: annotated videos are MP4, expected a name that ends in .mp4")
        self._av = load_av()
        self._path, self._info = path, info
        self._encoder = _first_encoder(self._av)
        self._stream: Any = None
        self._sound: _Sound | None = None
        self._last_tick = -1

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_file(self._path))
            temporary.touch()
            options = {"movflags": "+faststart"}
            self._output = stack.enter_context(self._av.open(str(temporary), "w", format="mp4", options=options))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._stack.__exit__(kind, err, trace)
            return
        with self._told_as_storage_error(), self._stack:
            self._finish()

    def write(self, image: ByteArray, time_s: float) -> None:
        """Append a frame, RGB uint8 (H, W, 3), that is shown at ``time_s``; later frames come later.

        Raises:
            StorageError: It is larger than H.264 takes, or cannot be written.
        """
        height, width = image.shape[:2]
        with self._told_as_storage_error(f" with frames of {width} × {height} pixels"):
            self._append(image, time_s)

    def _append(self, image: ByteArray, time_s: float) -> None:
        if self._stream is None:
            self._start(image)
        frame = self._av.VideoFrame.from_ndarray(image, format="rgb24")
        if (frame.width, frame.height) != (self._stream.width, self._stream.height):
            frame = frame.reformat(self._stream.width, self._stream.height)
        tick = max(round(time_s * _TICKS), self._last_tick + 1)
        frame.pts, frame.time_base, self._last_tick = tick, Fraction(1, _TICKS), tick
        self._output.mux(self._stream.encode(frame))
        if self._sound is not None:
            self._sound.copy_until(time_s)

    def _start(self, image: ByteArray) -> None:
        """Begin with the size of the first frame, made even as H.264 wants it."""
        rate = Fraction(min(max(self._info.fps or 25, _RATES[0]), _RATES[1])).limit_denominator(1001)
        self._stream = self._output.add_stream(self._encoder, rate=rate)
        self._stream.height, self._stream.width = (max(2, side // 2 * 2) for side in image.shape[:2])
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = _SOFTWARE_OPTIONS.get(self._encoder, {})
        self._stream.codec_context.time_base = Fraction(1, _TICKS)
        if self._info.has_sound and not self._info.live:
            self._sound = _Sound(self._av, self._info, self._output)

    def _finish(self) -> None:
        if self._stream is None:
            raise StorageError(f"cannot write {self._path}: no frame was read")
        self._output.mux(self._stream.encode())
        if self._sound is not None:
            self._sound.finish()

    @contextmanager
    def _told_as_storage_error(self, what: str = "") -> Iterator[None]:
        try:
            yield
        except self._av.error.FFmpegError as err:
            raise StorageError(f"cannot write {self._path}{what}: {err.strerror or err}") from err


class _Sound:
    """The first sound track of a source, copied beside the frames without being held in memory."""

    def __init__(self, av: Any, info: VideoInfo, output: Any) -> None:
        self._av, self._output = av, output
        self._input = open_container(info.name, info.formats)
        source = self._input.streams.audio[0]
        self._start_s = (self._input.start_time or 0) / 1e6
        self._copied = source.codec_context.name in _COPIED_SOUND
        if self._copied:
            self._stream = output.add_stream_from_template(source)
        else:
            rate = source.codec_context.sample_rate
            layout = "mono" if source.codec_context.channels == 1 else "stereo"
            self._stream = output.add_stream("aac", rate=rate if rate in _AAC_RATES else 48_000, layout=layout)
            self._resampler = av.AudioResampler(self._stream.format, layout, self._stream.rate)
        self._packets: Iterator[Any] | None = self._input.demux(source)
        self._reached_s = 0.0

    def copy_until(self, time_s: float) -> None:
        """Write the sound up to a time; what is damaged is left out."""
        while self._packets is not None and self._reached_s <= time_s:
            try:
                packet = next(self._packets, None)
                if packet is None:
                    self._end()
                elif packet.dts is not None:
                    self._reached_s = float(packet.dts * packet.time_base) - self._start_s
                    self._copy(packet)
            except self._av.error.InvalidDataError:
                continue
            except self._av.error.FFmpegError:
                self._end()

    def finish(self) -> None:
        """Write what is left."""
        self.copy_until(float("inf"))

    def _copy(self, packet: Any) -> None:
        if self._copied:
            shift = round(self._start_s / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = self._stream
            self._output.mux(packet)
            return
        for frame in packet.decode():
            frame.pts -= round(self._start_s / frame.time_base)
            self._encode(frame)

    def _encode(self, frame: Any) -> None:
        """Write a decoded frame, or with None what the resampler still holds."""
        for part in self._resampler.resample(frame):
            self._output.mux(self._stream.encode(part))

    def _end(self) -> None:
        self._packets = None
        if not self._copied:
            self._encode(None)
            self._output.mux(self._stream.encode())
        self._input.close()


def _first_encoder(av: Any) -> str:
    for name in _ENCODERS:
        try:
            av.codec.Codec(name, "w")
        except (av.error.FFmpegError, ValueError):
            continue
        return name
    raise StorageError("this build of PyAV has no H.264 encoder", hint="pip install 'mien[video]' brings one")
