"""From the entries of parts to their files: workers find faces, the network reads all faces of a part together.

    tasks → workers: decode, detect, crop → crops of one part → network → rows → part file

The rows of a part depend on its entries and the settings alone: whoever reads it, and however often it was begun, the
same file comes.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice

from mien.batch.entries import Part
from mien.batch.manifest import JobFolder
from mien.batch.payloads import Task, tasks
from mien.batch.rows import PartRecord, Row, entry_rows, write_part, write_table
from mien.batch.settings import BatchSettings
from mien.batch.worker import FindFaces, Found
from mien.errors import MienError
from mien.recognition.pipeline import ExpressionPipeline
from mien.runtime.workers import WorkerPool

Outcome = Found | MienError
#: Told of each part when its file is written.
Told = Callable[[PartRecord], None]


def process(
    parts: Sequence[Part],
    folder: JobFolder,
    pipeline: ExpressionPipeline,
    settings: BatchSettings,
    *,
    workers: int,
    told: Told,
) -> None:
    """Read ``parts`` one after the other and write their files; decoding runs ahead over the borders of parts.

    Raises:
        StorageError: A file cannot be written; the parts before it are whole.
    """
    pictures = [part for part in parts if part.entries[0].kind == "image"]
    videos = [part for part in parts if part.entries[0].kind == "video"]
    for chosen, time_s in ((pictures, settings.time_s), (videos, settings.video_time_s)):
        if chosen:
            with ExitStack() as stack:
                pool = stack.enter_context(
                    WorkerPool(
                        FindFaces(settings),
                        workers=min(workers, sum(len(part.entries) for part in chosen)),
                        time_s=time_s,
                        memory_bytes=settings.memory_mb << 20,
                    )
                )
                outcomes = pool.map(_all_tasks(chosen, settings))
                for part in chosen:
                    _finish(part, list(islice(outcomes, len(part.entries))), folder, pipeline, settings, told)


def _all_tasks(parts: Sequence[Part], settings: BatchSettings) -> Iterator[Task]:
    entries = (entry for part in parts for entry in part.entries)
    return tasks(entries, max_bytes=settings.max_bytes, column=settings.column)


def _finish(
    part: Part,
    outcomes: Sequence[Outcome],
    folder: JobFolder,
    pipeline: ExpressionPipeline,
    settings: BatchSettings,
    told: Told,
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
    told(write_part(folder.part(part.number), part, rows, pipeline.recognizer.labels))


def _write_pictures(folder: JobFolder, part: Part, outcomes: Sequence[Outcome], kind: str) -> None:
    """Crops or thumbnails of a part as a table of WebP pictures; rows name the picture and the face."""
    rows = []
    for entry, outcome in zip(part.entries, outcomes, strict=True):
        if isinstance(outcome, Found):
            files = outcome.crop_files if kind == "crops" else ((outcome.thumbnail,) if outcome.thumbnail else ())
            rows += [{"source": entry.name, "face": number, "webp": file} for number, file in enumerate(files, 1)]
    types = {"source": "string", "face": "int32", "webp": "binary"}
    write_table(folder.part(part.number, kind), rows, types, {b"mien.part": part.fingerprint.encode()})
