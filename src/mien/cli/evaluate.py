"""``mien evaluate``: the metrics of a model or the baseline, as tables, JSON, or a folder with plots.

It computes nothing; metrics go to standard output, everything else to standard error.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mien.cli.options import DecisionOption, LabelsOption, PriorOption
from mien.data.protocols import PROTOCOLS
from mien.data.splits import Split
from mien.errors import ConfigError
from mien.evaluation.bootstrap import RESAMPLES
from mien.render.plots import load_figure
from mien.render.tables import table_console

if TYPE_CHECKING:
    from mien.data.dataset import FerDataset
    from mien.evaluation import Predictor
    from mien.evaluation.report import EvaluationReport
    from mien.evaluation.run import Progress as Report
    from mien.expressions import LabelSet

_Data = Annotated[Path, typer.Option("--data", help="Folder of the prepared data set.")]
_Model = Annotated[
    str | None,
    typer.Argument(metavar="MODEL", help="Name of a shipped model, or a model file. Without it, the default one."),
]
_Split = Annotated[Split, typer.Option("--split", help="The test split is for a finished model.")]
_Protocols = Annotated[
    list[str] | None,
    typer.Option("--protocol", help=f"{', '.join(PROTOCOLS)}, or all. May be given several times. Default: majority."),
]
_Baseline = Annotated[Literal["naive"] | None, typer.Option("--baseline", help="Instead of MODEL: always neutral.")]
_Json = Annotated[bool, typer.Option("--json", help="Print one object, or a list for several protocols.")]
_Out = Annotated[Path | None, typer.Option("--out", help="Folder for report.json, report.md and PNGs.")]
_Resamples = Annotated[int, typer.Option("--resamples", min=0, help="Of the bootstrap; 0: no intervals.")]
_Seed = Annotated[int, typer.Option("--seed", min=0, help="Of the bootstrap and of the one draw of labels.")]


def evaluate(
    data: _Data,
    model: _Model = None,
    *,
    split: _Split = "test",
    protocol: _Protocols = None,
    baseline: _Baseline = None,
    labels: LabelsOption = "perceived",
    prior: PriorOption = None,
    decision: DecisionOption = "rule",
    json_output: _Json = False,
    out: _Out = None,
    resamples: _Resamples = RESAMPLES,
    seed: _Seed = 0,
) -> None:
    """Judge a model on a split: metrics with 95 % intervals, a summary first, then protocol by protocol.

    What is counted is the expression that the model names; with --json, `argmax` has the same of the most probable one.

    Choose recipe, epoch and threshold on the validation split; the test split is for a finished model and is read once.

    Examples:
      mien evaluate --data DATA --split validation
      mien evaluate model.onnx --data DATA --protocol majority --protocol votes
      mien evaluate model.onnx --data DATA --protocol all --out REPORT
      mien evaluate model.onnx --data DATA --protocol votes --json > votes.json
      mien evaluate --baseline naive --data DATA --protocol drawn
    """
    from mien.data.dataset import open_dataset
    from mien.evaluation.report import EvaluationReport, compare_with_naive
    from mien.evaluation.run import EvaluationOptions
    from mien.evaluation.run import evaluate as judge
    from mien.recognition.recognizer import load_recognizer

    if out is not None:
        load_figure()  # missed now rather than after all is judged
    if baseline is not None:
        name, predictor, columns = _baseline(baseline, model)
    else:
        recognizer = load_recognizer(model or "default", labels=labels, prior=prior, decision=decision)
        name, predictor, columns = model or recognizer.metadata.name, recognizer, recognizer.labels
    dataset = open_dataset(data)
    protocols = _protocols(protocol, dataset, split)
    with _progress() as progress:
        options = EvaluationOptions(labels=columns, resamples=resamples, seed=seed, progress=progress)
        results = judge(predictor, dataset, split=split, protocols=protocols, options=options)
    comparison = compare_with_naive(results, dataset, seed=seed, is_naive=baseline is not None)
    _show(EvaluationReport(name, results, comparison), as_json=json_output, out=out)


def _baseline(baseline: str, model: str | None) -> "tuple[str, Predictor, LabelSet]":
    from mien.evaluation import NaiveBaseline
    from mien.expressions import FERPLUS_LABELS

    if model is not None:
        raise ConfigError(f"MODEL {model!r} and --baseline {baseline!r} exclude each other", hint="give one of them")
    return f"the {baseline} baseline", NaiveBaseline(), FERPLUS_LABELS


def _protocols(names: list[str] | None, dataset: "FerDataset", split: Split) -> tuple[str, ...]:
    from mien.evaluation.run import usable_protocols

    if "all" not in (names or []):
        return tuple(dict.fromkeys(names or ["majority"]))
    usable = usable_protocols(dataset, split)
    absent = [name for name in PROTOCOLS if name not in usable]
    if absent:
        _note(f"left out, for want of votes or images: {', '.join(absent)}")
    return usable


def _show(report: "EvaluationReport", *, as_json: bool, out: Path | None) -> None:
    from mien.evaluation.plots import save_plots
    from mien.evaluation.report import TEST_SPLIT_NOTICE

    if any(result.split == "test" for result in report.results):
        _note(TEST_SPLIT_NOTICE)
    if as_json:
        print(report.to_json())
    else:
        table_console().print(*(table.to_rich() for table in report.tables()))
    if out is not None:  # last: what is on the screen is not lost where a file cannot be written
        written = [*report.write(out)]
        for result in report.results:
            written += (path for path, _ in save_plots(result, out))
        _note(f"wrote {len(written)} files to {out}: {', '.join(path.name for path in written)}")


@contextmanager
def _progress() -> "Iterator[Report]":
    console = Console(stderr=True)
    columns = (TextColumn("images"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("images", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _note(text: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, markup=False)
