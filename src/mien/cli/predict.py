"""``mien predict``: the expressions of every face in the pictures that a user names.

Data goes to standard output, errors and progress to standard error.
"""

import contextlib
import os
import sys
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

from mien.cli.drawings import Drawings
from mien.cli.formats import Format, Outcome, choose_format, chunks
from mien.cli.last_line import print_last_line, read_in_words
from mien.cli.options import AllowUrlsOption, ExcelSafeOption, MaxPixelsOption, ReadingOptions, with_reading_options
from mien.cli.sources import STDIN, Item, NamedSource, expand, is_single
from mien.errors import ConfigError, SourceError
from mien.expressions import USE_NOTICE
from mien.imaging import MAX_PIXELS
from mien.imaging.folders import LeftOut
from mien.imaging.limits import PICTURE_TIME_S
from mien.recognition.pipeline import ExpressionPipeline
from mien.recognition.results import FailedImage, ImageResult
from mien.render.canvas import save_picture
from mien.runtime.files import check_writable, file_key, write_text
from mien.text import printable

#: From here on another command serves better.
_MANY = 5_000
#: Processes that decode while this one finds faces.
_MOST_WORKERS = 2

HELP = f"""Name the expression on every face of pictures, from left to right.

SOURCE is a file, a folder (searched through), a pattern in quotes, or - for standard input.

Examples:

    mien predict photo.jpg

    mien predict photo.jpg --format json

    mien predict holiday/ "more/*.png" --out faces.csv --save annotated/

    mien predict photo.jpg --min-confidence 0.6 --crops faces/

Exit code 5 when a picture could not be read; the others are done all the same. No face is no error.

{USE_NOTICE}"""


@with_reading_options
def predict(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE…", help="File, folder, pattern, or - .")],
    *,
    format: Annotated[Format | None, typer.Option(help="Default: by the ending of --out, else table.")] = None,  # noqa: A002
    out: Annotated[Path | None, typer.Option(help="Write to this .json, .jsonl, .csv or .txt file.")] = None,
    save: Annotated[Path | None, typer.Option(help="Write the pictures with boxes and bars into this folder.")] = None,
    crops: Annotated[
        Path | None, typer.Option(help="Write each face as it was framed, upright and in color, into this folder.")
    ] = None,
    reading: ReadingOptions,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    allow_urls: AllowUrlsOption = False,
    min_confidence: Annotated[
        float, typer.Option(min=0, max=1, help="Name no expression whose probability is below this.")
    ] = 0.0,
    time_limit: Annotated[
        float, typer.Option(min=0.1, help="Seconds after which one of several pictures is given up.")
    ] = PICTURE_TIME_S,
    excel_safe: ExcelSafeOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar and no summary.")] = False,
) -> None:
    form = _checked_form(format, out, excel_safe=excel_safe)
    folders = _result_folders(save, crops)
    pipeline = reading.load(min_confidence=min_confidence, max_pixels=max_pixels, allow_urls=allow_urls)
    single = is_single(sources)
    tally = _Tally()
    left_out = LeftOut()
    items = list(expand(sources, left_out, leave_out=folders))
    if len(items) > _MANY:
        print(f"mien: {len(items):,} pictures: mien batch reads them on all cores and resumes", file=sys.stderr)
    read = _files(items)
    if out is not None and file_key(out) in read:
        raise ConfigError(f"{out} is one of the pictures that are read, and would be lost", hint="choose another name")
    check_writable(out)
    outcomes = _read(pipeline, items, time_limit=time_limit, quiet=quiet or single)
    outcomes = outcomes if save is None else _saved(outcomes, Drawings(save, read), tally)
    outcomes = tally.count(outcomes if crops is None else _cropped(outcomes, Drawings(crops, read), tally))
    texts = chunks(outcomes, form, pipeline.recognizer.labels, single=single, excel_safe=excel_safe)
    tally.written[:0] = _write(texts, out)  # first in the list, though reading notes what --save writes before
    for line in left_out.lines():
        print(f"mien: {line}", file=sys.stderr)
    if not quiet:
        print_last_line(read_in_words(tally.pictures, tally.faces, tally.without, tally.failed), tally.written)
    if tally.failed:
        raise typer.Exit(SourceError.exit_code)


