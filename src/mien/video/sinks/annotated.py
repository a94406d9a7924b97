"""The annotated video: H.264 in MP4 that browsers play, at the original times and with the original sound.

It does not know what is drawn on the frames.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from math import inf
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mien.errors import ConfigError, StorageError
from mien.geometry import ByteArray
from mien.render.text import counted
from mien.runtime.files import atomic_file
from mien.video.sources.base import VideoInfo
from mien.video.sources.decoding import load_av, open_container
from mien.video.sources.sampling import DEFAULT_RATE

#: Ticks of the written times a second, as broadcast uses.
_TICKS = 90_000
#: What is told to the encoder as the rate lies between these; the times are the frames' own.
_RATES = (0.01, 1000)
#: Sound that MP4 may hold and browsers play is copied from so many samples a second on; other is encoded again as AAC.
_COPIED_SOUND = {"aac": 1, "mp3": 16_000, "opus": 1}
_AAC_RATES = frozenset({16_000, 22_050, 24_000, 32_000, 44_100, 48_000})
_ENCODERS = ("libx264", "libopenh264", "h264")
_SOFTWARE_OPTIONS = {"libx264": {"preset": "veryfast", "crf": "21"}}


class AnnotatedVideo:
    """An MP4 file that is written frame by frame and appears under its name when it is whole.

    Args:
        path: Ending in ``.mp4``.
        info: Of the source: its rate, and its sound if it has one.
        warnings: Is told what of the sound is lost; None tells nobody.

    Raises:
        ConfigError: The ending is another.
        MissingDependencyError: PyAV is not installed.
        StorageError: There is no encoder, or the file cannot be written.
    """

    def __init__(self, path: Path, info: VideoInfo, warnings: list[str] | None = None) -> None:
        self._encoder = h264_encoder(path)
        self._av = load_av()
        self._path, self._info = path, info
        self._warnings = [] if warnings is None else warnings
        self._stream: Any = None
        self._sound: _Sound | None = None
        self._last_tick, self._is_stopped = -1, False

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
        elif self._is_stopped and self._stream is None:
            self._stack.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)  # there is nothing to keep
        else:
            with self._told_as_storage_error(), self._stack:
                self._finish()

    def stop(self) -> None:
        """The source goes on but no frame follows: its sound ends with the last one; without one no file is made."""
        self._is_stopped = True

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
        rate = Fraction(min(max(self._info.fps or DEFAULT_RATE, _RATES[0]), _RATES[1])).limit_denominator(1001)
        self._stream = self._output.add_stream(self._encoder, rate=rate)
        self._stream.height, self._stream.width = (max(2, side // 2 * 2) for side in image.shape[:2])
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = _SOFTWARE_OPTIONS.get(self._encoder, {})
        self._stream.codec_context.time_base = Fraction(1, _TICKS)
        if self._info.has_sound and not self._info.live:
            self._sound = self._opened_sound()

    def _opened_sound(self) -> "_Sound | None":
        container = self._stack.enter_context(open_container(self._info.name, self._info.formats))
        source = container.streams.audio[0]
        if source.codec_context is None:
            self._warnings.append("the sound is of an unknown kind, and left out")
            return None
        return _Sound(self._av, source, self._output, self._warnings)

    def _finish(self) -> None:
        if self._stream is None:
            raise StorageError(f"cannot write {self._path}: no frame was read")
        self._output.mux(self._stream.encode())
        if self._sound is not None:
            end_s = self._last_tick / _TICKS + 1 / (self._info.fps or DEFAULT_RATE)
            self._sound.finish(end_s if self._is_stopped else inf)

    @contextmanager
    def _told_as_storage_error(self, what: str = "") -> Iterator[None]:
        try:
            yield
        except self._av.error.FFmpegError as err:
            raise StorageError(f"cannot write {self._path}{what}: {err.strerror or err}") from err


class _Sound:
    """The first sound track of a source, copied beside the frames without being held in memory.

    Packets that the libraries refuse are left out; ``warnings`` is told of them, and of sound that ends early.
    """

    def __init__(self, av: Any, source: Any, output: Any, warnings: list[str]) -> None:
        self._av, self._output, self._warnings = av, output, warnings
        self._start_s = (source.container.start_time or 0) / 1e6
        context = source.codec_context
        self._copied = context.sample_rate >= _COPIED_SOUND.get(context.codec.canonical_name, inf)
        if self._copied:
            self._stream = output.add_stream_from_template(source)
        else:
            rate = context.sample_rate if context.sample_rate in _AAC_RATES else 48_000
            self._stream = output.add_stream("aac", rate=rate, layout="mono" if context.channels == 1 else "stereo")
        self._packets: Iterator[Any] | None = source.container.demux(source)
        self._kind: tuple[Any, ...] = ()
        self._resampler = self._new_resampler()
        self._reached_s, self._next_s, self._left_out = 0.0, 0.0, 0

    def copy_until(self, time_s: float) -> None:
        """Write the sound up to a time."""
        while self._packets is not None and self._reached_s <= time_s:
            try:
                packet = next(self._packets, None)
            except self._av.error.FFmpegError as err:
                packet = None
                self._warnings.append(f"the sound ends at {self._reached_s:.1f} s: {err.strerror or err}")
            if packet is None:
                self._packets = None
            elif packet.dts is not None:
                self._reached_s = float(packet.dts * packet.time_base) - self._start_s
                with self._counted():
                    self._write(packet)

    def finish(self, until_s: float) -> None:
        """Write what is left up to a time."""
        self.copy_until(until_s)
        if not self._copied:
            with self._counted():
                self._encode(None)
                self._output.mux(self._stream.encode())
        if self._left_out:
            self._warnings.append(f"{counted(self._left_out, 'packet')} of the sound left out")

    @contextmanager
    def _counted(self) -> Iterator[None]:
        try:
            yield
        except self._av.error.FFmpegError:
            self._left_out += 1

    def _write(self, packet: Any) -> None:
        if self._copied:
            shift = round(self._start_s / packet.time_base)
            shown = packet.dts if packet.pts is None else packet.pts
            packet.pts, packet.dts = shown - shift, packet.dts - shift
            packet.stream = self._stream
            self._output.mux(packet)
            return
        for frame in packet.decode():
            kind = frame.format.name, frame.layout.name, frame.sample_rate
            if kind != self._kind:  # as where a program of another kind begins
                self._encode(None)
                self._kind, self._resampler = kind, self._new_resampler()
            self._encode(self._retimed(frame))

    def _retimed(self, frame: Any) -> Any:
        """The frame at its time in samples, as encoders count them, and never before the end of the last one."""
        at_s = self._reached_s if frame.pts is None else float(frame.pts * frame.time_base) - self._start_s
        frame.pts = round(max(at_s, self._next_s) * frame.sample_rate)
        frame.time_base = Fraction(1, frame.sample_rate)
        self._next_s = (frame.pts + frame.samples) / frame.sample_rate
        return frame

    def _encode(self, frame: Any) -> None:
        """Write a decoded frame, or with None what the resampler still holds."""
        for part in self._resampler.resample(frame):
            self._output.mux(self._stream.encode(part))

    def _new_resampler(self) -> Any:
        return self._av.AudioResampler(self._stream.format, self._stream.layout, self._stream.rate)


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
