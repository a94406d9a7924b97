"""``mien predict``: the expressions of every face in the pictures that a user names.

Data goes to standard output, errors and progress to standard error.
"""

import contextlib
import sys
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from mien.cli.drawings import Drawings
from mien.cli.formats import Format, Outcome, choose_format, chunks
from mien.cli.options import AllowUrlsOption, MaxPixelsOption, ReadingOptions, with_reading_options
from mien.cli.sources import STDIN, Item, NamedSource, expand, is_single
from mien.errors import ConfigError, SourceError
from mien.expressions import USE_NOTICE
from mien.imaging import MAX_PIXELS
from mien.imaging.folders import LeftOut
from mien.recognition.pipeline import ExpressionPipeline
from mien.recognition.results import FailedImage, ImageResult
from mien.render.text import counted
from mien.runtime.files import check_writable, file_key, write_text
from mien.text import printable

#: From here on another command serves better.
_MANY = 5_000

HELP = f"""Name the expression on every face of pictures, from left to right.

SOURCE is a file, a folder (searched through), a pattern in quotes, or - for standard input.

Examples:

    mien predict photo.jpg

    mien predict photo.jpg --format json

    mien predict holiday/ "more/*.png" --out faces.csv --save annotated/

    mien predict photo.jpg --min-confidence 0.6

Exit code 5 when a picture could not be read; the others are done all the same. No face is no error.

{USE_NOTICE}"""


@with_reading_options
def predict(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE…", help="File, folder, pattern, or - .")],
    *,
    format: Annotated[Format | None, typer.Option(help="Default: by the ending of --out, else table.")] = None,  # noqa: A002
    out: Annotated[Path | None, typer.Option(help="Write to this .json, .jsonl, .csv or .txt file.")] = None,
    save: Annotated[Path | None, typer.Option(help="Write the pictures with boxes and bars into this folder.")] = None,
    reading: ReadingOptions,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    allow_urls: AllowUrlsOption = False,
    min_confidence: Annotated[
        float, typer.Option(min=0, max=1, help="Name no expression whose probability is below this.")
    ] = 0.0,
    excel_safe: Annotated[
        bool, typer.Option("--excel-safe", help="Guard text in CSV that a spreadsheet would run as a formula.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar and no summary.")] = False,
) -> None:
    form = choose_format(format, out)
    if excel_safe and form != "csv":
        raise ConfigError(f"--excel-safe is for CSV, and this writes {form}", hint="add --format csv")
    pipeline = reading.load(min_confidence=min_confidence, max_pixels=max_pixels, allow_urls=allow_urls)
    single = is_single(sources)
    tally = _Tally()
    left_out = LeftOut()
    items = list(expand(sources, left_out, leave_out=save))
    if len(items) > _MANY:
        print(f"mien: {len(items):,} pictures: mien batch reads them on all cores and resumes", file=sys.stderr)
    read = _files(items)
    if out is not None and file_key(out) in read:
        raise ConfigError(f"{out} is one of the pictures that are read, and would be lost", hint="choose another name")
    check_writable(out)
    outcomes = _read(pipeline, items, quiet=quiet or single)
    outcomes = tally.count(outcomes if save is None else _saved(outcomes, Drawings(save, read), tally))
    texts = chunks(outcomes, form, pipeline.recognizer.labels, single=single, excel_safe=excel_safe)
    written = _write(texts, out)  # first: reading counts what --save writes in the same tally
    tally.written += written
    for line in left_out.lines():
        print(f"mien: {line}", file=sys.stderr)
    if not quiet:
        print(tally.text(), file=sys.stderr)
    if tally.failed:
        raise typer.Exit(SourceError.exit_code)


def _write(texts: Iterable[str], out: Path | None) -> int:
    """Write a file at once, or standard output piece by piece; returns the number of files."""
    if out is not None:
        write_text(out, "".join(texts))
        return 1
    for text in texts:
        sys.stdout.write(text)
        sys.stdout.flush()  # results appear as they are computed, also in a pipe
    return 0


def _files(items: Iterable[Item]) -> set[Hashable]:
    """The keys of the pictures that are files."""
    return {file_key(item.source) for item in items if isinstance(item, NamedSource) and isinstance(item.source, Path)}


def _read(pipeline: ExpressionPipeline, items: Sequence[Item], *, quiet: bool) -> Iterator[Outcome]:
    """The outcome of each picture in order, those that do not exist among them."""
    wanted = [item for item in items if isinstance(item, NamedSource)]
    results = pipeline.stream(item.source for item in wanted)
    with contextlib.ExitStack() as stack:
        steps: Iterable[Item] = items
        if not quiet:
            from rich.console import Console
            from rich.progress import Progress

            progress = stack.enter_context(Progress(console=Console(stderr=True), transient=True))
            steps = progress.track(items, description="Reading faces")
        for item in steps:
            yield item if isinstance(item, FailedImage) else replace(next(results), source=item.name)


def _saved(outcomes: Iterable[Outcome], drawings: Drawings, tally: "_Tally") -> Iterator[Outcome]:
    """The same outcomes; each picture is written with its faces rendered."""
    for outcome in outcomes:
        if isinstance(outcome, ImageResult):
            stem = "stdin" if outcome.source in {None, STDIN} else Path(outcome.source or "").stem
            print(f"rendered: {printable(str(drawings.add(stem, outcome.save)))}", file=sys.stderr)
            tally.written += 1
        yield outcome


@dataclass(slots=True)
class _Tally:
    """What was read and written, for the last line."""

    pictures: int = 0
    faces: int = 0
    without: int = 0
    failed: int = 0
    written: int = 0

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

    def text(self) -> str:
        """``3 pictures: 4 faces, 1 without a face, 0 failed; 1 file written``."""
        read = f"{counted(self.pictures, 'picture')}: {counted(self.faces, 'face')}"
        return f"{read}, {self.without} without a face, {self.failed} failed; {counted(self.written, 'file')} written"


predict.__doc__ = HELP
