"""Reading uploaded videos: each in a process of its own, which is ended where it crashes, hangs or is not wanted."""

import logging
import os
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from pathlib import Path

from mien.errors import OverdueError, SourceError, WorkerError
from mien.recognition.recognizer import model_path
from mien.runtime.workers import LONGEST_S, WorkerPool
from mien.service.inference.options import ReadOptions
from mien.service.inference.reader import ImageReader
from mien.service.jobs.record import Job
from mien.service.jobs.video_work import SHARE_FILE, VideoTask, read_upload, too_slow
from mien.service.settings import ServiceSettings

#: How often a running video is looked at, and how long beyond its limit it may take to end of itself, in seconds.
_LOOK_EVERY_S, _GRACE_S = 0.1, 60.0

_LOG = logging.getLogger("mien.service")


class VideoReader:
    """Reads one video after the other, each in a new process with a pipeline of its own.

    Results are ``rows.csv``, ``annotated.mp4``, ``summary.json`` and ``timeline.json``; with the extra ``plots`` also
    ``timeline.png`` and ``report.html``.
    """

    def __init__(self, images: ImageReader, settings: ServiceSettings) -> None:
        self._images, self._settings = images, settings

    def __call__(self, source: Path, folder: Path, job: Job, progress: Callable[[float], None]) -> None:
        """Write the results into ``folder``, which is empty.

        Raises:
            SourceError: It is not a video in one of the accepted formats, no frame can be read, or its decoder crashes.
            LimitError: A frame shows too many faces.
            OverdueError: It took longer than the settings allow.
            StorageError: A result cannot be written.
            RequestError: The models of this server do not support the job's options.
            RuntimeError: Something else went wrong; the log has the traceback.
        """
        task, time_s = self._task(source, folder, job), self._settings.max_video_s
        with WorkerPool(read_upload, workers=1, time_s=min(time_s + _GRACE_S, LONGEST_S)) as pool:
            reading = pool.submit(task)
            try:
                # progress raises where the job was canceled; leaving the block ends the process
                failure = _followed(reading, folder / SHARE_FILE, progress)
            except OverdueError as err:
                raise err if str(err).startswith("not read") else too_slow(time_s) from err
            except WorkerError as err:
                raise SourceError(f"{source}: damaged video, its decoder crashed") from err
        if failure is not None:
            _LOG.error("a video could not be read\n%s", failure)
            raise RuntimeError(failure.splitlines()[-1])

    def _task(self, source: Path, folder: Path, job: Job) -> VideoTask:
        options, settings = ReadOptions.from_query(job.options), self._settings
        self._images.pipeline_for(options)  # refuses options that the models here do not support
        answers = options.answers()
        pipeline = {
            "model": model_path(options.model or settings.model),
            "detector": settings.detector,
            "detector_file": settings.detector_file,
            "search": settings.search,
            "min_face": settings.min_face,
            "min_detector_score": settings.min_detector_score,
            "threads": settings.threads,
            "device": settings.device,
            "min_confidence": options.min_confidence,
            "labels": answers.labels,
            "prior": answers.prior,
            "decision": answers.decision,
        }
        limits = settings.max_faces, settings.max_pixels, settings.max_video_s
        return VideoTask(source, folder, job.name, pipeline, *limits, server=os.getpid())


def _followed(reading: "Future[str | None]", share_file: Path, progress: Callable[[float], None]) -> str | None:
    """What the process returns; until then the share that it notes is passed on."""
    share = 0.0
    while wait([reading], _LOOK_EVERY_S).not_done:
        with suppress(OSError, ValueError):
            share = float(share_file.read_text(encoding="ascii"))
        progress(share)
    return reading.result()
