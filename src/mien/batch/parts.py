"""From the entries of parts to their files: workers find faces, then run the network on all faces of a part together.

    tasks → workers: decode, detect, crop → crops of one part → workers: network → rows → part file

While the network runs on one part, pictures of the next are decoded; this process only hands out work and writes.

The rows of a part depend on its entries and the settings alone: whoever reads it, and however often it was begun, the
same file comes.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import chain, islice, repeat
from typing import Self

import numpy as np

from mien.batch.entries import Kind, Part
from mien.batch.manifest import JobFolder
from mien.batch.payloads import Task, tasks
from mien.batch.progress import Tally
from mien.batch.rows import Row, columns, entry_rows, write_part, write_table
from mien.batch.settings import BatchSettings
from mien.batch.worker import Found, PartWork
from mien.errors import MienError, WorkerStartError
from mien.geometry import FloatArray
from mien.recognition.pipeline import ExpressionPipeline
from mien.recognition.results import FaceExpression
from mien.runtime.workers import WorkerPool

Outcome = Found | MienError
Pool = WorkerPool[Task | FloatArray, Found | FloatArray]
#: Parts whose faces the network reads while the next one is decoded: its batches wait behind a few pictures alone.
_PARTS_AHEAD = 1
#: Called for each picture and video that was read, before its part is written.
OnOutcome = Callable[[Tally], None]


class Readers:
    """Worker processes for pictures and for videos, started when they are first needed; they serve part after part.

    Args:
        settings: Of the job.
        workers: Number of processes of each kind.
        pipeline: One with these settings, from which the workers take what they run on.
    """

    def __init__(self, settings: BatchSettings, workers: int, pipeline: ExpressionPipeline) -> None:
        self._settings, self._workers = settings, workers
        # the driver of a card reserves addresses without end
        self._memory_bytes = settings.memory_mb << 20 if pipeline.recognizer.devices == ("cpu",) else None
        self._pools: dict[Kind, Pool] = {}

    def of(self, kind: Kind) -> Pool:
        """Those that read pictures, or videos, which may take longer."""
        if kind not in self._pools:
            settings = self._settings
            self._pools[kind] = WorkerPool(
                PartWork(settings),
                workers=self._workers,
                time_s=settings.time_s if kind == "image" else settings.video_time_s,
                memory_bytes=self._memory_bytes,
            )
        return self._pools[kind]

    def close(self) -> None:
        """End them."""
        for pool in self._pools.values():
            pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def process(
    parts: Sequence[Part],
    folder: JobFolder,
    pipeline: ExpressionPipeline,
    settings: BatchSettings,
    *,
    readers: Readers,
    on_outcome: OnOutcome,
) -> None:
    """Read ``parts`` one after the other and write their files; decoding runs ahead over the borders of parts.

    Raises:
        StorageError: A file cannot be written; the parts before it are whole.
        WorkerStartError: Worker processes do not start.
    """
    kinds: tuple[Kind, ...] = ("image", "video")
    for kind in kinds:
        chosen = [part for part in parts if part.entries[0].kind == kind]
        if not chosen:
            continue
        pool, waiting = readers.of(kind), deque[_Unfinished]()
        outcomes = _counted(pool.map(_all_tasks(chosen, settings)), on_outcome)
        for part in chosen:
            waiting.append(_Unfinished.of(part, list(islice(outcomes, len(part.entries))), pool, pipeline))
            if len(waiting) > _PARTS_AHEAD:
                waiting.popleft().finish(folder, pipeline, settings)
        for unfinished in waiting:
            unfinished.finish(folder, pipeline, settings)


def _all_tasks(parts: Sequence[Part], settings: BatchSettings) -> Iterator[Task]:
    entries = (entry for part in parts for entry in part.entries)
    return tasks(entries, max_bytes=settings.max_bytes, column=settings.column, allow_urls=settings.allow_urls)


def _counted(outcomes: Iterator[Found | FloatArray | MienError], on_outcome: OnOutcome) -> Iterator[Outcome]:
    """What was found in each picture and video, each reported.

    Raises:
        WorkerStartError: There is no worker to read one; its row would say so for ever.
    """
    for outcome in outcomes:
        if isinstance(outcome, WorkerStartError):
            raise outcome
        if isinstance(outcome, Found):
            on_outcome(Tally(1, len(outcome.faces) + sum(len(frame.faces) for frame in outcome.frames), 0))
            yield outcome
        elif isinstance(outcome, MienError):
            on_outcome(Tally(1, 0, 1))
            yield outcome


@dataclass(frozen=True, slots=True, eq=False)
class _Unfinished:
    """A part whose faces are found and cropped, and whose crops are with the network.

    Attributes:
        part: The part.
        outcomes: Of each entry.
        batches: Crops of all faces, float32 (up to the network's batch, side, side) each, with their probabilities to
            come.
    """

    part: Part
    outcomes: Sequence[Outcome]
    batches: Sequence[tuple[FloatArray, "Future[Found | FloatArray]"]]

    @classmethod
    def of(cls, part: Part, outcomes: Sequence[Outcome], pool: Pool, pipeline: ExpressionPipeline) -> Self:
        """Hand the faces of a part to the network, in batches that depend on the part alone."""
        crops = [crop for one in outcomes if isinstance(one, Found) for crop in one.crops]
        size = pipeline.recognizer.batch_size
        batches = [np.array(crops[start : start + size], np.float32) for start in range(0, len(crops), size)]
        return cls(part, outcomes, [(batch, pool.submit(batch)) for batch in batches])

    def finish(self, folder: JobFolder, pipeline: ExpressionPipeline, settings: BatchSettings) -> None:
        """Wait for the network and write the part's files; the rows last, since they make the part whole."""
        faces = iter(self._faces(pipeline))
        rows: list[Row] = []
        for entry, outcome in zip(self.part.entries, self.outcomes, strict=True):
            count = len(outcome.faces) if isinstance(outcome, Found) else 0
            rows += entry_rows(entry, outcome, list(islice(faces, count)))
        if settings.crops:
            _write_pictures(folder, self.part, self.outcomes, "crops")
        if settings.thumbnails:
            _write_pictures(folder, self.part, self.outcomes, "thumbnails")
        types = columns(pipeline.recognizer.labels, details=settings.details)
        write_part(folder.part(self.part.number), self.part, rows, types)

    def _faces(self, pipeline: ExpressionPipeline) -> list[FaceExpression]:
        """The faces of all pictures, in order."""
        found = [outcome for outcome in self.outcomes if isinstance(outcome, Found)]
        detections = [face for one in found for face in one.faces]
        qualities = chain((quality for one in found for quality in one.qualities), repeat(None))  # where not measured
        rows = [row for batch in self.batches for row in _probabilities(*batch, pipeline)]  # (labels,) each
        faces = pipeline.named(detections, np.array(rows))
        return [replace(face, quality=quality) for face, quality in zip(faces, qualities, strict=False)]


def _probabilities(batch: FloatArray, asked: "Future[Found | FloatArray]", pipeline: ExpressionPipeline) -> FloatArray:
    """The network's answer; where its worker was lost, it runs here."""
    try:
        answer = asked.result()
    except MienError:
        answer = pipeline.recognizer.predict_proba(batch)
    assert isinstance(answer, np.ndarray)  # noqa: S101 - what PartWork returns for crops
    return answer


def _write_pictures(folder: JobFolder, part: Part, outcomes: Sequence[Outcome], kind: str) -> None:
    """Crops or thumbnails of a part as a table of WebP pictures; rows name the picture and the face."""
    rows = []
    for entry, outcome in zip(part.entries, outcomes, strict=True):
        if isinstance(outcome, Found):
            files = outcome.crop_files if kind == "crops" else ((outcome.thumbnail,) if outcome.thumbnail else ())
            rows += [{"source": entry.name, "face": number, "webp": file} for number, file in enumerate(files, 1)]
    types = {"source": "string", "face": "int32", "webp": "binary"}
    write_table(folder.part(part.number, kind), rows, types, {b"mien.part": part.fingerprint.encode()})
