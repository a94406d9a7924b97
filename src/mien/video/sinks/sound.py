"""The sound of an annotated video: the source's first sound track, written between the frames as time passes.

packets → times → copied as they are
                └ or decoded → resampled → AAC
"""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from math import inf
from typing import Any

from mien.render.text import counted
from mien.video.sources.decoding import reason
from mien.video.sources.files import may_splice, start_of
from mien.video.sources.timing import Timestamps

#: Codecs that MP4 may hold and browsers play, with the lowest sample rate from which they are copied; other sound is
#: encoded as AAC.
_COPIED_SOUND = {"aac": 1, "mp3": 16_000, "opus": 1}
#: Sample rates at which sound is encoded as it is; any other is resampled to 48 kHz.
_AAC_RATES = frozenset({16_000, 22_050, 24_000, 32_000, 44_100, 48_000})
#: Encoders prepend silence that lies before zero, so sound may begin a little earlier than its container.
_EARLIEST_S = -1.0


class SoundTrack:
    """Moves the sound from a source into an output.

    Packets that the libraries refuse are left out; ``warnings`` gets their number, and an early end.

    Args:
        av: PyAV.
        source: The sound stream; its container is not read elsewhere.
        output: The container that is written, before its first packet.
        warnings: Gets a sentence for each loss.
    """

    def __init__(self, av: Any, source: Any, output: Any, warnings: list[str]) -> None:
        self._av, self._output, self._warnings = av, output, warnings
        self._start_s = start_of(source.container)
        context = source.codec_context
        self._copied = context.sample_rate >= _COPIED_SOUND.get(context.codec.canonical_name, inf)
        if self._copied:
            self._stream = output.add_stream_from_template(source)
        else:
            rate = context.sample_rate if context.sample_rate in _AAC_RATES else 48_000
            self._stream = output.add_stream("aac", rate=rate, layout="mono" if context.channels == 1 else "stereo")
        self._packets: Iterator[Any] | None = source.container.demux(source)
        packet_s = 1024 / (context.sample_rate or 48_000)
        self._times = Timestamps(step_s=packet_s, may_splice=may_splice(source.container), earliest_s=_EARLIEST_S)
        self._kind: tuple[Any, ...] = ()  # sample format, layout and rate that the resampler is set to
        self._resampler = self._new_resampler()
        self._reached_s = 0.0  # time of the last packet
        self._next_s = 0.0  # end of the last decoded frame
        self._left_out = 0

    def copy_until(self, time_s: float) -> None:
        """Write the sound up to a time."""
        while self._packets is not None and self._reached_s <= time_s:
            try:
                packet = next(self._packets, None)
            except self._av.error.FFmpegError as err:
                packet = None
                self._warnings.append(f"the sound ends at {self._reached_s:.1f} s: {reason(err)}")
            if packet is None:
                self._packets = None
            elif packet.dts is not None:  # the demuxer's last packet is empty
                # Spliced recordings begin their times again; the sound continues as the picture does.
                stated_s = float(packet.dts * packet.time_base)
                self._reached_s = self._times.place(stated_s - self._start_s)
                with self._counted():
                    self._write(packet, shift_s=self._reached_s - stated_s)

    def finish(self, until_s: float) -> None:
        """Write the rest of the sound up to a time."""
        self.copy_until(until_s)
        if not self._copied:  # flush the resampler, then the encoder
            with self._counted():
                self._encode(None)
                self._output.mux(self._stream.encode())
        if self._left_out:
            self._warnings.append(f"{counted(self._left_out, 'packet')} of the sound left out")

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Count a packet that the libraries refuse, in place of ending the video for it."""
        try:
            yield
        except self._av.error.FFmpegError:
            self._left_out += 1

    def _write(self, packet: Any, *, shift_s: float) -> None:
        if self._copied:
            shift = round(shift_s / packet.time_base)  # in ticks
            shown = packet.dts if packet.pts is None else packet.pts
            packet.pts, packet.dts = shown + shift, packet.dts + shift
            packet.stream = self._stream
            self._output.mux(packet)
            return
        for frame in packet.decode():
            kind = frame.format.name, frame.layout.name, frame.sample_rate
            if kind != self._kind:  # as where a broadcast goes from mono to stereo
                self._encode(None)
                self._kind, self._resampler = kind, self._new_resampler()
            self._encode(self._retimed(frame, shift_s))

    def _retimed(self, frame: Any, shift_s: float) -> Any:
        """The frame with its time in samples, as encoders count them, not before the end of the last frame."""
        at_s = self._reached_s if frame.pts is None else float(frame.pts * frame.time_base) + shift_s
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