def _write(texts: Iterable[str], out: Path | None) -> list[Path]:
    """Write a file at once, or standard output piece by piece; returns the files."""
    if out is not None:
        write_text(out, "".join(texts))
        return [out]
    for text in texts:
        sys.stdout.write(text)
        sys.stdout.flush()  # results appear as they are computed, also in a pipe
    return []


def _checked_form(wanted: Format | None, out: Path | None, *, excel_safe: bool) -> Format:
    form = choose_format(wanted, out)
    if excel_safe and form != "csv":
        raise ConfigError(f"--excel-safe is for CSV, and this writes {form}", hint="add --format csv")
    return form


def _result_folders(save: Path | None, crops: Path | None) -> list[Path]:
    """The folders that pictures are written into; a picture and a crop could have one name."""
    if save is not None and crops is not None and file_key(save) == file_key(crops):
        raise ConfigError(f"--save and --crops both name {save}", hint="give each a folder of its own")
    return [folder for folder in (save, crops) if folder is not None]


def _files(items: Iterable[Item]) -> set[Hashable]:
    """The keys of the pictures that are files."""
    return {file_key(item.source) for item in items if isinstance(item, NamedSource) and isinstance(item.source, Path)}


def _workers(pictures: int) -> int:
    """Processes that decode; one picture is read in this one, as a process takes longer to start than to decode it."""
    return min(pictures, _MOST_WORKERS, os.cpu_count() or 1) if pictures > 1 else 0


def _read(pipeline: ExpressionPipeline, items: Sequence[Item], *, time_limit: float, quiet: bool) -> Iterator[Outcome]:
    """The outcome of each picture in order, those that do not exist among them."""
    wanted = [item for item in items if isinstance(item, NamedSource)]
    results = pipeline.stream((item.source for item in wanted), workers=_workers(len(wanted)), time_s=time_limit)
    with contextlib.ExitStack() as stack:
        steps: Iterable[Item] = items
        if not quiet:
            from rich.console import Console
            from rich.progress import Progress

            console = Console(stderr=True)
            progress = stack.enter_context(Progress(console=console, transient=True, disable=not console.is_terminal))
            steps = progress.track(items, description="Reading faces")
        for item in steps:
            yield item if isinstance(item, FailedImage) else replace(next(results), source=item.name)


def _saved(outcomes: Iterable[Outcome], drawings: Drawings, tally: "_Tally") -> Iterator[Outcome]:
    """The same outcomes; each picture is written with its faces rendered."""
    for outcome in outcomes:
        if isinstance(outcome, ImageResult):
            tally.written.append(drawings.add(_stem(outcome), outcome.save))
        yield outcome
        del outcome  # its picture would be held while the next one is read


def _cropped(outcomes: Iterable[Outcome], drawings: Drawings, tally: "_Tally") -> Iterator[Outcome]:
    """The same outcomes; each face is written, named by its picture and its number."""
    for outcome in outcomes:
        if isinstance(outcome, ImageResult):
            for number, crop in enumerate(outcome.crops(), start=1):
                picture = Image.fromarray(crop)
                tally.written.append(drawings.add(f"{_stem(outcome)}-{number}", partial(save_picture, picture)))
        yield outcome
        del outcome


def _stem(result: ImageResult) -> str:
    return "stdin" if result.source in {None, STDIN} else Path(result.source or "").stem


@dataclass(slots=True)
class _Tally:
    """What was read and written, for the last line."""

    pictures: int = 0
    faces: int = 0
    without: int = 0
    failed: int = 0
    written: list[Path] = field(default_factory=list)

    def count(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """The same outcomes; failures are reported on standard error."""
        for outcome in outcomes:
            self.pictures += 1
            if isinstance(outcome, FailedImage):
                self.failed += 1
                hint = f" ({printable(outcome.error.hint)})" if outcome.error.hint else ""
                print(f"mien: {outcome.error}{hint}", file=sys.stderr)
            else:
                self.faces += len(outcome.faces)
                self.without += not outcome.faces
            yield outcome
            del outcome


predict.__doc__ = HELP
