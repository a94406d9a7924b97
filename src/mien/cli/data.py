"""``mien data``: prepare FER2013 with FER+, import other sets, show what a set holds, check it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from mien.data.splits import SPLITS
from mien.errors import ConfigError
from mien.render.tables import table_console

if TYPE_CHECKING:
    from mien.data.dataset import FerDataset

#: Names of the layouts; a test compares them with the readers, which are loaded when one is used.
LAYOUT_NAMES = (
    *("folder", "ckplus48", "kdef", "lfw", "imfdb", "london", "rafdb", "affectnet", "affectnet-npy", "expw"),
    *("huggingface", "parquet", "csv"),
)

app = typer.Typer(help="Prepare or import a data set, show what it holds, check it.", no_args_is_help=True)


@app.command()
def prepare(
    fer2013: Annotated[
        Path, typer.Option(help="fer2013.csv, plain or .xz .gz .bz2 .zip .tar.gz; or FER+'s folder of PNGs.")
    ],
    out: Annotated[Path, typer.Option(help="New folder, or a prepared data set to replace as a whole.")],
    ferplus: Annotated[Path | None, typer.Option(help="FER+'s fer2013new.csv.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Folder of label_train.csv, label_valid.csv, label_test.csv.")
    ] = None,
) -> None:
    """Join FER2013's pixels with FER+'s votes into one folder that opens memory-mapped.

    Examples:
        mien data prepare --fer2013 fer2013.csv --ferplus fer2013new.csv --labels . --out data/ferplus
    """
    from mien.data.prepare import prepare as prepare_dataset

    with Console(stderr=True).status("reading and joining …"):
        dataset = prepare_dataset(fer2013, ferplus, out=out, labels=labels)
    _tell(dataset, out)


@app.command("import")
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
    _tell(dataset, out)


def _tell(dataset: "FerDataset", out: Path) -> None:
    manifest = dataset.manifest
    rows = {split: manifest["splits"][split]["rows"] for split in SPLITS}
    print(f"wrote {out}: {len(dataset):,} faces", "(" + ", ".join(f"{n:,} {split}" for split, n in rows.items()) + ")")
    for reason, count in manifest["dropped"].items():
        print(f"left out {count:,} rows: {reason}")
    if manifest.get("crop") == "detected":
        print(f"no face found in {manifest['faces_not_found']:,} pictures; kept as they are and marked")


def _pairs(texts: list[str] | None) -> dict[str, str]:
    """``["anger=fury"]`` as ``{"fury": "anger"}``."""
    pairs = {}
    for text in texts or []:
        ours, equals, theirs = text.partition("=")
        if not equals or not theirs:
            raise ConfigError(f"--map {text[:40]!r}: expected OURS=THEIRS", hint="such as --map anger=fury")
        pairs[theirs] = ours
    return pairs


@app.command()
def show(
    data: Annotated[Path, typer.Argument(help="The prepared data set.")],
    out: Annotated[Path | None, typer.Option(help="Folder for distribution.png and faces.png.")] = None,
) -> None:
    """Print the counts of every protocol; draw the distribution of expressions and sample faces.

    Examples:
        mien data show data/ferplus --out figures
    """
    from mien.data.dataset import open_dataset
    from mien.data.summary import count_protocols

    dataset = open_dataset(data)
    table = Table("protocol", "split", title=f"{data}: {len(dataset):,} faces")
    table.add_column("images", justify="right")
    counts = count_protocols(dataset)
    for name in counts[0].per_class:
        table.add_column(name, justify="right")
    for count in filter(lambda count: count.rows, counts):
        table.add_row(count.protocol, count.split, f"{count.rows:,}", *(f"{n:,}" for n in count.per_class.values()))
    table_console().print(table)
    _tell_origin(dataset)
    if out is not None:
        _draw(dataset, out)


def _tell_origin(dataset: "FerDataset") -> None:
    """What the manifest of an imported set says, and who is shown."""
    from mien.data.groups import group_labels

    for key in ("name", "source", "license", "crop", "side", "faces_not_found"):
        if key in dataset.manifest:
            print(f"{key.replace('_', ' ')}: {dataset.manifest[key]}")
    for rule, count in dataset.manifest.get("split_rule", {}).items():
        print(f"split {rule}: {count:,} faces")
    if dataset.persons is not None:
        print(f"persons: {len(set(dataset.persons.tolist()) - {''}):,}")
    for group in dataset.group_names:
        labels, counts = np.unique(group_labels(dataset, group), return_counts=True)
        print(f"{group}: {', '.join(f'{label} {n:,}' for label, n in zip(labels, counts.tolist(), strict=True))}")


def _draw(dataset: "FerDataset", out: Path) -> None:
    from mien.data.plots import plot_distribution, plot_faces
    from mien.render.plots import save_plot

    save_plot(plot_distribution(dataset), out / "distribution.png")
    save_plot(plot_faces(dataset), out / "faces.png")
    print(f"drew {out / 'distribution.png'} and {out / 'faces.png'}")


@app.command()
def check(
    data: Annotated[Path, typer.Argument(help="The prepared data set.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, with every group of duplicates.")
    ] = False,
) -> None:
    """Check a prepared data set against its manifest and find images that stand more than once.

    Exit code 3 if the data are no longer what the manifest says. Duplicates are in the published data and no fault.

    Examples:
        mien data check data/ferplus
    """
    from mien.data.dataset import open_dataset
    from mien.data.summary import check_dataset

    result = check_dataset(open_dataset(data))
    if as_json:
        print(json.dumps(result.to_dict()))
    else:
        for reason, count in result.dropped.items():
            print(f"left out when prepared: {count:,} rows, {reason}")
        print(f"blank images among the rest: {result.black:,}")
        print(f"groups of equal images: {len(result.duplicates):,}")
        for split, count in result.inside.items():
            print(f"{split}: {count:,} images stand earlier in it, {result.leaked[split]:,} in a split before it")
        print("sound" if result.sound else f"DAMAGED: {', '.join(result.damaged_splits)} differ from the manifest")
    raise typer.Exit(0 if result.sound else 3)
