"""``mien report``: the plots and tables of the capstone's report for this data set, with the shipped models."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mien.cli.last_line import print_last_line
from mien.cli.sources import expand
from mien.data.splits import Split
from mien.errors import SourceError
from mien.evaluation.bootstrap import RESAMPLES
from mien.imaging.folders import LeftOut
from mien.recognition.results import FailedImage
from mien.render.text import counted
from mien.runtime.optional import learning


def report(
    data: Annotated[Path, typer.Option(help="The prepared data set.")],
    out: Annotated[Path, typer.Option(help="Folder for report.html, its pictures and the metrics as JSON.")],
    *,
    model: Annotated[
        list[str] | None, typer.Option(help="A shipped model or a model file; repeatable. Default: all shipped ones.")
    ] = None,
    across: Annotated[
        list[Path] | None, typer.Option(help="A further prepared data set for the table across sets; repeatable.")
    ] = None,
    peers: Annotated[
        Path | None, typer.Option(help="JSON of other packages' results on these sets, for that table.")
    ] = None,
    photo: Annotated[list[str] | None, typer.Option(help="A photo, folder or pattern; repeatable.")] = None,
    split: Annotated[Split, typer.Option(help="The test split is for a finished model.")] = "test",
    resamples: Annotated[int, typer.Option(min=0, help="Bootstrap resamples; 0 leaves intervals out.")] = RESAMPLES,
    seed: Annotated[int, typer.Option(min=0, help="Seed of sample faces, bootstrap and the one draw of labels.")] = 0,
) -> None:
    """Write one self-contained HTML page: data, naive predictor, networks, curves, confusion matrices, results, photos.

    Examples:
        mien report --data data/ferplus --out report --photo photos/

        mien report --data data/ferplus --across data/lfw --across data/london --out report

        mien report --data data/ferplus --out report --model capstone --model runs/mine/model.onnx --split validation
    """
    with learning():  # the page counts and plots the layers of networks, which needs torch
        from mien.reporting.capstone_report import ReportOptions, write_report
    from mien.data.dataset import open_dataset
    from mien.evaluation.peers import load_peers
    from mien.recognition.pipeline import load
    from mien.weights import list_weights

    names = model or list(list_weights(aliases=False))
    dataset = open_dataset(data)
    further = {folder.name: open_dataset(folder) for folder in across or []}
    photos = _photos(photo or [], leave_out=out)
    others = () if peers is None else load_peers(peers)
    options = ReportOptions(split, photos, resamples, seed, further, others)
    with Console(stderr=True).status(f"judging {', '.join(names)} on the {split} split"):
        page = write_report(dataset, [load(name) for name in names], out, options)
    judged = f"{counted(len(names), 'model')} on {len(dataset.split_rows(split)):,} images"
    print_last_line(f"{judged}, {counted(len(photos), 'photo')}", [page, *sorted(out.glob("*.json")), out / "figures"])


def _photos(names: list[str], *, leave_out: Path) -> tuple[Path, ...]:
    """The pictures that the names match, without those of an earlier report.

    Raises:
        SourceError: A folder or a pattern has none, or standard input is given.
    """
    found, left_out = [], LeftOut()
    for item in expand(names, left_out, leave_out=[leave_out]):
        if isinstance(item, FailedImage):
            raise item.error  # a report without a requested photo is incomplete, unlike a row of `mien predict`
        if not isinstance(item.source, Path):
            raise SourceError(f"{item.name}: the photos of a report must be files", hint="save it and give its path")
        found.append(item.source)
    for line in left_out.lines():
        print(f"mien: {line}", file=sys.stderr)
    return tuple(found)
