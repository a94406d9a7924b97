"""What a change of the training data is worth: decisions of an audit, or another set beside FER+, against neither.

    python experiments/training_data.py DATA OUT [--lfw LFW] [--seeds 0 1 2] [--epochs 3] [--judge]
    python experiments/training_data.py DATA OUT --gradients [--lfw LFW] …

Networks are trained by the recipe `ferplus-audit`; with --gradients by the learner of gradient_learner.py instead,
which takes seconds for what networks take minutes for. First four of them audit the training split, each without a
quarter of it. Then there is one training of each way and seed. All are judged on the same validation faces with the
votes as published, which neither the audit nor the trainings have seen.

    none    the training split as it is
    rule    drop, pool and soften training rows by the audit's stated rule
    random  the same number of each on training rows chosen at random
    lfw     as it is, with LFW's training part as the recipe `ferplus-audit-lfw` has it

--judge reads LFW's judged part, once, for a comparison that is finished; without it LFW's validation part is read.
Networks that are trained are not trained again, and a run that was killed goes on. The table goes to OUT/table.md.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from gradient_learner import gradient_features, learn, out_of_fold_answers

from mien.curation.audit import Audit, audit_labels
from mien.curation.audit_table import automatic_decisions, random_decisions
from mien.curation.folds import RunPredictor, out_of_fold, save_probabilities
from mien.data.dataset import FerDataset, open_dataset
from mien.data.decisions import Decision, apply_decisions
from mien.data.protocols import distribution, select
from mien.data.splits import SPLITS, Split
from mien.evaluation.bootstrap import resample_weights
from mien.evaluation.metrics import DoubleArray, IntArray, kl_divergence
from mien.evaluation.predictors import predict_rows
from mien.runtime.files import write_text
from mien.training.recipes import load_config
from mien.training.run import train

#: Of a data set and rows of it, probabilities (n, 8).
Answer = Callable[[FerDataset, IntArray], DoubleArray]
RESAMPLES = 2000
#: Faces of a class that mean recall asks for.
ENOUGH = 20


def training_alone(dataset: FerDataset) -> FerDataset:
    """The set with its validation faces put to the test split: neither audits nor decisions may know their votes."""
    train, test = SPLITS.index("train"), SPLITS.index("test")
    return replace(dataset, splits=np.where(np.asarray(dataset.splits) == train, train, test).astype(np.uint8))


def decisions_of(way: str, dataset: FerDataset, audit: Audit, seed: int) -> tuple[Decision, ...]:
    """Those of one way; they are made for the training rows alone."""
    if way == "rule":
        return automatic_decisions(training_alone(dataset), audit)
    return random_decisions(training_alone(dataset), audit, seed) if way == "random" else ()


def per_image(dataset: FerDataset, answer: Answer) -> dict[str, DoubleArray]:
    """Figures of each validation face of FER+: KL to its votes (n,), and whether the majority's label is named (m,)."""
    votes, majority = select(dataset, "votes", "validation"), select(dataset, "majority", "validation")
    said = answer(dataset, votes.indices)  # (n, 8)
    named = said.argmax(axis=1)[np.searchsorted(votes.indices, majority.indices)]  # (m,)
    return {"KL": kl_divergence(votes.targets, said), "majority": (named == majority.labels).astype(np.float64)}


def per_face(lfw: FerDataset, answer: Answer, split: Split) -> dict[str, DoubleArray]:
    """Figures of each face of LFW: accuracy, and recall averaged over the classes by a weight for each face."""
    rows = select(lfw, "labels", split)
    right = (answer(lfw, rows.indices).argmax(axis=1) == rows.labels).astype(np.float64)  # (n,)
    counts = np.bincount(rows.labels, minlength=8)
    share = np.where(counts >= ENOUGH, 1 / np.maximum(counts, 1), 0) / (counts >= ENOUGH).sum()  # of a face of a class
    return {f"LFW {split}": right, f"LFW {split}, mean recall": right * share[rows.labels] * len(right)}


def spread(gains: DoubleArray) -> tuple[float, float]:
    """The middle 95 % of mean gains where both the faces and the seeds are drawn anew; gains (seeds, n)."""
    rng = np.random.default_rng(0)
    means = []
    for weights in resample_weights(gains.shape[1], resamples=RESAMPLES, seed=0):  # (b, n)
        of_seeds = weights @ gains.T / gains.shape[1]  # (b, seeds)
        chosen = rng.integers(0, len(gains), of_seeds.shape)
        means.append(np.take_along_axis(of_seeds, chosen, axis=1).mean(axis=1))
    low, high = np.quantile(np.concatenate(means), (0.025, 0.975))
    return float(low), float(high)


