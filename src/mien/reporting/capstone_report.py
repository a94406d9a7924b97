"""The report of ``mien report``: one HTML page with the capstone's plots and tables, and ours beside them.

data set, models, photos → evaluation, plots, annotated photos → figures/*.png, NAME.json → report.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from mien.data.dataset import FerDataset
from mien.data.plots import plot_distribution, plot_faces
from mien.data.splits import SPLITS, Split
from mien.data.summary import count_protocols
from mien.errors import ConfigError
from mien.evaluation.baselines import NaiveBaseline
from mien.evaluation.bootstrap import RESAMPLES
from mien.evaluation.groups import GroupResult, evaluate_groups
from mien.evaluation.peers import PeerResult
from mien.evaluation.plots import save_plots
from mien.evaluation.predictors import EvaluationOptions, Predictor
from mien.evaluation.report import TEST_SPLIT_NOTICE, EvaluationReport, details
from mien.evaluation.results import EvaluationResult
from mien.evaluation.run import default_protocol, default_split, evaluate, usable_protocols
from mien.evaluation.tables import (
    across_sets_table,
    capstone_table,
    group_tables,
    leaderboard_table,
    metrics_of_models,
    summary_table,
)
from mien.expressions import FERPLUS_LABELS, USE_NOTICE, LabelSet
from mien.imaging import readable_path
from mien.networks.diagram import plot_network
from mien.networks.summary import NetworkSummary, summarize
from mien.recognition.pipeline import ExpressionPipeline
from mien.recognition.results import FailedImage
from mien.render.html import Page
from mien.render.plots import save_plot
from mien.render.tables import Table
from mien.render.text import counted, percent
from mien.runtime.files import write_text
from mien.training.curves import history_figure
from mien.training.history import EpochMetrics

#: The name of the naive predictor's pictures.
_NAIVE = "naive"
#: Protocols with tables and plots of their own; the others are only in the table of all protocols.
_DETAILED: Final = ("drawn", "votes", "majority")

#: Results of each model by its name, protocol by protocol.
_Results = Mapping[str, Sequence[EvaluationResult]]


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """The options of a report.

    Attributes:
        split: The split on which the models are judged.
        photos: Pictures to read with the last of the models; the page names those that cannot be read.
        resamples: Of the bootstrap.
        seed: Of the sample faces, the bootstrap and the one draw of labels.
        across: Further data sets by name; each is a row of the table across sets.
        peers: What other packages reached on these sets, columns of that table.
    """

    split: Split = "test"
    photos: tuple[Path, ...] = ()
    resamples: int = RESAMPLES
    seed: int = 0
    across: Mapping[str, FerDataset] = field(default_factory=dict)
    peers: tuple[PeerResult, ...] = ()


_DEFAULTS = ReportOptions()


def write_report(
    dataset: FerDataset, models: Sequence[ExpressionPipeline], out: Path, options: ReportOptions = _DEFAULTS
) -> Path:
    """Write a self-contained ``report.html``, its pictures as ``figures/*`` and its metrics as ``NAME.json``.

    Args:
        dataset: A prepared data set.
        models: Judged and shown in this order; the last one reads the photos.
        out: The folder; files of these names are replaced.
        options: Split, photos, bootstrap and further data sets.

    Returns:
        The page.

    Raises:
        ConfigError: Two of the models have the same name, or one has that of the naive predictor.
        MissingDependencyError: matplotlib or torch is not installed.
        StorageError: ``out`` cannot be written.
    """
    # the parts of the page, in the order in which a reader meets them; the judging comes first, as all parts need it
    pipelines = {model.recognizer.metadata.name: model for model in models}
    _refuse_equal_names([model.recognizer.metadata.name for model in models])
    report = _Report(dataset, out, options)
    results = {name: report.judge(pipeline) for name, pipeline in pipelines.items()}
    report.add_summary(results)
    if options.across and models:
        report.add_across(pipelines)
    report.add_data()
    naive = report.add_naive()
    for name, pipeline in pipelines.items():
        report.add_model(pipeline, results[name])
    report.add_comparison(naive, results)
    if options.photos and models:
        report.add_photos(models[-1])
    report.page.heading("Limits")
    report.page.words(USE_NOTICE, kind="notice")
    write_text(out / "report.html", report.page.to_html())
    return out / "report.html"


def _refuse_equal_names(names: Sequence[str]) -> None:
    taken = [*names, _NAIVE]  # models and the naive predictor write pictures into folders of their names
    if twice := {name for name in names if taken.count(name) > 1}:
        raise ConfigError(
            f"several models are called {', '.join(sorted(twice))}", hint="mien export --name gives a file its name"
        )


@dataclass
class _Report:
    """The page under construction; each method appends one part."""

    dataset: FerDataset
    out: Path
    options: ReportOptions
    page: Page = field(default_factory=lambda: Page("Expressions on FER2013 with the votes of FER+"))

    def judge(self, pipeline: ExpressionPipeline) -> tuple[EvaluationResult, ...]:
        """Every metric of every protocol that the data set supports; also written as JSON."""
        metadata = pipeline.recognizer.metadata
        protocols = usable_protocols(self.dataset, self.options.split)
        results = self._evaluate(pipeline.recognizer, protocols, metadata.labels)
        write_text(self.out / f"{metadata.name}.json", EvaluationReport(metadata.name, results).to_json() + "\n")
        return results

    def add_summary(self, results: _Results) -> None:
        """The summary table."""
        self.page.heading("Summary")
        if self.options.split == "test":
            self.page.words(TEST_SPLIT_NOTICE)
        if results:  # models may be left out: then the page shows the data and the naive predictor
            detailed = {
                name: [result for result in judged if result.protocol in _DETAILED] for name, judged in results.items()
            }
            self.page.table(summary_table(detailed))

    def add_across(self, pipelines: Mapping[str, ExpressionPipeline]) -> None:
        """One row per data set, one column per model; then groups of people of the sets that have them."""
        self.page.heading("Across sets")
        self.page.words("Each set is judged over the classes that it and the model have.")
        results: dict[str, dict[str, EvaluationResult]] = {}
        for name, dataset in self.options.across.items():
            split, protocol = default_split(dataset), default_protocol(dataset)
            results[name] = {}
            for model, pipeline in pipelines.items():
                options = self._options(pipeline.recognizer.labels)
                (found,) = evaluate(pipeline.recognizer, dataset, split=split, protocols=(protocol,), options=options)
                results[name][model] = found
        self.page.table(across_sets_table(results, self.options.peers))
        last = list(pipelines.values())[-1]  # the model that reads the photos, too
        for name, dataset in self.options.across.items():
            for group in self._groups(last, dataset):
                for table in group_tables(group):
                    self.page.table(replace(table, title=f"{name}: {table.title}"), folded=True)

    def _groups(self, pipeline: ExpressionPipeline, dataset: FerDataset) -> tuple[GroupResult, ...]:
        return evaluate_groups(
            pipeline.recognizer,
            dataset,
            dataset.group_names,
            split=default_split(dataset),
            protocol=default_protocol(dataset),
            options=self._options(pipeline.recognizer.labels),
        )

    def add_data(self) -> None:
        """Counts, their plot, and faces of each expression."""
        self.page.heading("Data")
        # the rule that keeps most images, so that the counts are of the whole data set
        counts = [count for count in count_protocols(self.dataset) if count.protocol == "votes"]
        rows = tuple(
            (count.split, f"{count.rows:,}", *(f"{n:,}" for n in count.per_class.values())) for count in counts
        )
        header = ("split", "images", *map(str, FERPLUS_LABELS))
        self.page.table(Table("Images by their most voted expression", header, rows))
        distribution, faces = self._picture("distribution"), self._picture("faces")
        save_plot(plot_distribution(self.dataset), distribution)
        save_plot(plot_faces(self.dataset, seed=self.options.seed), faces)
        self.page.pictures([(distribution, f"Share of each expression in {', '.join(SPLITS)}")])
        self.page.pictures([(faces, "Training faces of each expression, with the share of its votes")])

    def add_naive(self) -> EvaluationResult:
        """The predictor that always says neutral: what any model has to beat."""
        self.page.heading("The naive predictor")
        self.page.words("It predicts neutral for every face.")
        (naive,) = self._evaluate(NaiveBaseline(), ("drawn",))  # the protocol of the capstone's own table
        self._add_result(_NAIVE, naive)
        return naive

    def add_model(self, pipeline: ExpressionPipeline, results: Sequence[EvaluationResult]) -> None:
        """Network, training, and the details of the protocols that matter most."""
        metadata = pipeline.recognizer.metadata
        self.page.heading(f"Model {metadata.name}")
        training: dict[str, Any] = dict(metadata.training)
        if metadata.network is not None:
            self._add_network(summarize(metadata.network), metadata.name)
        if "history" in training:  # exported from a run; files from elsewhere have none
            curves = self._picture(f"{metadata.name}_curves")
            save_plot(history_figure([EpochMetrics.from_dict(row) for row in training["history"]]), curves)
            self.page.pictures([(curves, f"Training of {metadata.name}")])
        for result in results:
            if result.protocol in _DETAILED:
                self._add_result(metadata.name, result)

    def add_comparison(self, naive: EvaluationResult, results: _Results) -> None:
        """The capstone's table, all models on all protocols, and what others reported."""
        self.page.heading("Results")
        for name, judged in results.items():
            drawn = next(result for result in judged if result.protocol == "drawn")
            table = capstone_table(naive, drawn)
            self.page.table(Table(f"{name}: {table.title}", table.header, table.rows))
        self.page.table(metrics_of_models(results))
        # each model was judged by the same protocols in the same order: one tuple of results per protocol
        for of_protocol in zip(*results.values(), strict=True):
            board = leaderboard_table(dict(zip(results, of_protocol, strict=True)))
            if board is not None:
                self.page.table(board)

    def add_photos(self, pipeline: ExpressionPipeline) -> None:
        """Each photo with its faces, boxed and with bars."""
        self.page.heading("Photos")
        self.page.words(f"Read by {pipeline.recognizer.metadata.name}, faces found by {pipeline.detector.name}.")
        results = pipeline.stream(self.options.photos)
        for number, (photo, result) in enumerate(zip(self.options.photos, results, strict=True), start=1):
            if isinstance(result, FailedImage):  # the page names it and goes on
                self.page.words(f"{readable_path(Path(photo.name))}: cannot be read ({result.error})")
                continue
            # JPEG keeps the page small: its pictures are embedded; the number keeps equal names apart
            picture = self._picture(f"photo_{number}_{photo.stem}", ".jpg")
            result.save(picture)
            answers = ", ".join(f"{face.choice} {percent(face.probability)}" for face in result.faces)
            found = counted(len(result.faces), "face")
            self.page.pictures([(picture, f"Photo {number}, {found}{': ' if answers else ''}{answers}")])

    def _add_network(self, network: NetworkSummary, name: str) -> None:
        picture = self._picture(f"{name}_network")
        save_plot(plot_network(network), picture)
        self.page.pictures([(picture, f"The network {network.name}")])
        rows = tuple(
            (layer.name, layer.kind, " × ".join(map(str, layer.output_shape)), f"{layer.parameters:,}")
            for layer in network.layers
        )
        title = f"{network.total:,} parameters, {network.trainable:,} of them trained"
        self.page.table(Table(title, ("layer", "kind", "output", "parameters"), rows), folded=True)

    def _add_result(self, name: str, result: EvaluationResult) -> None:
        self.page.subheading(f"{name} on {result.protocol}")
        for table in details(result):
            self.page.table(table)
        self.page.pictures(save_plots(result, self.out / "figures" / name))

    def _evaluate(
        self, model: Predictor, protocols: Sequence[str], labels: LabelSet = FERPLUS_LABELS
    ) -> tuple[EvaluationResult, ...]:
        options = self._options(labels)
        return evaluate(model, self.dataset, split=self.options.split, protocols=protocols, options=options)

    def _options(self, labels: LabelSet) -> EvaluationOptions:
        return EvaluationOptions(labels=labels, resamples=self.options.resamples, seed=self.options.seed)

    def _picture(self, name: str, ending: str = ".png") -> Path:
        return self.out / "figures" / (name + ending)
