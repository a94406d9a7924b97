"""The table of the targets for a finished model: FER+, FER2013's own labels, and the sets from elsewhere.

    python tools/targets.py DATA SETS [--model default] [--choosing]

DATA is the prepared FER+ folder, SETS a folder with the prepared sets lfw, london and imfdb. --choosing reads the parts
that one may choose by: FER+'s validation split and LFW's. Without it the judged parts are read, which is for a finished
model and once.
"""

import argparse
from pathlib import Path

import numpy as np

from mien.data.dataset import open_dataset
from mien.evaluation.predictors import EvaluationOptions
from mien.evaluation.results import FEW_CASES, EvaluationResult
from mien.evaluation.run import evaluate
from mien.recognition.recognizer import Recognizer, load_recognizer

#: Row, target and least value; of divergence and calibration error less is better.
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
}
_LESS_IS_BETTER = {"JS, votes", "ECE, votes"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("sets", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--choosing", action="store_true")
    given = parser.parse_args()
    print("| | n | reached | target | must at least |\n|---|---:|---:|---:|---:|")
    for row, (n, value) in measured(given.data, given.sets, given.model, choosing=given.choosing).items():
        target, least = TARGETS[row]
        sign = "≤" if row in _LESS_IS_BETTER else "≥"
        print(f"| {row} | {n:,} | {value:.4f} | {sign} {target:g} | {least:g} |")


def measured(data: Path, sets: Path, model: str, *, choosing: bool) -> dict[str, tuple[int, float]]:
    """Each row with its number of faces and its value."""
    split = "validation" if choosing else "test"
    perceived = load_recognizer(model)
    two_heads = "intended" in perceived.metadata.heads
    majority = _judged(perceived, data, "majority", split)
    votes = _judged(perceived, data, "votes", split)
    own = _judged(load_recognizer(model, labels="intended") if two_heads else perceived, data, "fer2013", split)
    found = {"majority accuracy": (majority.n, majority.accuracy), "macro-F1, named": (majority.n, majority.macro_f1)}
    for label in ("contempt", "disgust", "fear"):
        of_class = majority.per_class[label]
        found[f"recall of {label}"] = (int(of_class.support), of_class.recall)
    found |= {"JS, votes": (votes.n, votes.js or 0.0), "ECE, votes": (votes.n, votes.ece or 0.0)}
    lfw = _judged(perceived, sets / "lfw", "labels", split)
    recalls = [of_class.recall for of_class in lfw.per_class.values() if of_class.support >= FEW_CASES]
    found |= {"fer2013 accuracy": (own.n, own.accuracy), "LFW accuracy": (lfw.n, lfw.accuracy)}
    found["LFW mean recall"] = (lfw.n, float(np.mean(recalls)))
    if not choosing:  # both are judged whole: nothing may be chosen by them
        for title, name in (("London", "london"), ("IMFDB", "imfdb")):
            result = _judged(perceived, sets / name, "labels", split)
            found[f"{title} accuracy"] = (result.n, result.accuracy)
    return found


def _judged(model: Recognizer, folder: Path, protocol: str, split: str) -> EvaluationResult:
    options = EvaluationOptions(resamples=0)
    (result,) = evaluate(model, open_dataset(folder), split=split, protocols=(protocol,), options=options)  # type: ignore[arg-type]
    return result


if __name__ == "__main__":
    main()
