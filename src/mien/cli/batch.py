"""``mien batch``: jobs of very many pictures. Progress goes to standard error, results into the job's folder."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from typer.core import TyperGroup

from mien.batch import BatchSettings, merge, run, status
from mien.batch.run import BatchProgress
from mien.cli.options import DetectorOption, ModelOption
from mien.detection.registry import DEFAULT_DETECTOR
from mien.errors import SourceError
from mien.render.text import counted


class _RunByDefault(TyperGroup):
    """``mien batch INPUT…`` is ``mien batch INPUT…``; an input called as a command is given as ``./status``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, "--help"}:
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_RunByDefault,
    help="Read very many pictures and videos as a job that can be killed and resumed.",
    no_args_is_help=True,
)

#: Without a terminal a line of progress at least this often, in seconds.
_LINE_EVERY_S = 15.0
_DEFAULT = BatchSettings()


class ProgressForm(StrEnum):
    """How progress is shown on standard error."""

    bar = "bar"
    json = "json"
    none = "none"


class EngineName(StrEnum):
    """What a job runs on."""

    local = "local"
    ray = "ray"


@app.command("run")
def run_job(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT…", help="Folder, pattern, file, list, archive, table, address.")
    ],
    *,
    out: Annotated[Path, typer.Option(help="The job's folder.")],
    engine: Annotated[
        EngineName, typer.Option(help="This machine, or a Ray cluster (mien[scale]).")
    ] = EngineName.local,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the job in --out.")] = False,
    update: Annotated[bool, typer.Option("--update", help="Read what is new in the input, drop what is gone.")] = False,
    model: ModelOption = _DEFAULT.model,
    detector: DetectorOption = DEFAULT_DETECTOR,
    min_confidence: Annotated[
        float, typer.Option(min=0, max=1, help="Below this probability no expression is named.")
    ] = 0.0,
    fps: Annotated[float, typer.Option(help="Frames of a video that are read in a second.")] = _DEFAULT.fps,
    column: Annotated[str | None, typer.Option(help="Column of a table that holds paths or pictures.")] = None,
    part_size: Annotated[int, typer.Option(help="Pictures of one part file.")] = _DEFAULT.part_size,
    crops: Annotated[bool, typer.Option("--crops", help="Keep the faces as they were cropped.")] = False,
    thumbnails: Annotated[bool, typer.Option("--thumbnails", help="Keep small copies of the pictures.")] = False,
    workers: Annotated[int, typer.Option(help="Processes; 0 is one for each core.")] = 0,
    time_limit: Annotated[float, typer.Option(help="Seconds after which a picture is given up.")] = _DEFAULT.time_s,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 5 where a picture failed.")] = False,
    progress: Annotated[ProgressForm, typer.Option(help="How progress is shown on standard error.")] = ProgressForm.bar,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
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
        model=model,
        detector=detector,
        min_confidence=min_confidence,
        fps=fps,
        column=column,
        part_size=part_size,
        crops=crops,
        thumbnails=thumbnails,
        workers=workers,
        time_s=time_limit,
    )
    with _shown(ProgressForm.none if quiet else progress) as show:
        done = run(
            inputs,
            out,
            settings=settings,
            engine=engine.value,
            resume=resume,
            update=update,
            progress=show,
            note=lambda line: print(f"mien: {line}", file=sys.stderr),
        )
    print(
        f"{counted(done.pictures, 'picture')}, {counted(done.faces, 'face')}, {done.without_face} without a face, "
        f"{done.failed} failed; wrote {out}",
        file=sys.stderr,
    )
    if strict and done.failed:
        raise typer.Exit(SourceError.exit_code)


@app.command("status")
def show_status(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The job's folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show how far a job is.

    Examples:
        mien batch status job --json
    """
    found = status(folder)
    if as_json:
        print(json.dumps(found.to_dict()))
        return
    print(
        f"{found.pictures:,} of {found.entries:,} pictures ({found.parts_done:,} of {found.parts:,} parts), "
        f"{counted(found.faces, 'face')}, {found.without_face:,} without a face, {found.failed:,} failed"
    )


@app.command("merge")
def merge_job(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The job's folder.")],
    *,
    out: Annotated[Path, typer.Option(help="A .parquet or .csv file.")],
    partial: Annotated[bool, typer.Option("--partial", help="Merge what is there of a job that is not done.")] = False,
) -> None:
    """Write the rows of a job into one file.

    Examples:
        mien batch merge job --out faces.parquet

        mien batch merge job --out faces.csv
    """
    rows = merge(folder, out, partial=partial)
    print(f"{counted(rows, 'row')}; wrote {out}", file=sys.stderr)


@contextmanager
def _shown(form: ProgressForm) -> Iterator[Callable[[BatchProgress], None]]:
    """What is called with the progress."""
    if form is ProgressForm.none:
        yield lambda _: None
    elif form is ProgressForm.json:
        yield lambda at: print(json.dumps(_record(at)), file=sys.stderr, flush=True)
    elif not sys.stderr.isatty():
        yield _Lines()
    else:
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("Reading", total=None)
            yield lambda at: bar.update(task, total=at.entries, completed=at.pictures, description=_line(at))


class _Lines:
    """A line now and then, for logs."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, at: BatchProgress) -> None:
        if time.monotonic() - self._last >= _LINE_EVERY_S:
            self._last = time.monotonic()
            left = "" if at.seconds_left is None else f", {at.seconds_left:,.0f} s left"
            print(f"{_line(at)}{left}", file=sys.stderr, flush=True)


def _line(at: BatchProgress) -> str:
    rate = f"{at.pictures_per_s:.1f} pictures/s"
    return f"{at.pictures:,} of {at.entries:,} pictures, {at.faces:,} faces, {at.failed:,} failed, {rate}"


def _record(at: BatchProgress) -> dict[str, float | None]:
    return {
        "pictures": at.pictures,
        "entries": at.entries,
        "faces": at.faces,
        "failed": at.failed,
        "pictures_per_s": round(at.pictures_per_s, 2),
        "seconds_left": None if at.seconds_left is None else round(at.seconds_left, 1),
    }
