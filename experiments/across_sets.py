"""Every shipped model on sets from elsewhere, whole and by group, and what cropping by the detector changes.

    python experiments/across_sets.py lfw=FOLDER … [--as-is lfw=FOLDER …] [--detected lfw=FOLDER …] [--peers FILE]

Folders are prepared sets. Those of --as-is and --detected are the same sets imported with `--crop as-is` and with
`--crop detected`, judged by the default model on the same faces. Writes docs/explanation/other-sets.md. The sets are
judged parts: read for finished models.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mien.data.dataset import FerDataset, open_dataset
from mien.evaluation.bootstrap import Interval
from mien.evaluation.groups import GroupResult, evaluate_groups
from mien.evaluation.peers import load_peers
from mien.evaluation.predictors import DEFAULT_OPTIONS
from mien.evaluation.results import FEW_CASES, EvaluationResult
from mien.evaluation.run import default_protocol, default_split, evaluate
from mien.evaluation.tables import across_sets_table, class_table, group_tables, with_interval
from mien.recognition.recognizer import Recognizer, load_recognizer
from mien.render.tables import Table
from mien.runtime.files import write_text
from mien.weights import list_weights, weight_path

PAGE = Path(__file__).parent.parent / "docs" / "explanation" / "other-sets.md"
INTRODUCTION = """# Faces from elsewhere

The shipped models on people that nothing was trained on, chosen by or tuned to (`resnet-wide-lfw` saw other people of
LFW), over the classes that both have, by the decision rule, with 95 % bootstrap intervals over the images. LFW is its
judged part alone; labels of LFW and IMFDB are of one annotator each, London's are what the photographer asked for. Two
photos of a person are not independent, which the intervals do not know. Made by `python experiments/across_sets.py`;
[other data](../how-to/other-data.md) says how the sets are imported; London's portraits with `--crop detected`, the
others as they are.
"""
CROPS = """## Crops

The same faces as the whole picture of the set, and as the default detector finds and frames them, read by `{model}`. A
picture in which no face is found is kept as it is.
"""


def named(text: str) -> tuple[str, Path]:
    name, equals, folder = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text}: expected NAME=FOLDER")
    return name, Path(folder)


def judged(model: Recognizer, dataset: FerDataset) -> EvaluationResult:
    options = DEFAULT_OPTIONS.of_labels(model.labels)
    split, protocol = default_split(dataset), default_protocol(dataset)
    (result,) = evaluate(model, dataset, split=split, protocols=(protocol,), options=options)
    return result


def of_groups(models: dict[str, Recognizer], default: str, dataset: FerDataset) -> Iterator[Table]:
    """For each group that the set tells: accuracy of every model, then everything about the default one."""
    split, protocol = default_split(dataset), default_protocol(dataset)
    found: dict[str, tuple[GroupResult, ...]] = {}
    for name, model in models.items():
        options = DEFAULT_OPTIONS.of_labels(model.labels)
        found[name] = evaluate_groups(
            model, dataset, dataset.group_names, split=split, protocol=protocol, options=options
        )
    for at, of_default in enumerate(found[default]):
        yield accuracy_by_group({name: results[at] for name, results in found.items()})
        yield accuracy_gaps({name: results[at] for name, results in found.items()})
        yield from group_tables(of_default)


def accuracy_by_group(results: dict[str, GroupResult]) -> Table:
    """A row for each value of a group, a column for each model."""
    first = next(iter(results.values()))
    rows = []
    for at, value in enumerate(first.values):
        cells = [r.values[at] for r in results.values()]
        shown = [f"{v.metrics['accuracy']:.3f} {span(v.intervals.get('accuracy'))}" for v in cells]
        rows.append((value.value, f"{value.n:,}", *shown))
    return Table(f"Accuracy by {first.group}, every model", (first.group, "images", *results), tuple(rows))


def accuracy_gaps(results: dict[str, GroupResult]) -> Table:
    """The largest difference of accuracy between groups of at least :data:`FEW_CASES` images, a row a model."""
    rows = [
        (name, gap.highest, gap.lowest, f"{gap.difference:.3f}", span(gap.interval))
        for name, result in results.items()
        for gap in result.largest
        if gap.metric == "accuracy"
    ]
    group = next(iter(results.values())).group
    note = f"among groups of at least {FEW_CASES} images; intervals ignore that the pair was selected"
    header = ("model", "highest", "lowest", "difference", "95 % interval")
    return Table(f"Largest difference of accuracy by {group}", header, tuple(rows), note)


def span(interval: Interval | None) -> str:
    return "" if interval is None else f"[{interval.low:.3f}, {interval.high:.3f}]"


def files_judged(models: dict[str, Recognizer]) -> str:
    """The first twelve digits of each file's sha256, as the weights' manifest has them."""
    shipped = list_weights(aliases=False)
    return ", ".join(f"`{name}` {shipped[name].sha256[:12]}" for name in models)


def crops(model: Recognizer, as_is: dict[str, FerDataset], detected: dict[str, FerDataset]) -> str:
    lines = ["| set | faces | faces found | whole picture | detected |", "|---|---:|---:|---|---|"]
    for name, dataset in detected.items():
        whole, found = judged(model, as_is[name]), judged(model, dataset)
        rows = dataset.split_rows(default_split(dataset))
        seen = "" if dataset.found is None else f"{np.asarray(dataset.found)[rows].mean():.3f}"
        cells = f"{with_interval(whole, 'accuracy')} | {with_interval(found, 'accuracy')}"
        lines.append(f"| {name} | {found.n:,} | {seen} | {cells} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", type=named, nargs="+")
    parser.add_argument("--as-is", type=named, nargs="*", default=[])
    parser.add_argument("--detected", type=named, nargs="*", default=[])
    parser.add_argument("--peers", type=Path)
    given = parser.parse_args()
    sets = {name: open_dataset(folder) for name, folder in given.sets}
    as_is, detected = ({n: open_dataset(f) for n, f in pairs} for pairs in (given.as_is, given.detected))
    if as_is.keys() != detected.keys():
        parser.error("--as-is and --detected name the same sets")
    models = {name: load_recognizer(name) for name in list_weights(aliases=False)}
    default = weight_path("default").stem  # its name among the files; records inside files name what they came from
    results = {name: {m: judged(model, data) for m, model in models.items()} for name, data in sets.items()}
    peers = load_peers(given.peers) if given.peers else ()
    page = INTRODUCTION + f"\nFiles: {files_judged(models)}.\n\n" + across_sets_table(results, peers).to_markdown()
    for name, by_model in results.items():
        page += f"\n## {name}\n\n{class_table(by_model[default]).to_markdown()}"
        page += "".join(f"\n{table.to_markdown()}" for table in of_groups(models, default, sets[name]))
    if detected:
        page += "\n" + CROPS.format(model=default) + "\n" + crops(models[default], as_is, detected)
    write_text(PAGE, page)
    print(page)


if __name__ == "__main__":
    main()
