"""Reading pictures of clients in a pool of threads, within the limits.

    upload → turn of its client → thread → worker process decodes → detector → shared batch → result

It does not know HTTP: bytes and a name come in, the library's result goes out.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TypeVar

from mien.detection.registry import build_detector
from mien.detection.settings import SearchSettings
from mien.errors import ConfigError, MienError, OverdueError, RequestError
from mien.geometry import ByteArray
from mien.imaging.isolated import Encoded, IsolatedReader
from mien.recognition.pipeline import ExpressionPipeline
from mien.recognition.recognizer import model_path
from mien.recognition.results import FailedImage, ImageResult
from mien.runtime.memory import give_back_freed_memory
from mien.service.http.limits import Client
from mien.service.inference.batching import BatchingRecognizer
from mien.service.inference.face_limit import limit_faces
from mien.service.inference.model_names import model_names
from mien.service.inference.options import ReadOptions, as_request_error
from mien.service.inference.turns import ClientTurns
from mien.service.inference.upload import Upload
from mien.service.metrics import Metrics
from mien.service.settings import ServiceSettings

_LOG = logging.getLogger("mien.service")
#: Freed memory is returned to the system after this many pictures.
_TRIM_EVERY = 200

Result = TypeVar("Result")


class ImageReader:
    """Detector and network, loaded once, with a pool of threads that all requests share.

    Args:
        settings: Model, detector and limits.
        metrics: Counts pictures and batches.

    Raises:
        MienError: Model or detector cannot be loaded, or the model's outputs are not probabilities.
    """

    def __init__(self, settings: ServiceSettings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._active, self._done, self._lock = 0, 0, Lock()
        self._decoder = IsolatedReader(
            workers=settings.pool_size, time_s=settings.decode_timeout_s, max_pixels=settings.max_pixels
        )
        search = SearchSettings(settings.search, settings.min_face, None, settings.min_detector_score)
        detector = build_detector(
            settings.detector,
            file=settings.detector_file,
            search=search,
            threads=settings.threads,
            device=settings.device,
        )
        paths = [model_path(model) for model in (settings.model, *settings.more_models)]
        self.recognizers = {name: self._load(path) for name, path in model_names(paths).items()}
        self.recognizer = next(iter(self.recognizers.values()))
        self.pipeline = ExpressionPipeline(limit_faces(detector, settings.max_faces), self.recognizer)
        self._decoder.wait_until_started()  # workers start while the models are loaded
        self._pool = ThreadPoolExecutor(settings.pool_size, "mien-pictures")
        # One thread is always left to other clients.
        self._turns = ClientTurns(self._pool, max(1, settings.pool_size - 1))

    def _load(self, path: Path) -> BatchingRecognizer:
        recognizer = BatchingRecognizer(
            path,
            active=lambda: self._active,  # all models share the count: a caller of another one delays a batch by wait_s
            batch_size=self._settings.batch_size,
            wait_s=self._settings.batch_wait_ms / 1000,
            on_batch=self._metrics.batch_faces.observe,
            threads=self._settings.threads,
            device=self._settings.device,
        )
        recognizer.probe()  # a file that gives no probabilities is an error of the start, not of the first client
        return recognizer

    def pipeline_for(self, options: ReadOptions) -> ExpressionPipeline:
        """The pipeline with a client's options; nothing is loaded.

        Raises:
            RequestError: There is no such model here, or it does not support the options.
        """
        if options == ReadOptions():
            return self.pipeline
        name = options.model or next(iter(self.recognizers))
        if name not in self.recognizers:
            raise RequestError(f"no model {name[:40]!r} here", hint=f"expected {' or '.join(self.recognizers)}")
        try:
            recognizer = self.recognizers[name].with_options(options.answers())
            return ExpressionPipeline(self.pipeline.detector, recognizer, min_confidence=options.min_confidence)
        except ConfigError as err:
            raise as_request_error(err) from err

    async def read(
        self, uploads: Sequence[Upload], client: Client, pipeline: ExpressionPipeline
    ) -> list[ImageResult | FailedImage]:
        """The outcome of each picture in order: its result, or the error for one that cannot be read.

        Args:
            uploads: The pictures.
            client: The sender.
            pipeline: From :meth:`pipeline_for`.

        Raises:
            OverdueError: It took longer than ``request_timeout_s``; pictures that were not begun are dropped.
        """
        return await self._run([partial(self._read, upload, pipeline) for upload in uploads], client)

    async def call(self, work: Callable[[], Result], client: Client) -> Result:
        """Run ``work``, which processes one picture, in the pool.

        Raises:
            OverdueError: It took longer than ``request_timeout_s``.
        """

        def counted() -> Result:
            with self._as_active():
                return work()

        (result,) = await self._run([counted], client)
        return result

    async def _run(self, tasks: Sequence[Callable[[], Result]], client: Client) -> list[Result]:
        limit_s = self._settings.request_timeout_s
        running = [self._turns.run(task, client) for task in tasks]
        try:
            async with asyncio.timeout(limit_s):
                return list(await asyncio.gather(*running))
        except TimeoutError as err:
            raise OverdueError(f"not done within {limit_s:g} s", hint="send fewer or smaller pictures") from err

    def close(self) -> None:
        """Finish the pictures in progress, then stop the threads."""
        self._pool.shutdown(cancel_futures=True)
        self._decoder.close()
        for recognizer in self.recognizers.values():
            recognizer.close()

    def decode(self, upload: Upload) -> ByteArray:
        """The picture as RGB uint8 (H, W, 3).

        Raises:
            ImageDecodeError: It is not a picture of an accepted format and size, or its decoder hangs or crashes.
        """
        return self._decoder.read(Encoded(upload.name, upload.content))

    def _read(self, upload: Upload, pipeline: ExpressionPipeline) -> ImageResult | FailedImage:
        """The picture's result, without the pixels, which would stay in memory until the answer is sent."""
        try:
            with self._as_active():
                result = pipeline.predict(self.decode(upload))
        except MienError as err:
            self._metrics.pictures.labels("failed").inc()
            return FailedImage(upload.name, err)
        except Exception:  # ours: the client gets 500, the log the size, never the name
            _LOG.exception("a picture of %d bytes could not be read", len(upload.content))
            raise
        self._metrics.pictures.labels("read").inc()
        self._metrics.faces.inc(len(result.faces))
        return replace(result, source=upload.name, image=None)

    @contextmanager
    def _as_active(self) -> Iterator[None]:
        """Count the block as an active caller, for which batches wait."""
        with self._lock:
            self._active += 1
        try:
            yield
        finally:
            with self._lock:
                self._active -= 1
                self._done += 1
                trim = self._done % _TRIM_EVERY == 0
            if trim:
                give_back_freed_memory()
