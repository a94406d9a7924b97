"""The KL divergence that remains for a perfect model, since a face has only about ten votes.

    python experiments/vote_noise.py DATA [MODEL]

MODEL is a shipped name or an .onnx file. Votes are sampled from the model's own answers, as many for each validation
face as it has. Their divergence from these answers is what a model would have whose answers are the truth.
"""

import argparse
from pathlib import Path

import numpy as np

from mien.data.dataset import FerDataset, open_dataset
from mien.data.protocols import select
from mien.evaluation.metrics import DoubleArray, kl_divergence
from mien.evaluation.predictors import predict_rows
from mien.recognition.recognizer import load_recognizer

#: Sampled sets of votes.
DRAWS = 20


def kl_of_sampled_votes(dataset: FerDataset, answers: DoubleArray) -> float:
    """Mean KL divergence of sampled votes from the answers (n, 8) of the validation rows of ``votes``."""
    answers = answers / answers.sum(axis=1, keepdims=True)  # float32 sums to one only nearly, which multinomial refuses
    rows = select(dataset, "votes", "validation").indices
    counts = dataset.votes[rows, : answers.shape[1]].sum(axis=1, dtype=np.int64)  # (n,) votes for these labels
    random = np.random.default_rng(0)
    draws = [random.multinomial(counts, answers) / counts[:, None] for _ in range(DRAWS)]  # (n, 8) each
    return float(np.mean([kl_divergence(votes, answers).mean() for votes in draws]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("model", nargs="?", default="default")
    given = parser.parse_args()
    dataset = open_dataset(given.data)
    rows = select(dataset, "votes", "validation").indices
    answers = predict_rows(load_recognizer(given.model), dataset.images, rows)
    print(f"KL of votes sampled from the model's answers: {kl_of_sampled_votes(dataset, answers):.4f}")


if __name__ == "__main__":
    main()
