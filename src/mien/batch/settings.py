"""What decides the rows of a batch job, and what only decides how fast they come.

Reading options are those of :func:`mien.load` under the same names.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from mien.base_rates import Prior
from mien.decision import Decision
from mien.detection.registry import DEFAULT_DETECTOR
from mien.detection.settings import SearchMode
from mien.errors import ConfigError
from mien.imaging import MAX_PIXELS
from mien.metadata import PERCEIVED, LabelConvention
from mien.recognition.pipeline import ExpressionPipeline, load
from mien.runtime.devices import Device

Engine = Literal["local", "ray"]

#: Settings that change no row; a job may be resumed with others.
_FREE = {"workers", "gpu_share", "time_s", "video_time_s", "memory_mb"}
#: Of these the manifest holds what they stand for: rates, and hashes of files.
_RESOLVED = {"prior", "detector_file"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSettings:
    """How a batch job reads its input.

    Attributes:
        model: A name that ``mien models`` lists, or the path of an exported file.
        detector: Name of the face detector.
        detector_file: The ONNX file of ``yunet``.
        search, min_face, max_faces, min_detector_score: Which faces are looked for and kept, see :func:`mien.load`.
        labels, prior, decision: How the network's answers are read, see :func:`mien.load`.
        device: Of both networks, see :func:`mien.load`.
        max_pixels: Pictures with more pixels are refused before they are decoded.
        min_confidence: Faces whose named expression is less probable get none, in [0, 1].
        fps: Frames of a video that are read in a second.
        column: Column of a Parquet or CSV input that holds paths or encoded pictures; None takes the first of
            ``image``, ``bytes``, ``path``, ``file_name`` and ``url`` that is there.
        part_size: Pictures of one part file. Faces of a part share the network's batches.
        max_bytes: Larger pictures are not read.
        allow_urls: Fetch pictures at ``https://`` addresses that the input names, from public addresses alone.
        crops: Keep each face as it was cropped, as WebP, in a table beside each part.
        thumbnails: Keep each picture, 256 pixels wide at most, in a table beside each part.
        details: Add columns of roll, key points and quality of each face of a picture.
        workers: Processes that decode and find faces; 0 is one for each core.
        gpu_share: Of the engine ``ray`` with the device ``cuda``: the part of a graphics card that a worker takes.
        time_s: A picture that takes longer is given up, and so is a video after ``video_time_s``.
        video_time_s: See ``time_s``.
        memory_mb: Memory that a worker may take for one picture, beyond what it has when it starts. On a graphics card
            there is no such limit, since its driver reserves addresses without end.

    Raises:
        ConfigError: A setting is out of its range.
    """

    model: str = "default"
    detector: str = DEFAULT_DETECTOR
    detector_file: Path | None = None
    search: SearchMode = "default"
    min_face: float | None = None
    max_faces: int | None = None
    min_detector_score: float | None = None
    labels: LabelConvention = PERCEIVED
    prior: Prior | None = None
    decision: Decision = "rule"
    device: Device = "auto"
    max_pixels: int = MAX_PIXELS
    min_confidence: float = 0.0
    fps: float = 1.0
    column: str | None = None
    part_size: int = 256
    max_bytes: int = 1 << 28
    allow_urls: bool = False
    crops: bool = False
    thumbnails: bool = False
    details: bool = False
    workers: int = 0
    gpu_share: float = 0.25
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
        if not 0 < self.gpu_share <= 1:
            raise ConfigError(f"gpu_share is {self.gpu_share}, expected a part of a card above 0 and up to 1")

    def load(self, *, device: Device | None = None) -> ExpressionPipeline:
        """A pipeline with these settings and one thread: workers are what fills the cores.

        Args:
            device: Another one than the settings name.

        Raises:
            MienError: As :func:`mien.load`.
        """
        return load(
            self.model,
            self.detector,
            detector_file=self.detector_file,
            search=self.search,
            min_face=self.min_face,
            max_faces=self.max_faces,
            min_detector_score=self.min_detector_score,
            threads=1,
            min_confidence=self.min_confidence,
            labels=self.labels,
            prior=self.prior,
            decision=self.decision,
            max_pixels=self.max_pixels,
            device=device or self.device,
        )

    def deciding(self) -> dict[str, Any]:
        """The settings that decide rows: what a resumed job must share with its beginning."""
        names = [field.name for field in fields(self) if field.name not in _FREE | _RESOLVED]
        return {name: getattr(self, name) for name in names}
