"""``mien evaluate``: the metrics of a model or the baseline, as tables, JSON, or a folder with plots.

Metrics go to standard output, everything else to standard error.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mien.cli.last_line import print_last_line
from mien.cli.options import DecisionOption, LabelsOption, PriorOption
from mien.data.protocols import PROTOCOLS
from mien.data.splits import Split
from mien.errors import ConfigError
from mien.evaluation.bootstrap import RESAMPLES
from mien.render.plots import load_figure
from mien.render.tables import table_console

if TYPE_CHECKING:
    from mien.data.dataset import FerDataset
    from mien.evaluation.predictors import Judgeable
    from mien.evaluation.predictors import Progress as Report
    from mien.evaluation.report import EvaluationReport
    from mien.expressions import LabelSet

# Options without an underscore are shared with `mien compare` and `mien card`.
DataOption = Annotated[Path, typer.Option("--data", help="Folder of a prepared data set.")]
ProtocolsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--protocol",
        help=f"{', '.join(PROTOCOLS)}, or all; repeatable. Default: majority; for imported sets labels.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one object, or a list for several protocols.")]
ResamplesOption = Annotated[
    int, typer.Option("--resamples", min=0, help="Bootstrap resamples; 0 leaves intervals out.")
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of the bootstrap and of the one draw of labels.")]
_Model = Annotated[
    str | None,
    typer.Argument(metavar="MODEL", help="Name of a shipped model, or a model file. Without it, the default one."),
]
_Split = Annotated[
    Split | None,
    typer.Option("--split", help="Default: test, which is for a finished model; all for a set without splits."),
]
_Baseline = Annotated[Literal["naive"] | None, typer.Option("--baseline", help="Instead of MODEL: always neutral.")]
_Predictions = Annotated[
    Path | None,
    typer.Option(
        "--predictions", help="Instead of MODEL: an .npy file of probabilities, one row per image of the split."
    ),
]
_Columns = Annotated[
    str | None,
    typer.Option("--columns", help="Expressions of its columns. Default: the eight of FER+, in their order."),
]
_Decisions = Annotated[
    Path | None,
    typer.Option("--decisions", help="decisions.csv of an audit: judge on the labels as published and as decided."),
]
_By = Annotated[str | None, typer.Option("--by", help="Groups of people to compare, such as gender,age.")]
_Out = Annotated[Path | None, typer.Option("--out", help="Folder for report.json, report.md and PNGs.")]


def evaluate(
    data: DataOption,
    model: _Model = None,
    *,
    split: _Split = None,
    protocol: ProtocolsOption = None,
    baseline: _Baseline = None,
    predictions: _Predictions = None,
    columns: _Columns = None,
    by: _By = None,
    decisions: _Decisions = None,
    labels: LabelsOption = "perceived",
    prior: PriorOption = None,
    decision: DecisionOption = "rule",
    json_output: JsonOption = False,
    out: _Out = None,
    resamples: ResamplesOption = RESAMPLES,
    seed: SeedOption = 0,
) -> None:
    """Evaluate a model on a split: metrics with 95 % intervals, a summary first, then protocol by protocol.

    Predictions are the expressions that the model names; with --json, `argmax` has those of the most probable ones.

    Choose recipe, epoch and threshold on the validation split; the test split is for a finished model and is read once.

    Examples:
      mien evaluate --data DATA --split validation
      mien evaluate model.onnx --data DATA --protocol majority --protocol votes
      mien evaluate model.onnx --data DATA --protocol all --out REPORT
      mien evaluate --baseline naive --data DATA --protocol drawn --json > naive.json
      mien evaluate --predictions probabilities.npy --data DATA --split validation
      mien evaluate --data data/london --by gender,age
      mien evaluate --data DATA --decisions decisions.csv
    """
    if out is not None:
        load_figure()  # fail now rather than after the evaluation, if matplotlib is missing
    if baseline is not None or predictions is not None:
        subject = _without_model(model, baseline, predictions, columns)
    else:
        subject = load_subject(model or "default", labels=labels, prior=prior, decision=decision)
    reports = [
        _judge(subject, data, split, protocol, by=by, decisions=table, resamples=resamples, seed=seed)
        for table in ((None,) if decisions is None else (None, decisions))
    ]
    _show(reports, as_json=json_output, out=out)


@dataclass(frozen=True)
class Subject:
    """What is evaluated: its name, the predictor, the labels of its columns, and its origin for records."""

    name: str
    predictor: "Judgeable"
    labels: "LabelSet"
    origin: Mapping[str, str] = field(default_factory=dict)


def load_subject(
    model: str, *, labels: LabelsOption = "perceived", prior: str | None = None, decision: DecisionOption = "rule"
) -> Subject:
    """A shipped model by its name, or a model file."""
    from mien.recognition.recognizer import load_recognizer
    from mien.runtime.files import sha256_of

    recognizer = load_recognizer(model, labels=labels, prior=prior, decision=decision)
    # reports name the model behind the alias, which may be another in the next version
    name = recognizer.metadata.name if model == "default" else model
    origin = {"model": recognizer.metadata.name, "model_sha256": sha256_of(recognizer.path)}
    return Subject(name, recognizer, recognizer.labels, origin)


def load_array(path: Path, columns: str | None = None) -> Subject:
    """Probabilities from a file; ``columns`` names their expressions, by default those of FER+."""
    from mien.evaluation.predictors import load_predictions
    from mien.expressions import FERPLUS_LABELS, LabelSet

    labels = FERPLUS_LABELS if columns is None else LabelSet.named(columns.replace(" ", "").split(","))
    return Subject(path.name, load_predictions(path), labels, {"model": path.name})


def _without_model(model: str | None, baseline: str | None, predictions: Path | None, columns: str | None) -> Subject:
    from mien.evaluation import NaiveBaseline
    from mien.expressions import FERPLUS_LABELS

    given = {"MODEL": model, "--baseline": baseline, "--predictions": predictions}
    named = [f"{name} {str(value)!r}" for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise ConfigError(f"{' and '.join(named)} exclude each other", hint="give one of them")
    if predictions is not None:
        return load_array(predictions, columns)
    return Subject(f"the {baseline} baseline", NaiveBaseline(), FERPLUS_LABELS, {"model": str(baseline)})


def _judge(
    subject: Subject,
    data: Path,
    split: Split | None,
    protocol: list[str] | None,
    *,
    by: str | None,
    decisions: Path | None,
    resamples: int,
    seed: int,
) -> "EvaluationReport":
    """Judge on the labels as published, or as decided."""
    from mien.data.dataset import open_dataset, open_unchanged
    from mien.data.decisions import as_decided, read_decisions
    from mien.evaluation.groups import evaluate_groups
    from mien.evaluation.predictors import EvaluationOptions
    from mien.evaluation.report import EvaluationReport, compare_with_naive
    from mien.evaluation.run import default_split
    from mien.evaluation.run import evaluate as judge

    split = split or default_split(open_dataset(data))
    # open_unchanged compares hashes: changed labels would be judged without a word
    dataset, name = open_unchanged(data, split), subject.name
    if decisions is not None:
        dataset, name = as_decided(dataset, read_decisions(decisions)), f"{name}, labels as decided"
    protocols = chosen_protocols(protocol, dataset, split)
    named = [name.strip() for name in (by or "").split(",") if name.strip()]
    with progress() as report:
        options = EvaluationOptions(labels=subject.labels, resamples=resamples, seed=seed, progress=report)
        results = judge(subject.predictor, dataset, split=split, protocols=protocols, options=options)
        groups = tuple(
            group
            for rule in (protocols if named else ())
            for group in evaluate_groups(subject.predictor, dataset, named, split=split, protocol=rule, options=options)
        )
    naive = subject.origin.get("model") == "naive"  # the baseline is not compared with itself
    comparison = compare_with_naive(results, dataset, seed=seed, is_naive=naive)
    origin = {**subject.origin, "data_sha256": dataset.manifest_sha256}
    return EvaluationReport(name, results, comparison, origin, groups)


def chosen_protocols(names: list[str] | None, dataset: "FerDataset", split: Split) -> tuple[str, ...]:
    """The requested protocols, each once; ``all`` are those that the data set supports."""
    from mien.evaluation.run import default_protocol, usable_protocols

    if "all" not in (names or []):  # names are checked where they are used, by mien.data.protocols.select
        return tuple(dict.fromkeys(names or [default_protocol(dataset)]))
    usable = usable_protocols(dataset, split)
    absent = [name for name in PROTOCOLS if name not in usable]
    if absent:
        _note(f"left out, as the data set has no votes or images for them: {', '.join(absent)}")
    return usable


def _show(reports: "list[EvaluationReport]", *, as_json: bool, out: Path | None) -> None:
    """Print one report, or that on the labels as published and that as decided; write them."""
    from mien.evaluation.plots import save_plots
    from mien.evaluation.report import TEST_SPLIT_NOTICE

    published = reports[0]
    if any(result.split == "test" for result in published.results):
        _note(TEST_SPLIT_NOTICE)
    if as_json:
        texts = [report.to_json() for report in reports]
        print(texts[0] if len(texts) == 1 else f'{{"published": {texts[0]},\n"decided": {texts[1]}}}')
    else:
        table_console().print(*(table.to_rich() for report in reports for table in report.tables()))
    written: list[Path] = []
    # last, so that the metrics are printed even if a file cannot be written
    for report, folder in zip(reports, (out, out and out / "decided"), strict=False):
        if folder is not None:
            written += report.write(folder)
            for result in report.results:
                written += (path for path, _ in save_plots(result, folder))
    counts = ", ".join(f"{result.protocol} {result.n:,} images" for result in published.results)
    print_last_line(f"{published.model}: {counts}", written)


@contextmanager
def progress() -> "Iterator[Report]":
    """A progress bar on standard error, as a function of images done and total; nothing without a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("images"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("images", total=None)  # the total is known with the first batch
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _note(text: str) -> None:
    # markup off: square brackets in names of models are text, not Rich's tags
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, markup=False)
