"""``mien adapt``: adapt a model to a few labeled faces."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli.last_line import print_last_line
from mien.cli.options import DetectorOption
from mien.cli.streams import print_line, warn
from mien.data.splits import Split
from mien.detection.registry import DEFAULT_DETECTOR
from mien.errors import ConfigError
from mien.render.tables import Table, table_console
from mien.render.text import counted

if TYPE_CHECKING:
    from mien.adaptation.judging import Measured
    from mien.adaptation.run import AdaptationResult

#: Row titles by the names of the metrics in ``AdaptationResult.before`` and ``after``.
_TITLES = {
    "accuracy": "accuracy",
    "mean_recall": "mean recall",
    "js": "Jensen-Shannon to the labels, nats",
    "ece": "calibration error",
    "log_loss": "log loss, nats",
}


ModelArgument = Annotated[str, typer.Argument(help="Name of a shipped model, or a model file.")]
DataOption = Annotated[
    Path,
    typer.Option(
        help="Labeled faces: one folder per class, a .csv, a .zip of the service's page, a prepared data set, or the "
        "decisions.csv of an audit."
    ),
]
DatasetOption = Annotated[
    Path | None, typer.Option(help="With a decisions.csv: the prepared data set that was audited.", metavar="FOLDER")
]
PriorOption = Annotated[
    str, typer.Option(help="Class weights: balanced, as-labeled, or a .json file of rates by expression.")
]
MapOption = Annotated[
    list[str] | None, typer.Option("--map", help="EXPRESSION=LABEL of the data, such as happiness=smiling.")
]


def adapt(
    model: ModelArgument,
    *,
    data: DataOption,
    out: Annotated[Path, typer.Option(help="The model file to write.")],
    dataset: DatasetOption = None,
    prior: PriorOption = "balanced",
    map_: MapOption = None,
    split: Annotated[Split, typer.Option(help="Of a prepared data set.")] = "all",
    detector: DetectorOption = DEFAULT_DETECTOR,
    name: Annotated[str | None, typer.Option(help="Name in the metadata.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write the file even without a gain.")] = False,
) -> None:
    """Adapt a model to faces like yours: label a few, get a model file that every command accepts.

    A small layer behind the network is fitted to the labels. It is judged by cross-validation on faces that it was not
    fitted to, by person where a table names persons, and not written where that finds no gain.

    Examples:
        mien adapt default --data labeled/ --out mine.onnx

        mien adapt default --data labels.csv --out mine.onnx --map happiness=smiling

        mien adapt default --data decisions.csv --dataset data/lfw --out lfw.onnx
    """
    from mien.adaptation.run import adapt as adapt_model  # needs scipy and onnx, which --help does not

    result = adapt_model(
        model,
        data,
        out,
        prior=prior,
        mapped=dict(_pair(text) for text in map_ or ()),
        split=split,
        dataset=dataset,
        detector=detector,
        name=name,
        force=force,
    )
    _show(result)


def _pair(text: str) -> tuple[str, str]:
    ours, equals, theirs = text.partition("=")
    if not (ours and equals and theirs):
        raise ConfigError(f"--map {text!r}: expected EXPRESSION=LABEL", hint="such as --map happiness=smiling")
    return theirs, ours  # the option reads like an assignment; the library maps the data's labels to expressions


def _show(result: "AdaptationResult") -> None:
    labels = ", ".join(f"{count} {label}" for label, count in result.labels.items())
    people = f" of {result.people} people" if result.people else ""
    # print_line and warn escape control characters: label words come from the user's folders and tables
    print_line(f"{counted(sum(result.labels.values()), 'labeled face')}{people}: {labels}")
    rows = [
        (title, _cell(getattr(result.before, key)), _cell(getattr(result.after, key))) for key, title in _TITLES.items()
    ]
    table = Table(
        "On faces that the layer was not fitted to, with 95 % intervals", ("metric", "before", "after"), tuple(rows)
    )
    table_console().print(table.to_rich())
    if result.not_found:
        pictures = counted(result.not_found, "picture")
        warn(f"no face detected in {pictures}: the whole picture was used")
    if not result.certain:  # the file was written all the same: the gain is positive, but small or of few faces
        warn("the interval of the gain includes 0: label more faces before you rely on it")
    warn(str(result.metadata.adaptation["warning"]))
    print_last_line(f"{result.metadata.name}: {counted(sum(result.labels.values()), 'face')}", [result.path])


def _cell(measured: "Measured") -> str:
    return f"{measured.value:.4f} [{measured.low:.3f}, {measured.high:.3f}]"
