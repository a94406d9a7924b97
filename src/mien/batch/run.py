"""A batch job from its input to its summary; it may be killed at any moment and resumed.

inputs → entries → parts → (local or Ray: parts whose files are missing) → part files → summary
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from mien.batch.entries import Entry, Part, divide
from mien.batch.inputs import list_entries
from mien.batch.manifest import BatchStatus, JobFolder, describe
from mien.batch.parts import Readers, process
from mien.batch.progress import BatchProgress, ProgressReporter, Tally
from mien.batch.rows import columns, read_record, read_rows, write_part
from mien.batch.settings import BatchSettings, Engine
from mien.batch.summary import write_summary
from mien.errors import CheckpointError, ConfigError
from mien.imaging.folders import LeftOut
from mien.recognition.pipeline import ExpressionPipeline
from mien.runtime.optional import require
from mien.runtime.workers import usable_cores

_DEFAULT = BatchSettings()


def run(  # noqa: PLR0913 - the front door; its options are keywords
    inputs: Sequence[str | Path],
    out: str | Path,
    *,
    settings: BatchSettings = _DEFAULT,
    engine: Engine = "local",
    resume: bool = False,
    update: bool = False,
    progress: Callable[[BatchProgress], None] | None = None,
    note: Callable[[str], None] | None = None,
) -> BatchStatus:
    """Read every picture and video of ``inputs`` and write their rows into the folder ``out``.

    Args:
        inputs: Folders, patterns, files, lists, archives, tables and addresses, see :mod:`mien.batch.inputs`.
        out: The job's folder: new, empty, or that of the job to go on with.
        settings: How they are read.
        engine: ``local`` uses the cores of this machine, ``ray`` those of a Ray cluster that all see ``out``.
        resume: Go on with the job in ``out``; on an empty folder it begins.
        update: As ``resume``, for an input that has changed: what is new is read, rows of what is gone are dropped.
        progress: Called now and then, twice a second at most, and at the last picture.
        note: Called with each kind of file that looks like a picture and is left out, how many, and what to do.

    Raises:
        ConfigError: ``out`` holds something else, or an input comes twice.
        CheckpointError: ``out`` holds a job and neither ``resume`` nor ``update`` is set, or one with another model,
            detector, setting or input.
        SourceError: An input is not there.
        StorageError: A file cannot be written; what was written before is whole.
        MissingDependencyError: An extra is not installed.
    """
    require("batch", "pyarrow")  # now: a job that has begun would have to be resumed
    if engine == "ray":
        require("scale", "ray")
    folder, names = JobFolder(Path(out)), tuple(map(str, inputs))
    # the driver of a cluster needs no graphics card of its own
    pipeline = settings.load(device="cpu" if engine == "ray" else None)
    settings = replace(settings, prior=pipeline.recognizer.answers.wanted)  # a file may change, and not be everywhere
    left_out = LeftOut()
    parts = _plan(folder, names, left_out, pipeline, settings, resume=resume, update=update)
    if note is not None:
        for line in left_out.lines():
            note(line)
    # progress is kept nowhere else: a part is done if its file has the record of its entries
    missing = [part for part in parts if folder.record(part) is None]
    before = folder.status(parts)
    reporter = ProgressReporter(Tally(before.pictures, before.faces, before.failed), before.entries, progress)
    if engine == "ray":
        from mien.batch.ray_engine import process_on_ray  # noqa: PLC0415 - an extra

        process_on_ray(missing, folder, settings, on_outcome=reporter.add)
    else:
        with Readers(settings, settings.workers or usable_cores(), pipeline) as readers:
            process(missing, folder, pipeline, settings, readers=readers, on_outcome=reporter.add)
    write_summary(folder, folder.read()[0], parts, reporter.now)
    return folder.status(parts)


def _plan(
    folder: JobFolder,
    names: tuple[str, ...],
    left_out: LeftOut,
    pipeline: ExpressionPipeline,
    settings: BatchSettings,
    *,
    resume: bool,
    update: bool,
) -> list[Part]:
    """The parts of a new job, or of the one in the folder once it fits."""
    if not folder.exists and not folder.is_free:
        raise ConfigError(f"{folder.path} holds something else", hint="name a new or an empty folder")
    entries = list_entries(
        names, left_out, column=settings.column, leave_out=folder.path, allow_urls=settings.allow_urls
    )
    if not folder.exists:
        parts = divide(entries, settings.part_size)
        folder.begin(describe(names, parts, pipeline, settings), parts)
        return parts
    if not (resume or update):
        raise CheckpointError(
            f"{folder.path}: holds a job already", hint="--resume goes on with it, --update reads what is new"
        )
    earlier, parts = folder.read()
    now = describe(names, divide(entries, settings.part_size), pipeline, settings)
    if difference := earlier.difference(now):
        raise CheckpointError(
            f"{folder.path}: was begun with {difference}", hint="go on with the same, or choose another folder"
        )
    if now.input_sha256 == earlier.input_sha256:  # the same names and versions, in the same order
        return parts
    if not update:
        raise CheckpointError(
            f"{folder.path}: the input has changed since the job began ({_changes(parts, entries)})",
            hint="--update reads what is new and drops what is gone",
        )
    return _updated(folder, parts, entries, names, pipeline, settings)


def _changes(parts: Sequence[Part], entries: Sequence[Entry]) -> str:
    before = {entry.key for part in parts for entry in part.entries}
    now = {entry.key for entry in entries}
    return f"{len(now - before):,} new or changed, {len(before - now):,} gone or changed"


def _updated(
    folder: JobFolder,
    parts: Sequence[Part],
    entries: Sequence[Entry],
    names: tuple[str, ...],
    pipeline: ExpressionPipeline,
    settings: BatchSettings,
) -> list[Part]:
    """A plan for the changed input: parts without what is gone, then parts of what is new.

    Plan and record are written before any part file is changed: a part whose file does not fit the plan is read anew,
    so that a kill at any moment costs time and no row.
    """
    left = {entry.key for entry in entries}
    known = {entry.key for part in parts for entry in part.entries}
    kept = [Part(part.number, tuple(entry for entry in part.entries if entry.key in left)) for part in parts]
    new = divide(
        [e for e in entries if e.key not in known], settings.part_size, first=parts[-1].number + 1 if parts else 0
    )
    plan = [part for part in kept if part.entries] + new
    folder.begin(describe(names, plan, pipeline, settings), plan)
    types = columns(pipeline.recognizer.labels, details=settings.details)
    for before, after in zip(parts, kept, strict=True):
        path = folder.part(before.number)
        if not after.entries:
            for kind in ("part", "crops", "thumbnails"):
                folder.part(before.number, kind).unlink(missing_ok=True)
        elif before != after and (record := read_record(path)) and record.fingerprint == before.fingerprint:
            names_left = {entry.name for entry in after.entries}
            rows = [row for some in read_rows(path) for row in some if row["source"] in names_left]
            write_part(path, after, rows, types)
    return plan
