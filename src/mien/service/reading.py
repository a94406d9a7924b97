"""Pictures of clients, read by a pool of threads within the limits.

It does not know HTTP; what comes in is bytes and a name, what goes out is the library's result.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import PurePosixPath
from threading import Lock

from mien.detection.base import Detector, FaceDetection, FollowingDetector
from mien.detection.registry import build_detector
from mien.errors import BusyError, LimitError, MienError, OverdueError
from mien.geometry import ByteArray
from mien.imaging import load_image
from mien.recognition.pipeline import ExpressionPipeline
from mien.recognition.recognizer import model_path
from mien.recognition.results import FailedImage, ImageResult
from mien.runtime.memory import give_back_freed_memory
from mien.service.batching import BatchingRecognizer
from mien.service.metrics import Metrics
from mien.service.settings import ServiceSettings

#: What clients may send, by content; formats that Pillow hands to other programs or rarely reads are left out.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")

_LOG = logging.getLogger("mien.service")
_LONGEST_NAME = 200
#: Freed memory is given back after so many pictures.
_TRIM_EVERY = 200


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture as a client sent it: the name it gave, cleaned, and the bytes."""

    name: str
    content: bytes

    @classmethod
    def named(cls, name: str | None, content: bytes) -> "Upload":
        """With the last part of ``name``, printable and short; nothing is ever opened by it."""
        last = PurePosixPath((name or "").replace("\\", "/")).name
        clean = "".join(letter for letter in last if letter.isprintable())[:_LONGEST_NAME]
        return cls(clean or "picture", content)


class CappedDetector:
    """A detector that refuses pictures with too many faces before they reach the network."""

    def __init__(self, detector: Detector, max_faces: int) -> None:
        self._detector, self._max_faces = detector, max_faces

    @property
    def name(self) -> str:
        return self._detector.name

    @property
    def files(self) -> Mapping[str, str]:
        return self._detector.files

    def detect(self, image: ByteArray) -> tuple[FaceDetection, ...]:
        """Faces of an RGB uint8 picture (H, W, 3), from left to right.

        Raises:
            LimitError: There are too many.
        """
        return self._capped(self._detector.detect(image))

    def _capped(self, faces: tuple[FaceDetection, ...]) -> tuple[FaceDetection, ...]:
        if len(faces) > self._max_faces:
            raise LimitError(f"{len(faces)} faces, expected at most {self._max_faces}", hint="cut the picture in parts")
        return faces


class CappedFollower(CappedDetector):
    """The same around a detector that finds faces faster where it is told what to expect."""

    def __init__(self, detector: FollowingDetector, max_faces: int) -> None:
        super().__init__(detector, max_faces)
        self._follower = detector

    def detect_again(
        self, image: ByteArray, expected: Sequence[FaceDetection], *, closer: bool
    ) -> tuple[FaceDetection, ...]:
        """Faces of a picture much like the one before; ``closer`` looks for small new faces too.

        Raises:
            LimitError: There are too many.
        """
        return self._capped(self._follower.detect_again(image, expected, closer=closer))


def capped(detector: Detector, max_faces: int) -> Detector:
    """The detector with a limit of faces; one that follows faces goes on to."""
    if isinstance(detector, FollowingDetector):
        return CappedFollower(detector, max_faces)
    return CappedDetector(detector, max_faces)


class Reader:
    """Detector and network, loaded once, with a pool of threads that all requests share.

    Args:
        settings: Model, detector and limits.
        metrics: Where pictures and batches are counted.

    Raises:
        MienError: Model or detector cannot be loaded.
    """

    def __init__(self, settings: ServiceSettings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._at_work, self._done, self._lock = 0, 0, Lock()
        detector = build_detector(settings.detector, file=settings.detector_file, threads=1)
        self.recognizer = BatchingRecognizer(
            model_path(settings.model),
            at_work=lambda: self._at_work,
            batch_size=settings.batch_size,
            wait_s=settings.batch_wait_ms / 1000,
            on_batch=metrics.batch_faces.observe,
            threads=1,
        )
        self.pipeline = ExpressionPipeline(capped(detector, settings.max_faces), self.recognizer)
        self._pool = ThreadPoolExecutor(settings.pool_threads, "mien-pictures")

    async def read(self, uploads: list[Upload]) -> list[ImageResult | FailedImage]:
        """The outcome of each picture in order; one that cannot be read gives its error.

        Raises:
            OverdueError: It took longer than ``request_timeout_s``; what had not begun is given up.
        """
        loop = asyncio.get_running_loop()
        jobs = [loop.run_in_executor(self._pool, self._read, upload) for upload in uploads]
        try:
            async with asyncio.timeout(self._settings.request_timeout_s):
                return list(await asyncio.gather(*jobs))
        except TimeoutError as err:
            limit = self._settings.request_timeout_s
            raise OverdueError(f"not done within {limit:g} s", hint="send fewer or smaller pictures, or later") from err

    def close(self) -> None:
        """Finish what runs, then stop the threads."""
        self._pool.shutdown(cancel_futures=True)
        self.recognizer.close()

    def _read(self, upload: Upload) -> ImageResult | FailedImage:
        """The picture's faces; the pixels are let go."""
        try:
            with self._counted():
                stream = BytesIO(upload.content)
                stream.name = upload.name  # what errors call the picture
                image = load_image(stream, max_pixels=self._settings.max_pixels, formats=FORMATS)
                result = self.pipeline.predict(image)
        except MienError as err:
            self._metrics.pictures.labels("failed").inc()
            return FailedImage(upload.name, err)
        except Exception:
            _LOG.exception("a picture of %d bytes could not be read", len(upload.content))
            raise
        self._metrics.pictures.labels("read").inc()
        self._metrics.faces.inc(len(result.faces))
        return replace(result, source=upload.name, image=None)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self._at_work += 1
        try:
            yield
        finally:
            with self._lock:
                self._at_work -= 1
                self._done += 1
                trim = self._done % _TRIM_EVERY == 0
            if trim:
                give_back_freed_memory()


class Places:
    """A number of places; whoever finds none free is turned away at once."""

    def __init__(self, count: int, what: str) -> None:
        self.taken, self._count, self._what = 0, count, what

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a place.

        Raises:
            BusyError: All are taken.
        """
        if self.taken >= self._count:
            raise BusyError(f"{self._count} {self._what} are being worked on, which is the limit", hint="try again")
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
