"""Two models on the same validation faces: what the second gains, with paired intervals, and where perfection stands.

    python experiments/compare.py DATA FIRST SECOND [--resamples 2000]

A model is a shipped name or an .onnx file. The last line draws votes anew from the first model's own answers: the KL
that a model would have if its answers were the truth and only the number of taggers made the votes differ from them.
"""

import argparse
from pathlib import Path

import numpy as np

from mien.data.dataset import FerDataset, open_dataset
from mien.data.protocols import select
from mien.evaluation.bootstrap import Interval, intervals
from mien.evaluation.metrics import FloatArray, js_divergence, kl_divergence
from mien.evaluation.predictors import predict_rows
from mien.recognition.recognizer import load_recognizer

DRAWS = 20


def answers(dataset: FerDataset, model: str) -> FloatArray:
    """What the model says of the validation faces of ``votes``, (n, 8)."""
    return predict_rows(load_recognizer(model), dataset.images, select(dataset, "votes", "validation").indices)


def per_image(dataset: FerDataset, said: FloatArray) -> dict[str, FloatArray]:
    """Figures of each validation face, by name."""
    rows, strict = select(dataset, "votes", "validation"), select(dataset, "majority", "validation")
    top = said.argmax(axis=1)
    right = top[np.searchsorted(rows.indices, strict.indices)] == strict.labels
    return {
        "KL": kl_divergence(rows.targets, said),
        "JS": js_divergence(rows.targets, said),
        "drawn": rows.targets[np.arange(len(top)), top],
        "majority": right.astype(np.float64),
    }


def interval_of(gain: FloatArray, resamples: int) -> Interval:
    """Of the mean gain of an image."""
    return intervals(lambda weights: {"gain": weights @ gain / len(gain)}, len(gain), resamples=resamples)["gain"]


def floor(dataset: FerDataset, said: FloatArray) -> float:
    """Mean KL of votes drawn from the answers, as many for each face as it has, to these answers."""
    said = said / said.sum(axis=1, keepdims=True)
    rows = select(dataset, "votes", "validation").indices
    counts = dataset.votes[rows, : said.shape[1]].sum(axis=1, dtype=np.int64)
    random = np.random.default_rng(0)
    draws = [random.multinomial(counts, said) / counts[:, None] for _ in range(DRAWS)]
    return float(np.mean([kl_divergence(votes, said).mean() for votes in draws]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("first")
    parser.add_argument("second")
    parser.add_argument("--resamples", type=int, default=2000)
    given = parser.parse_args()
    dataset = open_dataset(given.data)
    said, said_second = answers(dataset, given.first), answers(dataset, given.second)
    first, second = per_image(dataset, said), per_image(dataset, said_second)
    print("| figure | first | second | difference | 95 % interval |\n|---|---:|---:|---:|---:|")
    for name, values in first.items():
        gain = second[name] - values
        interval = interval_of(gain, given.resamples)
        both = f"{values.mean():.4f} | {second[name].mean():.4f}"
        print(f"| {name} | {both} | {gain.mean():+.4f} | [{interval.low:+.4f}, {interval.high:+.4f}] |")
    print(f"KL of votes drawn from the first model's answers: {floor(dataset, said):.4f}")


if __name__ == "__main__":
    main()
