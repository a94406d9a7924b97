"""How well the audit finds label errors that were planted: precision at each recall, on FER+.

    python experiments/planted_label_errors.py DATA --way unseen
    python experiments/planted_label_errors.py DATA --way heads
    python experiments/planted_label_errors.py DATA --way gradients
    python experiments/planted_label_errors.py DATA --way given --probabilities AUDIT/probabilities.npy
    python experiments/planted_label_errors.py DATA --way given --probabilities AUDIT/folds/fold0-….npy --fold 0
    python experiments/planted_label_errors.py DATA --way folds --recipe ferplus-audit --out DIR [--fold 0]

Errors are planted in 5 % of all images of a split: half get the votes of an image of another, random expression, half
those of one that the votes themselves confuse with theirs. Ways to probabilities:

    unseen     errors in the validation split, which the shipped default never trained on: full-strength networks, but
               trained on labels without planted errors.
    heads      errors in the training split; k-fold logistic regression on the shipped networks' answers. Cheap, but
               those networks were trained on the true votes of the same images: an upper bound.
    gradients  errors in the training split; k-fold training from scratch, on the votes with errors, of the learner of
               gradient_learner.py, which takes seconds and knows much less than a network.
    given      errors in the training split, or one fold of it; out-of-fold probabilities of `mien data audit`, whose
               networks trained on the other folds as they are, without planted errors.
    folds      errors in the training split; k-fold training of a recipe from scratch on the votes with errors. With
               --fold one network is trained, and the fold that it has not seen is judged.

Every way is judged by several scores, of which the audit uses the first. `folds` is the honest one: no network that
scores an image has seen its true votes.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gradient_learner import gradient_features, out_of_fold_answers

from mien.curation.audit import mislabeled
from mien.curation.folds import FOLDS, assign_folds, fold_answers, load_probabilities, mean_of_models, out_of_fold
from mien.data.dataset import FerDataset, open_dataset
from mien.data.protocols import distribution
from mien.evaluation.metrics import js_divergence, kl_divergence
from mien.recognition.recognizer import load_recognizer

Floats = npt.NDArray[np.float64]
#: Share of the images that get wrong votes.
SHARE = 0.05


def plant(dataset: FerDataset, seed: int) -> tuple[FerDataset, npt.NDArray[np.bool_]]:
    """The data set with errors, and a mask of them, (N,)."""
    rng = np.random.default_rng(seed)
    votes = np.array(dataset.votes)
    shares = distribution(votes)
    labels = shares.argmax(axis=1)
    confusion = np.array([shares[labels == c].mean(axis=0) for c in range(8)])  # (8, 8) by the panels' own votes
    np.fill_diagonal(confusion, 0)  # what remains are the confusions between expressions
    confusion /= confusion.sum(axis=1, keepdims=True)
    chosen = rng.permutation(len(dataset))[: round(SHARE * len(dataset))]
    by_label = [np.flatnonzero(labels == c) for c in range(8)]
    for number, at in enumerate(chosen.tolist()):
        others = [c for c in range(8) if c != labels[at]]
        # Alternately any wrong expression, and one that people confuse with the true one, which is harder to find.
        wrong = rng.choice(others) if number % 2 else rng.choice(8, p=confusion[labels[at]])
        votes[at] = dataset.votes[rng.choice(by_label[wrong])]
    planted = np.zeros(len(dataset), np.bool_)
    planted[chosen] = True
    # a second panel without votes: recipes that add both panels train on the first, and the true votes stay unseen
    return replace(dataset, votes=votes, panel_votes=np.zeros_like(votes)), planted


def heads(dataset: FerDataset, folds: int = 4) -> npt.NDArray[np.float32]:
    """Out-of-fold answers of logistic regressions on the shipped networks' log-probabilities."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    parts = []
    for name in ("resnet", "resnet-wide", "capstone"):
        model = load_recognizer(name, threads=1)
        rows = range(0, len(dataset), 512)
        parts.append(np.concatenate([model.predict_proba(np.asarray(dataset.images[r : r + 512])) for r in rows]))
    features = np.log(np.maximum(np.concatenate(parts, axis=1), 1e-6))  # (N, 24)
    labels = distribution(np.asarray(dataset.votes)).argmax(axis=1)
    # The network's answers to an image say nothing of its planted votes; the regression must not have seen them either.
    fold_of = assign_folds(dataset, folds)
    answers = np.zeros((len(dataset), 8), np.float32)
    for fold in range(folds):
        head = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(
            features[fold_of != fold], labels[fold_of != fold]
        )
        answers[np.ix_(fold_of == fold, head.classes_)] = head.predict_proba(features[fold_of == fold])
    return answers


