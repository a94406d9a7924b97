"""What a worker process does: find the faces of an entry and crop them, read a whole video, run the network on crops.

    bytes → picture → detector → boxes → crops (N, 48, 48)        crops of a whole part → network → probabilities

A picture never leaves its worker; what comes back is small. The network runs on crops of many pictures, in batches that
are the same whichever worker takes them.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
from PIL import Image

from mien.batch.payloads import Task
from mien.batch.settings import BatchSettings
from mien.detection.base import FaceDetection
from mien.errors import LimitError
from mien.geometry import ByteArray, FloatArray
from mien.imaging import load_image
from mien.recognition.pipeline import ExpressionPipeline
from mien.recognition.quality import FaceQuality, measure_quality
from mien.recognition.results import FaceExpression

#: Long side of a thumbnail in pixels, and WebP's quality of thumbnails and crops.
_THUMBNAIL, _QUALITY = 256, 85


@dataclass(frozen=True, slots=True)
class FrameFaces:
    """The faces of one frame of a video, with what its analyzer says of them: tracked and smoothed."""

    index: int
    timestamp_s: float
    faces: tuple[FaceExpression, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a worker found in one entry.

    Attributes:
        size: (width, height) in pixels, upright.
        faces: From left to right; empty for a video.
        crops: float32 (faces, side, side) in [0, 1], what the network reads.
        qualities: Of each face, where details are wanted.
        crop_files: The same faces in WebP, where they are kept.
        thumbnail: The picture in WebP, where it is kept.
        frames: Of a video, without their pictures.
    """

    size: tuple[int, int]
    faces: tuple[FaceDetection, ...] = ()
    crops: FloatArray = field(default_factory=lambda: np.empty((0, 0, 0), np.float32))
    qualities: tuple[FaceQuality, ...] = ()
    crop_files: tuple[bytes, ...] = ()
    thumbnail: bytes | None = None
    frames: tuple[FrameFaces, ...] = ()


@dataclass(frozen=True, slots=True)
class PartWork:
    """The steps of a part as ``settings`` say; the networks are loaded once in each process."""

    settings: BatchSettings

    def __call__(self, item: Task | FloatArray) -> Found | FloatArray:
        """What is in the entry of a task; of crops, float32 (N, side, side), the probabilities, (N, labels).

        Raises:
            MienError: An entry cannot be read.
        """
        if isinstance(item, Task):
            return self._found(item)
        return _pipeline(self.settings).recognizer.predict_proba(item)

    def __reduce__(self) -> tuple[Callable[[BatchSettings], "PartWork"], tuple[BatchSettings]]:
        return _begin, (self.settings,)  # a worker unpickles it when it starts

    def _found(self, task: Task) -> Found:
        if task.error is not None:
            raise task.error
        pipeline = _pipeline(self.settings)
        if task.entry.kind == "video":
            return _video(task, pipeline, self.settings.fps)
        return self._picture(task, pipeline)

    def _picture(self, task: Task, pipeline: ExpressionPipeline) -> Found:
        if task.payload is None:
            path = Path(task.entry.container)
            if (length := _length_of(path)) > self.settings.max_bytes:
                raise LimitError(f"it has {length:,} bytes, at most {self.settings.max_bytes:,} are allowed")
            image = load_image(path, max_pixels=self.settings.max_pixels)
        else:
            stream = io.BytesIO(task.payload)
            stream.name = task.entry.name  # errors call it so
            image = load_image(stream, max_pixels=self.settings.max_pixels)  # RGB uint8 (H, W, 3), upright
        faces = tuple(pipeline.detector.detect(image))
        side = pipeline.recognizer.metadata.input.size
        crops = np.array([pipeline.crop(image, face) for face in faces], np.float32).reshape(-1, side, side)
        size = (image.shape[1], image.shape[0])
        pairs = zip(faces, crops, strict=True) if self.settings.details else ()
        return Found(
            size,
            faces,
            crops,
            tuple(measure_quality(face, crop, size) for face, crop in pairs),
            tuple(map(_gray_webp, crops)) if self.settings.crops else (),
            _thumbnail(image) if self.settings.thumbnails else None,
        )


def _length_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # reading it raises the error


def _video(task: Task, pipeline: ExpressionPipeline, fps: float) -> Found:
    from mien.video.run import analyze_video  # noqa: PLC0415 - needs an extra
    from mien.video.settings import VideoSettings  # noqa: PLC0415

    frames, size = [], (0, 0)
    with _as_file(task) as path:
        for result in analyze_video(path, pipeline=pipeline, settings=VideoSettings(fps=fps)):
            size = (result.image.shape[1], result.image.shape[0])  # the picture itself is not kept
            frames.append(FrameFaces(result.index, result.timestamp_s, result.faces))
    return Found(size, frames=tuple(frames))


@contextmanager
def _as_file(task: Task) -> Iterator[str]:
    """The path of a video; one from an archive or an address is written to a file that lasts for the block."""
    if task.payload is None:
        yield task.entry.container
        return
    with NamedTemporaryFile(prefix="mien-", suffix=Path(task.entry.container + task.entry.member).suffix) as file:
        file.write(task.payload)
        file.flush()
        yield file.name


def _begin(settings: BatchSettings) -> PartWork:
    """In a worker: load the networks before the time and the memory of the first picture are counted."""
    _pipeline(settings)
    return PartWork(settings)


@cache  # settings are frozen; a worker has those of one job
def _pipeline(settings: BatchSettings) -> ExpressionPipeline:
    return settings.load()


def _gray_webp(crop: FloatArray) -> bytes:
    return _webp(Image.fromarray(np.rint(crop * 255).astype(np.uint8)))


def _thumbnail(image: ByteArray) -> bytes:
    picture = Image.fromarray(image)
    picture.thumbnail((_THUMBNAIL, _THUMBNAIL))
    return _webp(picture)


def _webp(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=_QUALITY)
    return out.getvalue()
