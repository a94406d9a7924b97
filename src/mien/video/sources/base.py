"""What a source of frames is: one protocol for files, streams, image sequences and cameras.

It does not know containers, decoders or faces.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mien.geometry import ByteArray
from mien.video.sources.sampling import Sampling

#: Frames a second that an image sequence may have or that may be asked for.
MIN_RATE, MAX_RATE = 1e-6, 1e6


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One frame.

    Attributes:
        index: From 0, counting also frames that are left out.
        timestamp_s: When it is shown, from the start of the source.
        image: RGB uint8 (H, W, 3), upright.
        captured_s: Of a live source, when it was taken, on :func:`time.monotonic`'s clock.
        damaged: Whether the decoder marks it as damaged.
    """

    index: int
    timestamp_s: float
    image: ByteArray = field(repr=False)
    captured_s: float | None = None
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a source says of itself before a frame is read.

    Attributes:
        name: Path, address or device as given.
        fps: Mean frame rate, None if unknown.
        duration_s: As the source states it; None if unknown or endless.
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

    warnings: list[str]

    @property
    def info(self) -> VideoInfo:
        """What is known before reading."""

    def frames(self, sampling: Sampling = ...) -> Iterator[VideoFrame]:
        """The wanted frames; what could not be read is told in ``warnings``, in order."""


def files_of(video: VideoSource) -> list[Path]:
    """The files that a source reads; none for a camera, an address, or pictures in memory."""
    return list(getattr(video, "files", ()))
