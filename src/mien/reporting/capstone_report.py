"""From a prepared data set, models and photos to one page: the capstone's figures and tables, and ours beside them.

It computes no figure: each comes from the part of the package that owns it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mien.data.dataset import FerDataset
from mien.data.plots import draw_distribution, draw_faces
from mien.data.splits import SPLITS, Split
from mien.data.summary import count_protocols
from mien.errors import ConfigError
from mien.evaluation.baselines import NaiveBaseline
from mien.evaluation.bootstrap import RESAMPLES
from mien.evaluation.plots import save_plots
from mien.evaluation.report import (
    TEST_SPLIT_NOTICE,
    EvaluationResult,
    Table,
    abstaining_table,
    capstone_table,
    class_table,
    figures_table,
    to_json,
    with_interval,
)
from mien.evaluation.run import EvaluationOptions, Predictor, evaluate, usable_protocols
from mien.expressions import FERPLUS_LABELS, USE_NOTICE, LabelSet
from mien.imaging import readable_path
from mien.networks.diagram import draw_network
from mien.networks.summary import NetworkSummary, summarize
from mien.recognition.pipeline import ExpressionPipeline
from mien.recognition.results import FailedImage
from mien.render.text import percent
from mien.reporting.page import Page
from mien.runtime.files import atomic_file, write_text
from mien.training.curves import draw_curves

#: The name of the naive predictor's pictures.
_NAIVE = "naive"
#: Figures of the table that sets the models side by side.
_COMPARED = {"accuracy": "accuracy", "macro_f1": "macro-F1", "kl": "KL", "js": "JS", "ece": "ECE"}


@dataclass(frozen=True, slots=True)
class StoryOptions:
    """What the story is about, besides data and models.

    Attributes:
        split: That the models are judged on.
        photos: Pictures to read with the last of the models; the page names those that cannot be read.
        resamples: Of the bootstrap.
        seed: Of the sample faces, the bootstrap and the one draw of labels.
    """

    split: Split = "test"
    photos: tuple[Path, ...] = ()
    resamples: int = RESAMPLES
    seed: int = 0


_DEFAULTS = StoryOptions()


def write_story(
    dataset: FerDataset, models: Sequence[ExpressionPipeline], out: Path, options: StoryOptions = _DEFAULTS
) -> Path:
    """Write ``report.html`` with everything inside, its pictures as ``figures/*.png`` and its figures as ``NAME.json``.

    Args:
        dataset: A prepared data set.
        models: Judged and shown in this order; the last one reads the photos.
        out: Folder; files of these names are replaced.
        options: The rest.

    Returns:
        The page.

    Raises:
        ConfigError: Two of the models bear one name, or one is called as the naive predictor is.
        MissingDependencyError: matplotlib or torch is not installed.
        StorageError: ``out`` cannot be written.
    """
    names = [model.recognizer.metadata.name for model in models]
    taken = [*names, _NAIVE]
    if twice := {name for name in names if taken.count(name) > 1}:
        raise ConfigError(
            f"several models are called {', '.join(sorted(twice))}", hint="mien export --name gives a file its name"
        )
    story = _Story(dataset, out, options)
    story.tell_data()
    story.tell_naive()
    story.compare({name: story.tell_model(model) for name, model in zip(names, models, strict=True)})
    if options.photos and models:
        story.tell_photos(models[-1])
    story.page.heading("Limits")
    story.page.words(USE_NOTICE, notice=True)
    write_text(out / "report.html", story.page.to_html())
    return out / "report.html"


@dataclass
class _Story:
    """The page as far as it is told."""

    dataset: FerDataset
    out: Path
    options: StoryOptions
    page: Page = field(default_factory=lambda: Page("Expressions on FER2013 with the votes of FER+"))
    naive: EvaluationResult = field(init=False)

    def tell_data(self) -> None:
        """Counts, their picture, and faces of each expression."""
        self.page.heading("Data")
        counts = [count for count in count_protocols(self.dataset) if count.protocol == "votes"]
        rows = tuple(
            (count.split, f"{count.rows:,}", *(f"{n:,}" for n in count.per_class.values())) for count in counts
        )
        header = ("split", "images", *map(str, FERPLUS_LABELS))
        self.page.table(Table("Images by their most voted expression", header, rows))
        distribution, faces = self._figure("distribution"), self._figure("faces")
        draw_distribution(self.dataset, distribution)
        draw_faces(self.dataset, faces, seed=self.options.seed)
        self.page.pictures([(distribution, f"Share of each expression in {', '.join(SPLITS)}")])
        self.page.pictures([(faces, "Training faces of each expression, with the share of its votes")])

    def tell_naive(self) -> None:
        """The predictor that always says neutral: what any model has to beat."""
        self.page.heading("The naive predictor")
        self.page.words("It says neutral of every face.")
        if self.options.split == "test":
            self.page.words(TEST_SPLIT_NOTICE)
        (self.naive,) = self._judged(NaiveBaseline(), ("drawn",))
        self._tell_result(_NAIVE, self.naive)

    def tell_model(self, pipeline: ExpressionPipeline) -> tuple[EvaluationResult, ...]:
        """Network, curves, and every figure of every protocol."""
        metadata = pipeline.recognizer.metadata
        self.page.heading(f"Model {metadata.name}")
        training: dict[str, Any] = dict(metadata.training)
        if "config" in training:
            self._tell_network(summarize(training["config"]["model"]), metadata.name)
        if "history" in training:
            curves = self._figure(f"{metadata.name}_curves")
            with atomic_file(curves) as temporary:
                draw_curves(training["history"], temporary)
            self.page.pictures([(curves, f"Training of {metadata.name}")])
        protocols = usable_protocols(self.dataset, self.options.split)
        results = self._judged(pipeline.recognizer, protocols, metadata.labels)
        write_text(self.out / f"{metadata.name}.json", to_json(results) + "\n")
        for result in results:
            if result.protocol in {"drawn", "votes", "majority"}:
                self._tell_result(metadata.name, result)
        return results

    def compare(self, results: Mapping[str, Sequence[EvaluationResult]]) -> None:
        """The capstone's table, and all models on all protocols."""
        self.page.heading("Results")
        for name, judged in results.items():
            drawn = next(result for result in judged if result.protocol == "drawn")
            table = capstone_table(self.naive, drawn)
            self.page.table(Table(f"{name}: {table.title}", table.header, table.rows))
        rows = [
            (result.protocol, name, f"{result.n:,}", *(with_interval(result, figure) for figure in _COMPARED))
            for of_protocol in zip(*results.values(), strict=True)
            for name, result in zip(results, of_protocol, strict=True)
        ]
        header = ("protocol", "model", "images", *_COMPARED.values())
        self.page.table(Table("Every protocol, with 95 % bootstrap intervals", header, tuple(rows)))

    def tell_photos(self, pipeline: ExpressionPipeline) -> None:
        """Each photo with its faces, boxed and with bars."""
        self.page.heading("Photos")
        self.page.words(f"Read by {pipeline.recognizer.metadata.name}, faces found by {pipeline.detector.name}.")
        results = pipeline.stream(self.options.photos)
        for number, (photo, result) in enumerate(zip(self.options.photos, results, strict=True), start=1):
            name = readable_path(Path(photo.name))
            if isinstance(result, FailedImage):
                self.page.words(f"{name}: cannot be read ({result.error})")
                continue
            drawn = self._figure(f"photo_{number}_{photo.stem}", ".jpg")
            result.save(drawn)
            said = ", ".join(f"{face.choice} {percent(face.probability)}" for face in result.faces)
            self.page.pictures([(drawn, f"{name}: {said or 'no face'}")])

    def _tell_network(self, network: NetworkSummary, name: str) -> None:
        drawn = self._figure(f"{name}_network")
        draw_network(network, drawn)
        self.page.pictures([(drawn, f"The network {network.name}")])
        rows = tuple(
            (layer.name, layer.kind, " × ".join(map(str, layer.output_shape)), f"{layer.parameters:,}")
            for layer in network.layers
        )
        title = f"{network.total:,} parameters, {network.trainable:,} of them trained"
        self.page.table(Table(title, ("layer", "kind", "output", "parameters"), rows), folded=True)

    def _tell_result(self, name: str, result: EvaluationResult) -> None:
        self.page.subheading(f"{name} on {result.protocol}")
        for table in (figures_table(result), class_table(result), abstaining_table(result)):
            if table is not None:
                self.page.table(table)
        folder = self.out / "figures" / name
        shown = f"{name} on {result.protocol}, {result.split} split"
        self.page.pictures([(path, f"{shown}: {path.stem.replace('_', ' ')}") for path in save_plots(result, folder)])

    def _judged(
        self, model: Predictor, protocols: Sequence[str], labels: LabelSet = FERPLUS_LABELS
    ) -> tuple[EvaluationResult, ...]:
        options = EvaluationOptions(labels=labels, resamples=self.options.resamples, seed=self.options.seed)
        return evaluate(model, self.dataset, split=self.options.split, protocols=protocols, options=options)

    def _figure(self, name: str, ending: str = ".png") -> Path:
        return self.out / "figures" / (name + ending)
