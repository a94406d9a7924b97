"""Sources of frames: one protocol for files, streams, image sequences and cameras."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mien.geometry import ByteArray
from mien.video.sources.sampling import Sampling

#: Bounds of frame rates, per second, of an image sequence and of what may be asked for.
MIN_RATE, MAX_RATE = 1e-6, 1e6


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One frame.

    Attributes:
        index: Its number from 0; frames that are left out count too.
        timestamp_s: Time at which it is shown, from the start of the source.
        image: RGB uint8 (H, W, 3), upright.
        captured_s: Time at which a live source captured it, on :func:`time.monotonic`'s clock.
        damaged: Whether the decoder marks it as damaged.
    """

    index: int
    timestamp_s: float
    image: ByteArray = field(repr=False)
    captured_s: float | None = None
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known of a source before a frame is read.

    Attributes:
        name: Path, address or device as given.
        fps: Mean frame rate, None if unknown.
        duration_s: Length as the source states it; None if unknown or endless.
        has_sound: Whether there is a sound track to keep.
        live: Whether frames come in real time and are lost if they are not taken.
        formats: The only formats that it may be read as; empty allows all.
    """

    name: str
    fps: float | None = None
    duration_s: float | None = None
    has_sound: bool = False
    live: bool = False
    formats: tuple[str, ...] = ()


class VideoSource(Protocol):
    """Anything that gives frames in order.

    Attributes:
        warnings: A sentence for each thing that could not be read, added while frames are read.
    """

    warnings: list[str]

    @property
    def info(self) -> VideoInfo:
        """Name, rate and length, before a frame is read."""

    def frames(self, sampling: Sampling = ...) -> Iterator[VideoFrame]:
        """The wanted frames in order; what cannot be read is added to ``warnings``."""


def files_of(video: VideoSource) -> list[Path]:
    """The files that a source reads; none for a camera, an address, or pictures in memory."""
    # Not part of the protocol, so that a user's own source needs no more than frames.
    return list(getattr(video, "files", ()))
