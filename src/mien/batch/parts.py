"""From the entries of parts to their files: workers find faces, the network reads all faces of a part together.

    tasks → workers: decode, detect, crop → crops of one part → network → rows → part file

The rows of a part depend on its entries and the settings alone: whoever reads it, and however often it was begun, the
same file comes.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Self

from mien.batch.entries import Kind, Part
from mien.batch.manifest import JobFolder
from mien.batch.payloads import Task, tasks
from mien.batch.progress import Tally
from mien.batch.rows import Row, entry_rows, write_part, write_table
from mien.batch.settings import BatchSettings
from mien.batch.worker import FindFaces, Found
from mien.errors import MienError
from mien.recognition.pipeline import ExpressionPipeline
from mien.runtime.workers import WorkerPool

Outcome = Found | MienError
#: Told of each picture and video that was read; its part is not written yet.
Told = Callable[[Tally], None]


class Readers:
    """Worker processes for pictures and for videos, started when they are first needed; they serve part after part."""

    def __init__(self, settings: BatchSettings, workers: int) -> None:
        self._settings, self._workers = settings, workers
        self._pools: dict[Kind, WorkerPool[Task, Found]] = {}

    def of(self, kind: Kind) -> "WorkerPool[Task, Found]":
        """Those that read pictures, or videos, which may take longer."""
        if kind not in self._pools:
            settings = self._settings
            self._pools[kind] = WorkerPool(
                FindFaces(settings),
                workers=self._workers,
                time_s=settings.time_s if kind == "image" else settings.video_time_s,
                memory_bytes=settings.memory_mb << 20,
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
    told: Told,
) -> None:
    """Read ``parts`` one after the other and write their files; decoding runs ahead over the borders of parts.

    Raises:
        StorageError: A file cannot be written; the parts before it are whole.
    """
    kinds: tuple[Kind, ...] = ("image", "video")
    for kind in kinds:
        chosen = [part for part in parts if part.entries[0].kind == kind]
        if chosen:
            outcomes = _counted(readers.of(kind).map(_all_tasks(chosen, settings)), told)
            for part in chosen:
                _finish(part, list(islice(outcomes, len(part.entries))), folder, pipeline, settings)


def _all_tasks(parts: Sequence[Part], settings: BatchSettings) -> Iterator[Task]:
    entries = (entry for part in parts for entry in part.entries)
    return tasks(entries, max_bytes=settings.max_bytes, column=settings.column, allow_urls=settings.allow_urls)


def _counted(outcomes: Iterator[Outcome], told: Told) -> Iterator[Outcome]:
    """The same outcomes, each told."""
    for outcome in outcomes:
        if isinstance(outcome, Found):
            told(Tally(1, len(outcome.faces) + sum(len(frame.faces) for frame in outcome.frames), 0))
        else:
            told(Tally(1, 0, 1))
        yield outcome


def _finish(
    part: Part,
    outcomes: Sequence[Outcome],
    folder: JobFolder,
    pipeline: ExpressionPipeline,
    settings: BatchSettings,
) -> None:
    """Ask the network for all faces of a part and write its files; the rows last, since they make the part whole."""
    found = [outcome for outcome in outcomes if isinstance(outcome, Found)]
    detections = [face for one in found for face in one.faces]
    faces = iter(pipeline.read_crops(detections, [crop for one in found for crop in one.crops]))
    rows: list[Row] = []
    for entry, outcome in zip(part.entries, outcomes, strict=True):
        count = len(outcome.faces) if isinstance(outcome, Found) else 0
        rows += entry_rows(entry, outcome, list(islice(faces, count)))
    if settings.crops:
        _write_pictures(folder, part, outcomes, "crops")
    if settings.thumbnails:
        _write_pictures(folder, part, outcomes, "thumbnails")
    write_part(folder.part(part.number), part, rows, pipeline.recognizer.labels)


def _write_pictures(folder: JobFolder, part: Part, outcomes: Sequence[Outcome], kind: str) -> None:
    """Crops or thumbnails of a part as a table of WebP pictures; rows name the picture and the face."""
    rows = []
    for entry, outcome in zip(part.entries, outcomes, strict=True):
        if isinstance(outcome, Found):
            files = outcome.crop_files if kind == "crops" else ((outcome.thumbnail,) if outcome.thumbnail else ())
            rows += [{"source": entry.name, "face": number, "webp": file} for number, file in enumerate(files, 1)]
    types = {"source": "string", "face": "int32", "webp": "binary"}
    write_table(folder.part(part.number, kind), rows, types, {b"mien.part": part.fingerprint.encode()})
