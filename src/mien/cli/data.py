"""``mien data``: prepare FER2013 with FER+, show what it holds, check it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from mien.render.tables import table_console

if TYPE_CHECKING:
    from mien.data.dataset import FerDataset

app = typer.Typer(help="Prepare the data set, show what it holds, check it.", no_args_is_help=True)


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
    rows = {split: entry["rows"] for split, entry in dataset.manifest["splits"].items()}
    print(f"wrote {out}: {len(dataset):,} faces", "(" + ", ".join(f"{n:,} {split}" for split, n in rows.items()) + ")")
    for reason, count in dataset.manifest["dropped"].items():
        print(f"left out {count:,} rows: {reason}")


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
    for count in counts:
        table.add_row(count.protocol, count.split, f"{count.rows:,}", *(f"{n:,}" for n in count.per_class.values()))
    table_console().print(table)
    if out is not None:
        _draw(dataset, out)


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
