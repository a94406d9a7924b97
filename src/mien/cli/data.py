"""``mien data``: prepare FER2013 with FER+, import other sets, show what a set holds, check it."""

import json
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from mien.cli.last_line import print_last_line
from mien.cli.streams import print_line
from mien.data.splits import SPLITS
from mien.render.tables import table_console
from mien.render.text import counted

if TYPE_CHECKING:
    from mien.data.dataset import FerDataset
    from mien.data.summary import Check

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
    decisions: Annotated[
        Path | None,
        typer.Option(help="decisions.csv of an audit: rows to relabel or drop; test rows stay as they are."),
    ] = None,
) -> None:
    """Join FER2013's pixels with FER+'s votes into one folder that opens memory-mapped.

    Examples:
        mien data prepare --fer2013 fer2013.csv --ferplus fer2013new.csv --labels . --out data/ferplus
    """
    from mien.data.prepare import prepare as prepare_dataset

    with Console(stderr=True).status("reading and joining …"):
        dataset = prepare_dataset(fer2013, ferplus, out=out, labels=labels, decisions=decisions)
    tell_prepared(dataset, out)


def tell_prepared(dataset: "FerDataset", out: Path) -> None:
    """Say what a new data set holds and what was left out."""
    manifest = dataset.manifest
    rows = {split: manifest["splits"][split]["rows"] for split in SPLITS}
    print_line(f"{len(dataset):,} faces (" + ", ".join(f"{n:,} {split}" for split, n in rows.items()) + ")")
    for reason, count in manifest["dropped"].items():
        print_line(f"left out {count:,} rows: {reason}")
    for action, count in manifest.get("decisions", {}).get("counts", {}).items():
        print_line(f"decided: {count:,} {action}")
    if manifest.get("crop") == "detected":
        print_line(f"no face found in {manifest['faces_not_found']:,} pictures; kept as they are and marked")
    print_last_line(f"{len(dataset):,} faces", [out])


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
    _tell_agreement(dataset)
    print_last_line(f"{len(dataset):,} faces", [] if out is None else _draw(dataset, out))


def _tell_origin(dataset: "FerDataset") -> None:
    """What the manifest of an imported set says, and who is shown."""
    from mien.data.groups import group_labels

    for key in ("name", "source", "license", "crop", "side", "faces_not_found"):
        if key in dataset.manifest:
            print_line(f"{key.replace('_', ' ')}: {dataset.manifest[key]}")
    for rule, count in dataset.manifest.get("split_rule", {}).items():
        print_line(f"split {rule}: {count:,} faces")
    if dataset.persons is not None:
        print_line(f"persons: {len(set(dataset.persons.tolist()) - {''}):,}")
    for group in dataset.group_names:
        labels, counts = np.unique(group_labels(dataset, group), return_counts=True)
        print_line(f"{group}: {', '.join(f'{label} {n:,}' for label, n in zip(labels, counts.tolist(), strict=True))}")


def _tell_agreement(dataset: "FerDataset") -> None:
    """How far FER2013's own labels and FER+'s agree, a line for each of the seven."""
    from mien.data.summary import label_agreement

    agreement = label_agreement(dataset)
    if agreement:
        print("FER2013's own label is the most voted of FER+ (all splits):")
    for label, (count, agreed) in agreement.items():
        print_line(f"  {label}: {agreed:,} of {count:,} ({agreed / max(count, 1):.1%})")


def _draw(dataset: "FerDataset", out: Path) -> list[Path]:
    """Draw the distribution and sample faces into ``out``; their files."""
    from mien.data.plots import plot_distribution, plot_faces
    from mien.render.plots import save_plot

    written = [out / "distribution.png", out / "faces.png"]
    save_plot(plot_distribution(dataset), written[0])
    save_plot(plot_faces(dataset), written[1])
    return written


@app.command()
def check(
    data: Annotated[list[Path], typer.Argument(help="Prepared data sets; several are compared with each other too.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, with every group of duplicates.")
    ] = False,
) -> None:
    """Check prepared data sets against their manifests and find images that occur more than once.

    Images that are nearly the same are found by a perceptual hash and the distance of their pixels, inside each set and
    across sets, so that a training set cannot leak into a judged one. Exit code 3 if data are no longer what their
    manifest says. Duplicates are in the published data and no fault.

    Examples:
        mien data check data/ferplus
        mien data check data/ferplus data/lfw data/imfdb
    """
    from mien.data.dataset import open_dataset
    from mien.data.near_duplicates import count_across_splits, find_same_pictures
    from mien.data.summary import check_dataset

    sets = [(str(path), open_dataset(path)) for path in data]
    results = []
    for name, dataset in sets:
        result, near = check_dataset(dataset), find_same_pictures(dataset)
        counts = count_across_splits(dataset, dataset, near)
        results.append((name, result, near, counts))
        if not as_json:
            _tell_check(name, result, counts)
    across = _check_across(sets, verbose=not as_json)
    if as_json:
        records = [
            {"data": name, **result.to_dict(), "near_duplicates": [asdict(p) for p in near]}
            for name, result, near, _ in results
        ]
        print(json.dumps(records[0] if len(records) == 1 else {"sets": records, "across": across}))
    damaged = sum(not result.sound for _, result, _, _ in results)
    print_last_line(f"{counted(len(sets), 'data set')}, {damaged} damaged")
    raise typer.Exit(3 if damaged else 0)


def _check_across(sets: list[tuple[str, "FerDataset"]], *, verbose: bool) -> list[dict[str, Any]]:
    """Pictures that occur in two of the sets, for each pair of sets."""
    from mien.data.near_duplicates import count_across_splits, find_same_pictures

    across = []
    for (first, one), (second, other) in combinations(sets, 2):
        near = find_same_pictures(one, other)
        counts = count_across_splits(one, other, near)
        across.append({"first": first, "second": second, "pairs": [asdict(p) for p in near], "counts": counts})
        if verbose:
            print_line(f"{first} and {second}: {len(near):,} pairs of the same picture{_list(counts)}")
    return across


def _tell_check(name: str, result: "Check", near: dict[str, int]) -> None:
    print_line(name)
    for reason, count in result.dropped.items():
        print_line(f"left out when prepared: {count:,} rows, {reason}")
    print_line(f"blank images among the rest: {result.black:,}")
    print_line(f"groups of equal images: {len(result.duplicates):,}")
    for split, count in result.inside.items():
        print_line(f"{split}: {count:,} images are repeated in it, {result.leaked[split]:,} come from an earlier split")
    print_line(f"pairs of the same picture, equal or nearly: {sum(near.values()):,}{_list(near)}")
    if result.sound:
        print("the data match their manifest")
    else:
        print_line(f"DAMAGED: {', '.join(result.damaged_splits)} differ from the manifest")


def _list(counts: dict[str, int]) -> str:
    return f" ({', '.join(f'{name} {count:,}' for name, count in counts.items())})" if counts else ""