def by_noise_model(shares: Floats, answers: Floats) -> Floats:
    """How likely each label is wrong by cleanlab's estimate of which expression is labeled as which, (n,)."""
    from cleanlab.count import compute_confident_joint, estimate_latent

    labels = shares.argmax(axis=1)
    joint = compute_confident_joint(labels, answers)
    _, noise, _ = estimate_latent(joint, labels)  # (8, 8): of each true expression in columns, what it is labeled as
    given = noise[labels] * answers  # (n, 8), in proportion to the probability of each true expression
    return np.asarray(1 - given[np.arange(len(labels)), labels] / given.sum(axis=1))


def scores_of(shares: Floats, answers: Floats) -> dict[str, Floats]:
    """Ways to rank labels, higher for more doubtful ones; shares and answers (n, 8)."""
    labels = shares.argmax(axis=1)
    each = np.arange(len(labels))
    rivals = answers.copy()
    rivals[each, labels] = 0  # the highest of the rest is the next expression
    return {
        "the audit's score": mislabeled(shares, answers),
        "self-confidence": 1 - answers[each, labels],
        "margin to the next expression": rivals.max(axis=1) - answers[each, labels],
        "Jensen-Shannon divergence to the votes": js_divergence(shares, answers),
        "Kullback-Leibler divergence to the votes": kl_divergence(shares, answers),
        "cleanlab's noise model": by_noise_model(shares, answers),
    }


def report(shares: Floats, answers: npt.NDArray[np.float32], planted: npt.NDArray[np.bool_]) -> None:
    """Print the precision at three recalls of each way to rank; ``planted`` says which rows are errors, (n,)."""
    given = answers.astype(np.float64)
    given /= given.sum(axis=1, keepdims=True)
    print(f"out-of-fold accuracy against the labels with errors: {(given.argmax(1) == shares.argmax(1)).mean():.3f}")
    for name, scores in scores_of(shares, given).items():
        order = np.argsort(-scores, kind="stable")
        hits = np.cumsum(planted[order])
        recall, precision = hits / planted.sum(), hits / np.arange(1, len(order) + 1)
        line = [f"{precision[np.searchsorted(recall, level)]:.3f} at {level:.0%}" for level in (0.25, 0.5, 0.75)]
        print(f"{name}: precision {', '.join(line)} recall")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--way", choices=("unseen", "heads", "gradients", "given", "folds"), default="unseen")
    parser.add_argument("--recipe", default="ferplus-audit")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--probabilities", type=Path)
    parser.add_argument("--fold", type=int, help="judge one of the four folds alone")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    whole = open_dataset(given.data)
    rows = whole.split_rows("validation" if given.way == "unseen" else "train")
    fold_of = assign_folds(whole, FOLDS)[rows]
    if given.fold is not None and given.way != "folds":
        rows = rows[fold_of == given.fold]
    per_row: dict[str, Any] = {
        name: np.asarray(getattr(whole, name))[rows] for name in ("images", "splits", "rows", "emotions", "votes")
    }
    dataset, planted = plant(replace(whole, **per_row, panel_votes=None), given.seed)
    print(f"{planted.sum():,} errors planted in {len(dataset):,} images")
    shares, judged = distribution(np.asarray(dataset.votes)), np.arange(len(rows))
    if given.way == "folds" and given.fold is not None:
        answers = fold_answers(dataset, given.recipe, given.out, given.fold, progress=print)
        judged = np.flatnonzero(fold_of == given.fold)
    elif given.way == "folds":
        answers = out_of_fold(dataset, given.recipe, given.out, progress=print)
    elif given.way == "given":
        answers = load_probabilities(given.probabilities, len(whole))[rows]
    elif given.way == "gradients":
        answers = out_of_fold_answers(dataset, gradient_features(dataset.images), shares)
    elif given.way == "heads":
        answers = heads(dataset)
    else:
        answers = mean_of_models([load_recognizer(threads=1)], dataset.images)
    report(shares[judged], answers[judged], planted[judged])


if __name__ == "__main__":
    main()
