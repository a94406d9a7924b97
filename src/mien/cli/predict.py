"""``mien predict``: the expressions of every face in the pictures that a user names.

Data goes to standard output, errors and progress to standard error.
"""

import contextlib
import sys
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from mien.cli.drawings import Drawings
from mien.cli.formats import Format, Outcome, choose_format, chunks
from mien.cli.options import (
    DecisionOption,
    DetectorFileOption,
    DetectorOption,
    LabelsOption,
    MaxFacesOption,
    MinDetectorScoreOption,
    MinFaceOption,
    ModelOption,
    PriorOption,
    SearchOption,
)
from mien.cli.sources import STDIN, Item, NamedSource, expand, is_single
from mien.detection.registry import DEFAULT_DETECTOR
from mien.errors import ConfigError, SourceError
from mien.expressions import USE_NOTICE
from mien.recognition.pipeline import ExpressionPipeline, load
from mien.recognition.results import FailedImage, ImageResult
from mien.runtime.files import check_writable, file_key, write_text

HELP = f"""Name the expression on every face of pictures, from left to right.

SOURCE is a file, a folder (searched through), a pattern in quotes, or - for standard input.

Examples:

    mien predict photo.jpg

    mien predict photo.jpg --format json

    mien predict holiday/ "more/*.png" --out faces.csv --save drawn/

    mien predict photo.jpg --min-confidence 0.6

Exit code 5 when a picture could not be read; the others are done all the same. No face is no error.

{USE_NOTICE}"""


def predict(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE…", help="File, folder, pattern, or - .")],
    *,
    format: Annotated[Format | None, typer.Option(help="Default: by the ending of --out, else table.")] = None,  # noqa: A002
    out: Annotated[Path | None, typer.Option(help="Write to this .json, .jsonl, .csv or .txt file.")] = None,
    save: Annotated[Path | None, typer.Option(help="Write the pictures with boxes and bars into this folder.")] = None,
    model: ModelOption = "default",
    detector: DetectorOption = DEFAULT_DETECTOR,
    detector_file: DetectorFileOption = None,
    search: SearchOption = "default",
    min_face: MinFaceOption = None,
    max_faces: MaxFacesOption = None,
    min_detector_score: MinDetectorScoreOption = None,
    labels: LabelsOption = "perceived",
    prior: PriorOption = None,
    decision: DecisionOption = "rule",
    min_confidence: Annotated[
        float, typer.Option(min=0, max=1, help="Name no expression where the named one is less probable than this.")
    ] = 0.0,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    form = choose_format(format, out)
    pipeline = load(
        model,
        detector,
        detector_file=detector_file,
        search=search,
        min_face=min_face,
        max_faces=max_faces,
        min_detector_score=min_detector_score,
        min_confidence=min_confidence,
        labels=labels,
        prior=prior,
        decision=decision,
    )
    single = is_single(sources)
    failed: list[FailedImage] = []
    items = list(expand(sources, leave_out=save))
    read = _files(items)
    if out is not None and file_key(out) in read:
        raise ConfigError(f"{out} is one of the pictures that are read, and would be lost", hint="choose another name")
    check_writable(out)
    outcomes = _read(pipeline, items, quiet=quiet or single)
    outcomes = _reported(outcomes if save is None else _saved(outcomes, Drawings(save, read)), failed)
    texts = chunks(outcomes, form, pipeline.recognizer.labels, single=single)
    if out is not None:
        write_text(out, "".join(texts))
    else:
        for text in texts:
            sys.stdout.write(text)
            sys.stdout.flush()
    if failed:
        raise typer.Exit(SourceError.exit_code)


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
            progress = stack.enter_context(Progress(console=Console(stderr=True), transient=True))
            steps = progress.track(items, description="Reading faces")
        for item in steps:
            yield item if isinstance(item, FailedImage) else replace(next(results), source=item.name)


def _saved(outcomes: Iterable[Outcome], drawings: Drawings) -> Iterator[Outcome]:
    """The same outcomes; each picture is drawn."""
    for outcome in outcomes:
        if isinstance(outcome, ImageResult):
            stem = "stdin" if outcome.source in {None, STDIN} else Path(outcome.source or "").stem
            print(f"drawn: {drawings.add(stem, outcome.save)}", file=sys.stderr)
        yield outcome


def _reported(outcomes: Iterable[Outcome], failed: list[FailedImage]) -> Iterator[Outcome]:
    """The same outcomes; failures are told on standard error and kept in ``failed``."""
    for outcome in outcomes:
        if isinstance(outcome, FailedImage):
            hint = f" ({outcome.error.hint})" if outcome.error.hint else ""
            print(f"mien: {outcome.error}{hint}", file=sys.stderr)
            failed.append(outcome)
        yield outcome


predict.__doc__ = HELP
