"""Print the table of targets for a finished model: FER+, FER2013's own labels, other sets, and an adaptation.

    python tools/targets.py DATA SETS [--model default] [--choosing]

DATA is the prepared FER+ folder, SETS a folder with the prepared sets lfw, london and imfdb. With --choosing the splits
are read by which a model may be chosen, the validation splits of FER+ and LFW. Without it the judged splits are read:
once, for a finished model.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mien.adaptation.run import adapt
from mien.data.dataset import FerDataset, open_dataset, write_dataset
from mien.data.splits import Split
from mien.evaluation.predictors import EvaluationOptions
from mien.evaluation.results import FEW_CASES, EvaluationResult
from mien.evaluation.run import evaluate
from mien.recognition.recognizer import Recognizer, load_recognizer

#: Row, target and least acceptable value; of divergence and calibration error the largest one.
TARGETS = {
    "majority accuracy": (0.905, 0.885),
    "macro-F1, named": (0.80, 0.755),
    "recall of contempt": (0.45, 0.30),
    "recall of disgust": (0.60, 0.40),
    "recall of fear": (0.75, 0.60),
    "JS, votes": (0.062, 0.0665),
    "ECE, votes": (0.01, 0.012),
    "fer2013 accuracy": (0.74, 0.705),
    "LFW accuracy": (0.94, 0.91),
    "LFW mean recall": (0.80, 0.74),
    "London accuracy": (0.95, 0.87),
    "IMFDB accuracy": (0.50, 0.43),
    "London, adapted to 10 people": (0.92, 0.86),
}
_LESS_IS_BETTER = {"JS, votes", "ECE, votes"}


#: Number of people in a protocol of the London set that an adaptation may use; it is judged on the others.
_ADAPTED_PEOPLE = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("sets", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--choosing", action="store_true")
    given = parser.parse_args()
    print("| | n | reached | target | must at least |\n|---|---:|---:|---:|---:|", flush=True)
    for row, n, value in measured(given.data, given.sets, given.model, choosing=given.choosing):
        target, least = TARGETS[row]
        sign = "≤" if row in _LESS_IS_BETTER else "≥"
        print(f"| {row} | {n:,} | {value:.4f} | {sign} {target:g} | {least:g} |", flush=True)


def measured(data: Path, sets: Path, model: str, *, choosing: bool) -> Iterator[tuple[str, int, float]]:
    """Each row of :data:`TARGETS` with its number of faces and its value, as it is measured."""
    split: Split = "validation" if choosing else "test"
    perceived, ferplus = load_recognizer(model), open_dataset(data)
    intended = load_recognizer(model, labels="intended") if "intended" in perceived.metadata.heads else perceived
    majority = _judged(perceived, ferplus, "majority", split)
    yield "majority accuracy", majority.n, majority.accuracy
    yield "macro-F1, named", majority.n, majority.macro_f1
    for label in ("contempt", "disgust", "fear"):
        yield f"recall of {label}", int(majority.per_class[label].support), majority.per_class[label].recall
    votes = _judged(perceived, ferplus, "votes", split)
    yield "JS, votes", votes.n, votes.js or 0.0
    yield "ECE, votes", votes.n, votes.ece or 0.0
    own = _judged(intended, ferplus, "fer2013", split)
    yield "fer2013 accuracy", own.n, own.accuracy
    lfw = _judged(perceived, open_dataset(sets / "lfw"), "labels", split)
    recalls = [of_class.recall for of_class in lfw.per_class.values() if of_class.support >= FEW_CASES]
    yield "LFW accuracy", lfw.n, lfw.accuracy
    yield "LFW mean recall", lfw.n, float(np.mean(recalls))
    if choosing:
        return  # the other sets are judged as a whole: nothing may be chosen by them
    london, imfdb = open_dataset(sets / "london"), open_dataset(sets / "imfdb")
    for row, dataset in (("London accuracy", london), ("IMFDB accuracy", imfdb)):
        result = _judged(perceived, dataset, "labels", "all")
        yield row, result.n, result.accuracy
    result = judged_on_others(model, london)
    yield "London, adapted to 10 people", result.n, result.accuracy


def judged_on_others(model: str, dataset: FerDataset, *, people: int = _ADAPTED_PEOPLE) -> EvaluationResult:
    """Adapt ``model`` to the first people of a data set, and judge the result on all others.

    The file is written even without a cross-validated gain, which so few faces cannot show.
    """
    if dataset.persons is None:
        raise SystemExit("the data set does not name persons")
    first = np.isin(dataset.persons, np.unique(dataset.persons)[:people])  # (n,)
    with TemporaryDirectory() as folder:
        write_dataset(dataset.take(np.flatnonzero(first)), Path(folder) / "labeled")
        adapted = adapt(model, Path(folder) / "labeled", Path(folder) / "adapted.onnx", force=True)
        others = dataset.take(np.flatnonzero(~first))
        return _judged(load_recognizer(adapted.path), others, "labels", "all")


def _judged(model: Recognizer, dataset: FerDataset, protocol: str, split: Split) -> EvaluationResult:
    options = EvaluationOptions(resamples=0)
    (result,) = evaluate(model, dataset, split=split, protocols=(protocol,), options=options)
    return result


if __name__ == "__main__":
    main()
