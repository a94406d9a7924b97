"""What decides the rows of a batch job, and what only decides how fast they come. It does not read anything."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from mien.detection.registry import DEFAULT_DETECTOR
from mien.errors import ConfigError

Engine = Literal["local", "ray"]

#: Settings that change no row; a job may be resumed with others.
_FREE = {"workers", "time_s", "video_time_s", "memory_mb"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSettings:
    """How a batch job reads its input.

    Attributes:
        model: A name that ``mien models`` lists, or the path of an exported file.
        detector: Name of the face detector.
        min_confidence: Faces whose named expression is less probable get none, in [0, 1].
        fps: Frames of a video that are read in a second.
        column: Column of a Parquet or CSV input that holds paths or encoded pictures; None takes the first of
            ``image``, ``bytes``, ``path``, ``file_name`` and ``url`` that is there.
        part_size: Pictures of one part file. Faces of a part share the network's batches.
        max_bytes: Larger pictures are not read.
        allow_urls: Fetch pictures at ``https://`` addresses that the input names, from public addresses alone.
        crops: Keep each face as it was cropped, as WebP, in a table beside each part.
        thumbnails: Keep each picture, 256 pixels wide at most, in a table beside each part.
        workers: Processes that decode and find faces; 0 is one for each core.
        time_s: A picture that takes longer is given up, and so is a video after ``video_time_s``.
        video_time_s: See ``time_s``.
        memory_mb: Memory that a worker may take for one picture, beyond what it has when it starts.

    Raises:
        ConfigError: A setting is out of its range.
    """

    model: str = "default"
    detector: str = DEFAULT_DETECTOR
    min_confidence: float = 0.0
    fps: float = 1.0
    column: str | None = None
    part_size: int = 256
    max_bytes: int = 1 << 28
    allow_urls: bool = False
    crops: bool = False
    thumbnails: bool = False
    workers: int = 0
    time_s: float = 30.0
    video_time_s: float = 3600.0
    memory_mb: int = 2048

    def __post_init__(self) -> None:
        if not 0 <= self.min_confidence <= 1:
            raise ConfigError(f"min_confidence is {self.min_confidence}, expected a probability in [0, 1]")
        for name in ("fps", "part_size", "max_bytes", "time_s", "video_time_s", "memory_mb"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected more than 0")
        if self.workers < 0:
            raise ConfigError(f"workers is {self.workers}, expected 0 (one for each core) or more")

    def deciding(self) -> dict[str, Any]:
        """The settings that decide rows: what a resumed job must share with its beginning."""
        return {name: value for name, value in asdict(self).items() if name not in _FREE}
