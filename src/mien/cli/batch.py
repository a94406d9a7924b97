"""``mien batch``: jobs of very many pictures. Progress goes to standard error, results into the job's folder."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from typer.core import TyperGroup

from mien.batch import BatchProgress, BatchSettings, BatchStatus, merge, run, status
from mien.batch.summary import PAGE, SUMMARY
from mien.cli.batch_options import (
    ColumnOption,
    CropsOption,
    DetailsOption,
    EngineName,
    EngineOption,
    FpsOption,
    GpuShareOption,
    InputsArgument,
    JobArgument,
    JsonOption,
    MergedOption,
    MinConfidenceOption,
    OutOption,
    PartialOption,
    PartSizeOption,
    ProgressForm,
    ProgressOption,
    QuietOption,
    ResumeOption,
    StrictOption,
    ThumbnailsOption,
    TimeLimitOption,
    UpdateOption,
    WorkersOption,
)
from mien.cli.last_line import print_last_line
from mien.cli.options import AllowUrlsOption, ExcelSafeOption, MaxPixelsOption, ReadingOptions, with_reading_options
from mien.errors import SourceError
from mien.text import printable


class _RunByDefault(TyperGroup):
    """``mien batch INPUT…`` is ``mien batch run INPUT…``; an input called as a command is given as ``./status``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, "--help"}:
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_RunByDefault,
    help="Read very many pictures and videos as a job that can be killed and resumed.",
    no_args_is_help=True,
)

#: Without a terminal a line of progress this often, in seconds; a line of JSON every second.
_LINE_EVERY_S, _JSON_EVERY_S = 15.0, 1.0
_DEFAULT = BatchSettings()


@app.command("run")
@with_reading_options
def run_job(
    inputs: InputsArgument,
    *,
    out: OutOption,
    engine: EngineOption = EngineName.local,
    resume: ResumeOption = False,
    update: UpdateOption = False,
    reading: ReadingOptions,
    max_pixels: MaxPixelsOption = _DEFAULT.max_pixels,
    min_confidence: MinConfidenceOption = _DEFAULT.min_confidence,
    fps: FpsOption = _DEFAULT.fps,
    column: ColumnOption = None,
    allow_urls: AllowUrlsOption = False,
    part_size: PartSizeOption = _DEFAULT.part_size,
    crops: CropsOption = False,
    thumbnails: ThumbnailsOption = False,
    details: DetailsOption = False,
    workers: WorkersOption = _DEFAULT.workers,
    gpu_share: GpuShareOption = _DEFAULT.gpu_share,
    time_limit: TimeLimitOption = _DEFAULT.time_s,
    strict: StrictOption = False,
    progress: ProgressOption = ProgressForm.bar,
    quiet: QuietOption = False,
) -> None:
    """Read all pictures and videos of INPUT into Parquet files in the folder --out.

    A killed job loses nothing: --resume goes on with it and ends with the same rows.

    Examples:
        mien batch photos/ --out job

        mien batch shards/*.tar s3://bucket/more/ --out job --resume

        mien batch photos/ --out job --update --progress json

    Exit code 0 even where pictures failed, which are counted and have their rows; 5 with --strict.
    """
    settings = BatchSettings(
        **{field.name: getattr(reading, field.name) for field in fields(reading)},
        max_pixels=max_pixels,
        min_confidence=min_confidence,
        fps=fps,
        column=column,
        allow_urls=allow_urls,
        part_size=part_size,
        crops=crops,
        thumbnails=thumbnails,
        details=details,
        workers=workers,
        gpu_share=gpu_share,
        time_s=time_limit,
    )
    form = ProgressForm.none if quiet else progress
    done = _run(inputs, out, settings, engine, resume=resume, update=update, form=form)
    if not quiet:
        print(_summary(done, out), file=sys.stderr)
    if strict and done.failed:
        raise typer.Exit(SourceError.exit_code)


@app.command("status")
def show_status(folder: JobArgument, as_json: JsonOption = False) -> None:
    """Show how far a job is.

    Examples:
        mien batch status job --json
    """
    found = status(folder)
    if as_json:
        print(json.dumps(found.to_dict()))
    else:
        print(
            f"{found.pictures:,} of {found.entries:,} pictures ({found.parts_done:,} of {found.parts:,} parts), "
            f"{_faces(found.faces)}, {found.without_face:,} without a face, {found.failed:,} failed"
        )
    is_done = found.parts_done == found.parts
    print_last_line(f"{folder}: {'done' if is_done else 'not done, mien batch --resume goes on with it'}")


