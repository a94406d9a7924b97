"""``mien adapt``: a model of one's own from a handful of labeled faces."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli.options import DetectorOption
from mien.data.splits import Split
from mien.errors import ConfigError
from mien.render.tables import Table, table_console
from mien.render.text import counted

if TYPE_CHECKING:
    from mien.adaptation.judging import Measured
    from mien.adaptation.run import AdaptationResult

_TITLES = {
    "accuracy": "accuracy",
    "mean_recall": "mean recall",
    "js": "Jensen-Shannon to the labels, nats",
    "ece": "calibration error",
    "log_loss": "log loss, nats",
}


def adapt(
    model: Annotated[str, typer.Argument(help="Name of a shipped model, or a model file.")],
    *,
    data: Annotated[
        Path, typer.Option(help="Folder with a folder for each class, .csv, .zip of the page, or a prepared data set.")
    ],
    out: Annotated[Path, typer.Option(help="The model file to write.")],
    prior: Annotated[
        str, typer.Option(help="How classes weigh: balanced, as-labeled, or a .json file of rates by expression.")
    ] = "balanced",
    map_: Annotated[
        list[str] | None, typer.Option("--map", help="EXPRESSION=LABEL of the data, such as happiness=smiling.")
    ] = None,
    split: Annotated[Split, typer.Option(help="Of a prepared data set.")] = "all",
    detector: DetectorOption = "blazeface",
    name: Annotated[str | None, typer.Option(help="Name in the metadata.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write it even where it gains nothing.")] = False,
) -> None:
    """Fit a model to faces like yours: label a few, get a model file that every command takes.

    A small layer behind the network is fitted to the labels, and judged by cross-validation on faces that it has not
    seen, by person where a table names them. Nothing is written where that finds no gain.

    Examples:
        mien adapt default --data labeled/ --out mine.onnx

        mien adapt default --data labels.csv --out mine.onnx --map happiness=smiling

        mien predict photo.jpg --model mine.onnx
    """
    from mien.adaptation.run import adapt as adapt_model

    mapped = dict(_pair(text) for text in map_ or ())
    result = adapt_model(
        model,
        data,
        out,
        prior=prior,
        mapped=mapped,
        split=split,
        detector=detector,
        name=name,
        force=force,
    )
    _show(result)


def _pair(text: str) -> tuple[str, str]:
    ours, equals, theirs = text.partition("=")
    if not (ours and equals and theirs):
        raise ConfigError(f"--map {text!r}: expected EXPRESSION=LABEL", hint="such as --map happiness=smiling")
    return theirs, ours


def _show(result: "AdaptationResult") -> None:
    labels = ", ".join(f"{count} {label}" for label, count in result.labels.items())
    people = f" of {result.people} people" if result.people else ""
    print(f"{counted(sum(result.labels.values()), 'labeled face')}{people}: {labels}")
    rows = [
        (title, _cell(getattr(result.before, key)), _cell(getattr(result.after, key))) for key, title in _TITLES.items()
    ]
    table = Table(
        "On faces that the layer had not seen, with 95 % intervals", ("metric", "before", "after"), tuple(rows)
    )
    table_console().print(table.to_rich())
    print(f"wrote {result.path} ({result.metadata.name})")
    if result.not_found:
        print(f"mien: no face was found in {counted(result.not_found, 'picture')}; taken whole", file=sys.stderr)
    if not result.certain:
        print("mien: the interval of the gain includes none: label more faces before you rely on it", file=sys.stderr)
    print(f"mien: {result.metadata.adaptation['warning']}", file=sys.stderr)


def _cell(measured: "Measured") -> str:
    return f"{measured.value:.4f} [{measured.low:.3f}, {measured.high:.3f}]"
