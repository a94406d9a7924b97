"""How often each peer names what a set's label says, on the same faces: python benchmarks/peers/accuracy.py.

    python benchmarks/peers/accuracy.py ENVIRONMENTS ferplus=data/ferplus lfw=data/lfw … --json peers.json

Faces are the prepared sets' 48 × 48 crops, nothing is detected. All peers are judged over the expressions that every
one of them and the set have, so on the same faces; the file is what `mien report --peers` reads. The sets are judged
parts: this is for finished packages, nothing is chosen by it.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from client import FOLDER, NotToBeHad, PeerPackage, load_packages, running

from mien.data.dataset import open_dataset
from mien.data.protocols import Selection, select
from mien.evaluation.metrics import DoubleArray
from mien.evaluation.predictors import DEFAULT_OPTIONS
from mien.evaluation.results import EvaluationResult
from mien.evaluation.run import default_protocol, default_split, judge
from mien.expressions import FERPLUS_LABELS, Expression, LabelSet

#: Recall of expressions with fewer faces says nothing.
FEW_CASES = 20


def open_set(folder: Path) -> tuple[Selection, npt.NDArray[np.uint8]]:
    """The rows that are judged, with their labels, and their faces (n, side, side)."""
    dataset = open_dataset(folder)
    selection = select(dataset, default_protocol(dataset), default_split(dataset))
    return selection, np.asarray(dataset.images[selection.indices]).reshape(len(selection.indices), *[dataset.side] * 2)


def answers(package: PeerPackage, sets: dict[str, npt.NDArray[np.uint8]]) -> tuple[dict[str, DoubleArray], Any]:
    """Probabilities (n, 8) in FER+ order for each set, zeros for expressions that the peer lacks; and the adapter."""
    rows = {}
    with running(package) as adapter, tempfile.TemporaryDirectory() as folder:
        columns = [FERPLUS_LABELS.index(Expression(name)) for name in adapter.classes]
        for name, faces in sets.items():
            file = Path(folder) / f"{name}.bin"
            faces.tofile(file)
            found = np.asarray(adapter.ask(crops=str(file), side=faces.shape[1])["probabilities"])
            rows[name] = np.zeros((len(faces), len(FERPLUS_LABELS)))
            rows[name][:, columns] = found
    return rows, adapter


def mean_recall(result: EvaluationResult) -> float | None:
    found = [of_class.recall for of_class in result.per_class.values() if of_class.support >= FEW_CASES]
    return sum(found) / len(found) if found else None


def entry(package: str, name: str, result: EvaluationResult) -> dict[str, Any]:
    span = result.intervals["accuracy"]
    return {
        "package": package,
        "set": name,
        "faces": result.n,
        "classes": len(result.per_class),
        "accuracy": round(result.accuracy, 4),
        "interval": [round(span.low, 4), round(span.high, 4)],
        "mean_recall": mean_recall(result),
    }


def judge_all(packages: dict[str, PeerPackage], folders: dict[str, Path]) -> dict[str, Any]:
    """The record that is written: results of those that run, reasons for the others."""
    opened = {name: open_set(folder) for name, folder in folders.items()}
    faces = {name: crops for name, (_, crops) in opened.items()}
    found: dict[str, tuple[dict[str, DoubleArray], Any]] = {}
    skipped: dict[str, str] = {}
    for name, package in packages.items():
        try:
            found[name] = answers(package, faces)
        except NotToBeHad as reason:
            skipped[name] = str(reason)
        print(name, "skipped" if name in skipped else "done", flush=True)
    shared = [label for label in FERPLUS_LABELS if all(label.value in a.classes for _, a in found.values())]
    options = DEFAULT_OPTIONS.of_labels(LabelSet(tuple(shared)))
    results = []
    for name, (rows, adapter) in found.items():
        weights = None if adapter.weights is None else np.array(adapter.weights)
        for of_set, (selection, _) in opened.items():
            result = judge(selection, rows[of_set], weights=weights, options=options)
            results.append(entry(f"{name} {adapter.version}", of_set, result))
    return {"schema": 1, "measured": "benchmarks/peers/accuracy.py", "results": results, "skipped": skipped}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("environments", type=Path)
    parser.add_argument("sets", nargs="+", help="NAME=FOLDER of prepared sets")
    parser.add_argument("--peers", type=Path, default=FOLDER / "peers.toml")
    parser.add_argument("--name", nargs="+", help="only these")
    parser.add_argument("--json", type=Path, required=True)
    given = parser.parse_args()
    packages = load_packages(given.environments, given.peers)
    chosen = {name: package for name, package in packages.items() if not given.name or name in given.name}
    folders = {name: Path(folder) for name, _, folder in (text.partition("=") for text in given.sets)}
    given.json.write_text(json.dumps(judge_all(chosen, folders), indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