@app.command("merge")
def merge_job(
    folder: JobArgument, *, out: MergedOption, partial: PartialOption = False, excel_safe: ExcelSafeOption = False
) -> None:
    """Write the rows of a job into one file.

    Examples:
        mien batch merge job --out faces.parquet

        mien batch merge job --out faces.csv
    """
    rows = merge(folder, out, partial=partial, excel_safe=excel_safe)
    print_last_line(f"{rows:,} row{'' if rows == 1 else 's'}", [out])


def _run(
    inputs: list[str],
    out: Path,
    settings: BatchSettings,
    engine: EngineName,
    *,
    resume: bool,
    update: bool,
    form: ProgressForm,
) -> BatchStatus:
    def note(line: str) -> None:
        print(f"mien: {line}", file=sys.stderr)

    with _shown(form) as show:
        return run(
            inputs, out, settings=settings, engine=engine.value, resume=resume, update=update, progress=show, note=note
        )


def _summary(done: BatchStatus, out: Path) -> str:
    """``41 pictures, 62 faces, 1 without a face, 4 failed (2 ImageSizeError, …), 18.2 pictures/s; wrote job``."""
    record = json.loads((out / SUMMARY).read_text(encoding="utf-8"))
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in record["failures"].items())
    speed = (
        f", {record['pictures_per_s']:,.1f} pictures/s" if record["pictures_per_s"] else ", nothing was left to read"
    )
    pictures = f"{done.pictures:,} picture{'' if done.pictures == 1 else 's'}, {_faces(done.faces)}"
    return (
        f"{pictures}, {done.without_face:,} without a face, {done.failed:,} failed{f' ({reasons})' if reasons else ''}"
        f"{speed}; wrote {printable(str(out))} (see {PAGE})"
    )


@contextmanager
def _shown(form: ProgressForm) -> Iterator[Callable[[BatchProgress], None]]:
    """What is called with the progress."""
    if form is ProgressForm.none:
        yield lambda _: None
    elif form is ProgressForm.json:
        yield _Lines(_JSON_EVERY_S, lambda at: json.dumps(_record(at)))
    elif not sys.stderr.isatty():
        yield _Lines(_LINE_EVERY_S, _long_line)
    else:
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("Listing the input", total=None)
            yield lambda at: bar.update(task, total=at.entries, completed=at.pictures, description=_line(at))


class _Lines:
    """A line now and then, for logs and other programs; the first and the last always."""

    def __init__(self, every_s: float, text: Callable[[BatchProgress], str]) -> None:
        self._every_s, self._text, self._last = every_s, text, -every_s

    def __call__(self, at: BatchProgress) -> None:
        if time.monotonic() - self._last >= self._every_s or at.pictures == at.entries:
            self._last = time.monotonic()
            print(self._text(at), file=sys.stderr, flush=True)


def _line(at: BatchProgress) -> str:
    rates = f"{at.pictures_per_s:,.1f} pictures/s, {at.faces_per_s:,.1f} faces/s"
    return f"{at.pictures:,} of {at.entries:,} pictures, {_faces(at.faces)}, {at.failed:,} failed, {rates}"


def _long_line(at: BatchProgress) -> str:
    left = "" if at.seconds_left is None else f", {_time(at.seconds_left)} left"
    return f"{_line(at)}{left}"


def _faces(count: int) -> str:
    return f"{count:,} face{'' if count == 1 else 's'}"


def _time(seconds: float) -> str:
    """``2:05`` minutes and seconds, ``3:02:05`` with hours, which may be many.

    Examples:
        >>> _time(125.4), _time(100_000)
        ('2:05', '27:46:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"


def _record(at: BatchProgress) -> dict[str, float | None]:
    return {
        "pictures": at.pictures,
        "entries": at.entries,
        "faces": at.faces,
        "failed": at.failed,
        "pictures_per_s": round(at.pictures_per_s, 2),
        "faces_per_s": round(at.faces_per_s, 2),
        "seconds_left": None if at.seconds_left is None else round(at.seconds_left, 1),
    }