def table(found: dict[str, dict[int, dict[str, DoubleArray]]]) -> str:
    """A row for each way and figure, compared with `none` over the seeds that both have."""
    lines = [
        "| figure | data | seeds | mean | by seed | gain over none | 95 % interval |",
        "|---|---|---:|---:|---|---:|---|",
    ]
    for figure in next(iter(found["none"].values())):
        for way, runs in found.items():
            seeds = sorted(runs.keys() & found["none"].keys())
            if not seeds:
                continue
            values = np.stack([runs[seed][figure] for seed in seeds])  # (seeds, n)
            gains = values - np.stack([found["none"][seed][figure] for seed in seeds])
            by_seed = " ".join(f"{value:.4f}" for value in values.mean(axis=1))
            low, high = spread(gains)
            gain = "" if way == "none" else f"{gains.mean():+.4f} | [{low:+.4f}, {high:+.4f}]"
            lines.append(f"| {figure} | {way} | {len(seeds)} | {values.mean():.4f} | {by_seed} | {gain or ' | '} |")
    return "\n".join(lines) + "\n"


class Networks:
    """Trains by the recipes `ferplus-audit` and `ferplus-audit-lfw`."""

    def __init__(self, given: argparse.Namespace, dataset: FerDataset) -> None:
        self._out, self._epochs = given.out, given.epochs
        self.opinions = out_of_fold(training_alone(dataset), "ferplus-audit", given.out / "folds", progress=print)

    def train(self, way: str, seed: int, changed: FerDataset, lfw: FerDataset | None) -> Answer:
        recipe = load_config("ferplus-audit" if lfw is None else "ferplus-audit-lfw")
        config = replace(recipe, seed=seed, epochs=self._epochs or recipe.epochs)
        folder = self._out / f"{way}-{seed}"
        sets = {} if lfw is None else {"lfw": lfw}
        train(config, changed, folder, sets=sets, resume=True, precision="32-true")
        return lambda data, rows: predict_rows(RunPredictor(folder), data.images, rows)


class Gradients:
    """Trains the learner on gradients, with the weights and the smoothing of `ferplus-audit-lfw`."""

    def __init__(self, dataset: FerDataset, lfw: FerDataset | None) -> None:
        self._dataset = dataset
        self._features = {id(data): gradient_features(data.images) for data in (dataset, lfw) if data is not None}
        self.opinions = out_of_fold_answers(training_alone(dataset), self._features[id(dataset)], both_panels(dataset))

    def train(self, _: str, seed: int, changed: FerDataset, lfw: FerDataset | None) -> Answer:
        kept = np.flatnonzero(np.isin(self._dataset.rows, changed.rows))  # of the features; a decision may drop rows
        targets = both_panels(changed)
        chosen = np.flatnonzero((changed.splits == SPLITS.index("train")) & targets.any(axis=1))
        features, targets, weights = self._features[id(self._dataset)][:, kept[chosen]], targets[chosen], None
        if lfw is not None:
            entry = load_config("ferplus-audit-lfw").data[0]
            rows = select(lfw, "votes", "train")
            frequency = rows.targets.mean(axis=0)
            rare = rows.targets @ np.maximum(frequency, 1e-6) ** -entry.class_weight_power
            further = entry.weight * rare / rare.mean()
            smoothed = rows.targets * (1 - entry.label_smoothing) + entry.label_smoothing / 8
            weights = torch.from_numpy(np.concatenate([np.ones(len(chosen)), further]).astype(np.float32))
            features = torch.cat([features, self._features[id(lfw)][:, rows.indices]], dim=1)
            targets = np.concatenate([targets, smoothed])
        learner = learn(features, targets, seed, weights)
        return lambda data, rows: learner(self._features[id(data)][0, rows]).astype(np.float64)


def both_panels(dataset: FerDataset) -> DoubleArray:
    """Shares of the votes of both panels together (N, 8)."""
    votes = np.asarray(dataset.votes)
    return distribution(votes if dataset.panel_votes is None else votes + dataset.panel_votes)


def answers(
    given: argparse.Namespace, dataset: FerDataset, lfw: FerDataset | None
) -> Iterator[tuple[str, int, Answer]]:
    """Train seed by seed, so that a stopped experiment has compared as many of each."""
    trainer = Gradients(dataset, lfw) if given.gradients else Networks(given, dataset)
    # for `mien data audit --probabilities`, which shows them
    save_probabilities(trainer.opinions, given.out / "probabilities.npy")
    audit = audit_labels(dataset, trainer.opinions)
    for seed in given.seeds:
        for way in ("none", "rule", "random", *(["lfw"] if lfw is not None else [])):
            decided = decisions_of(way, dataset, audit, seed)
            changed = apply_decisions(dataset, decided) if decided else dataset
            done = Counter(decision.why.split(" ")[0].strip(",") for decision in decided)
            print(f"{way}, seed {seed}: {dict(done) or 'no decisions'}", flush=True)
            yield way, seed, trainer.train(way, seed, changed, lfw if way == "lfw" else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--gradients", action="store_true")
    parser.add_argument("--lfw", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--judge", action="store_true")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    dataset, lfw = open_dataset(given.data), None if given.lfw is None else open_dataset(given.lfw)
    found: dict[str, dict[int, dict[str, DoubleArray]]] = {}
    for name, seed, answer in answers(given, dataset, lfw):
        figures = per_image(dataset, answer)
        if lfw is not None:
            figures |= per_face(lfw, answer, "test" if given.judge else "validation")
        found.setdefault(name, {})[seed] = figures
        write_text(given.out / "table.md", table(found))
    print((given.out / "table.md").read_text())


if __name__ == "__main__":
    main()
