"""``mien data import``, ``audit`` and ``select``: other sets, doubtful labels, and what to ask people."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from mien.cli.data import app as data_app
from mien.cli.data import tell_prepared
from mien.cli.last_line import print_last_line
from mien.cli.options import ExcelSafeOption
from mien.errors import ConfigError
from mien.runtime.optional import require

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from mien.curation.audit import Audit
    from mien.data.dataset import FerDataset
    from mien.evaluation.predictors import Predictor

#: Names of the layouts; a test compares them with the readers, which are loaded when one is used.
LAYOUT_NAMES = (
    *("folder", "ckplus48", "kdef", "lfw", "imfdb", "london", "rafdb", "affectnet", "affectnet-npy", "expw"),
    *("huggingface", "parquet", "csv"),
)


@data_app.command("import")
def import_(  # noqa: PLR0917 - options of a command
    source: Annotated[Path, typer.Argument(help="Folder or file as the publisher's archive unpacks.")],
    layout: Annotated[str, typer.Option(help=f"Its layout: {', '.join(LAYOUT_NAMES)}.")],
    out: Annotated[Path, typer.Option(help="New folder, or a prepared data set to replace as a whole.")],
    mapped: Annotated[
        list[str] | None, typer.Option("--map", metavar="OURS=THEIRS", help="A label of theirs that is one of ours.")
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(help="A label of theirs whose images are left out.")] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad rows out and count them.")] = False,
    side: Annotated[int, typer.Option(help="Width and height of the gray images that are kept.")] = 48,
    crop: Annotated[
        Literal["as-is", "detected"],
        typer.Option(help="Keep the picture, or the face that the default detector finds, framed as in training."),
    ] = "as-is",
    person: Annotated[
        str | None,
        typer.Option(
            "--person-pattern", metavar="REGEX", help="Layout folder: its first group in a file name is who is shown."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the set; the layout's by default.")] = None,
    license_: Annotated[str | None, typer.Option("--license", help="Its terms; the publisher's by default.")] = None,
    origin: Annotated[
        str | None, typer.Option("--source", help="Where it comes from; the layout's by default.")
    ] = None,
) -> None:
    """Import another data set into the prepared form.

    Examples:
        mien data import lfw_imfdb --layout lfw --out data/lfw
        mien data import mine --layout folder --map anger=fury --drop boredom --crop detected --out data/mine
    """
    from mien.curation.importing import ImportOptions, import_dataset

    options = ImportOptions(
        _pairs(mapped), tuple(drop or ()), skip_bad, side, crop, person, name=name, license=license_, source=origin
    )
    with Console(stderr=True).status("reading …"):
        dataset = import_dataset(source, layout, out, options=options)
    tell_prepared(dataset, out)


def _pairs(texts: list[str] | None) -> dict[str, str]:
    """``["anger=fury"]`` as ``{"fury": "anger"}``."""
    pairs = {}
    for text in texts or []:
        ours, equals, theirs = text.partition("=")
        if not equals or not theirs:
            raise ConfigError(f"--map {text[:40]!r}: expected OURS=THEIRS", hint="such as --map anger=fury")
        pairs[theirs] = ours
    return pairs


@data_app.command()
def audit(  # noqa: PLR0917 - options of a command
    data: Annotated[Path, typer.Argument(help="The prepared data set.")],
    out: Annotated[
        Path, typer.Option(help="Folder for findings.csv, classes.csv, gallery.html, automatic.csv, probabilities.npy.")
    ],
    recipe: Annotated[
        str | None,
        typer.Option(help="Recipe to train on the other folds, by name or TOML file; resumes where it ended."),
    ] = None,
    folds: Annotated[int, typer.Option(help="Parts that are left out in turn.")] = 4,
    probabilities: Annotated[
        Path | None, typer.Option(help="Out-of-fold probabilities, .npy of (rows, 8), instead.")
    ] = None,
    runs: Annotated[
        list[str] | None,
        typer.Option(help="Finished runs or models instead; of images they trained on they are no second opinion."),
    ] = None,
    framing: Annotated[
        bool, typer.Option("--framing/--no-framing", help="Look for badly framed faces: about 4 ms each.")
    ] = True,
    parquet: Annotated[bool, typer.Option("--parquet", help="Write findings.parquet too.")] = False,
    excel_safe: ExcelSafeOption = False,
) -> None:
    """Rank the labels that look wrong, and write a table and a page to look at them.

    Examples:
        mien data audit data/ferplus --recipe ferplus-audit --out audit
        mien data audit data/lfw --runs resnet-wide --out audit-lfw
    """
    from mien.curation.audit import audit_labels
    from mien.curation.folds import save_probabilities
    from mien.curation.framing import misframed
    from mien.data.dataset import open_dataset

    require("audit", "cleanlab")  # before networks are trained, not after
    if parquet:
        require("tables", "pyarrow")
    dataset = open_dataset(data)
    answers = _answers(dataset, out, recipe, folds, probabilities, runs or [])
    save_probabilities(answers, out / "probabilities.npy")
    result = audit_labels(dataset, answers, framing=misframed(dataset.images) if framing else None)
    _write_audit(dataset, result, out, parquet=parquet, excel_safe=excel_safe)


def _write_audit(dataset: "FerDataset", result: "Audit", out: Path, *, parquet: bool, excel_safe: bool) -> None:
    """The table, the page and the decisions by rule, and a line for each kind of finding."""
    from mien.curation.audit_table import automatic_decisions, write_classes, write_table
    from mien.curation.gallery import write_gallery
    from mien.data.decisions import write_decisions

    for ending in ("csv", "parquet")[: 1 + parquet]:
        write_table(dataset, result, out / f"findings.{ending}", excel_safe=excel_safe)
    write_classes(dataset, result, out / "classes.csv")
    write_gallery(dataset, result, out / "gallery.html")
    automatic = automatic_decisions(dataset, result)
    write_decisions(automatic, out / "automatic.csv")
    print(f"{len(result.findings):,} findings in {len(dataset):,} images:")
    for kind, count in Counter(finding.kind for finding in result.findings).most_common():
        print(f"  {kind}: {count:,}")
    print(f"decided by rule: {len(automatic):,}")
    names = ("findings.csv", "classes.csv", "gallery.html", "automatic.csv", "probabilities.npy")
    print_last_line(f"{len(dataset):,} images: {len(result.findings):,} findings", [out / name for name in names])


def _answers(
    dataset: "FerDataset", out: Path, recipe: str | None, folds: int, probabilities: Path | None, runs: list[str]
) -> "npt.NDArray[np.float32]":
    """What networks say of each image (N, 8), in the one way that was asked for."""
    from mien.curation.folds import load_probabilities, mean_of_models, out_of_fold

    if sum(way is not None for way in (recipe, probabilities, runs or None)) != 1:
        raise ConfigError(
            "give one of --recipe, --probabilities and --runs", hint="--recipe trains out-of-fold networks"
        )
    if recipe is not None:
        return out_of_fold(dataset, recipe, out / "folds", folds=folds, progress=print)
    if probabilities is not None:
        return load_probabilities(probabilities, len(dataset))
    return mean_of_models([_model(name) for name in runs], dataset.images)


def _model(name: str) -> "Predictor":
    """A shipped model, a model file, or a run folder."""
    if Path(name).is_dir():
        from mien.curation.folds import RunPredictor

        return RunPredictor(Path(name))
    from mien.recognition.recognizer import load_recognizer

    return load_recognizer(name)


@data_app.command()
def select(
    data: Annotated[Path, typer.Argument(help="The prepared data set.")],
    out: Annotated[Path, typer.Option(help="Folder for tasks.json and labeling_config.xml, and FiftyOne's data set.")],
    n: Annotated[int, typer.Option("--n", help="How many images.")] = 500,
    model: Annotated[
        list[str] | None, typer.Option(help="Models whose doubt counts; two or more can disagree.")
    ] = None,
    split: Annotated[
        Literal["train", "validation", "test", "all"], typer.Option(help="Where to choose from.")
    ] = "train",
    fiftyone: Annotated[
        bool, typer.Option("--fiftyone", help="Write FiftyOne's data set too, in a folder of it.")
    ] = False,
) -> None:
    """Choose the images whose labels would help most, and hand them over to Label Studio.

    Examples:
        mien data select data/ferplus --n 500 --model resnet --model capstone --out to_label
    """
    import numpy as np

    from mien.curation.folds import mean_of_models
    from mien.curation.handover import write_fiftyone, write_label_studio
    from mien.curation.selection import select_images
    from mien.data.dataset import open_dataset

    dataset = open_dataset(data)
    answers = np.stack([mean_of_models([_model(name)], dataset.images) for name in model or ["resnet", "capstone"]])
    chosen = select_images(dataset, answers, n, rows=dataset.split_rows(split))
    write_label_studio(dataset, chosen, answers.mean(axis=0), out)
    written = [out / "tasks.json", out / "labeling_config.xml"]
    if fiftyone:
        written.append(out / "fiftyone")
        write_fiftyone(dataset, chosen, written[-1])
    print_last_line(f"{len(chosen):,} of {len(dataset):,} images chosen", written)


@data_app.command()
def decide(
    export: Annotated[Path, typer.Argument(help="Label Studio's export of the tasks, as JSON.")],
    out: Annotated[Path, typer.Option(help="decisions.csv for mien data prepare --decisions.")],
) -> None:
    """Turn what people labeled in Label Studio into decisions.

    Examples:
        mien data decide export.json --out decisions.csv
    """
    from mien.curation.handover import read_label_studio
    from mien.data.decisions import write_decisions

    decisions = read_label_studio(export)
    write_decisions(decisions, out)
    print_last_line(f"{len(decisions):,} decisions", [out])
