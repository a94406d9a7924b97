"""Ablations of the capstone: the recipe `ablation` with one setting changed at a time, on the validation split.

    python experiments/ablations.py DATA RUNS [--threads 1]

Finished runs in RUNS are not trained again, an interrupted one is resumed. Writes docs/explanation/ablations.md.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from mien.data.augmentation import Augmentation
from mien.data.dataset import FerDataset, open_dataset
from mien.evaluation.run import evaluate
from mien.networks.summary import summarize
from mien.runtime.files import write_text
from mien.training.config import TrainingConfig
from mien.training.recipes import load_config
from mien.training.run import RunResult, train
from mien.training.runs import RunFolder

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "explanation" / "ablations.md"
BASE = load_config(ROOT / "src/mien/recipes/research/ablation.toml")
#: Targets and augmentation, with the capstone's network. A setting's position is in the name of its run's folder.
SETTINGS: dict[str, TrainingConfig] = {
    "drawn anew in every epoch (the capstone's)": BASE,
    "drawn once and fixed": replace(BASE, target="fixed"),
    "all votes (soft)": replace(BASE, target="soft"),
    "majority only": replace(BASE, target="majority"),
    "drawn, faces never changed": replace(BASE, augmentation=Augmentation()),
    "drawn, faces blended in pairs (mixup .2)": replace(BASE, mixup=0.2),
    "drawn, rare expressions weigh more (frequency^-½)": replace(BASE, class_weight_power=0.5),
}
#: The capstone's other architectures and ours, trained on all votes.
NETWORKS = ("capstone", "resnet", "inception", "densenet", "vgg16", "vit")
INTRODUCTION = """# Ablations

One setting changed at a time from `recipes/research/ablation.toml`: {epochs} epochs, far from convergence, judged on
the validation split without mirror averaging; in brackets 95 % bootstrap intervals over the images. What they show
holds for short runs; the shipped networks' own are in [experiments](experiments.md). Made by
`python experiments/ablations.py DATA RUNS`.
"""


class Trained:
    """A trained network as a predictor for evaluation, without exporting it."""

    def __init__(self, run: Path) -> None:
        self._network: nn.Module = RunFolder(run).load_network()

    @torch.no_grad()
    def predict_proba(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        # uint8 (N, 48, 48, 1) to float32 (N, 1, 48, 48) in [0, 1]
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        probabilities: npt.NDArray[np.float32] = self._network(pixels).softmax(dim=1).numpy()
        return probabilities


def line(name: str, result: RunResult, dataset: FerDataset) -> str:
    protocols = ("votes", "drawn", "majority")
    votes, drawn, majority = evaluate(Trained(result.folder), dataset, split="validation", protocols=protocols)
    cells = []
    for judged, metric in ((votes, "kl"), (drawn, "accuracy"), (majority, "accuracy"), (majority, "macro_f1")):
        interval = judged.intervals[metric]
        cells.append(f"{getattr(judged, metric):.3f} [{interval.low:.3f}, {interval.high:.3f}]")
    return f"| {name} | " + " | ".join(cells) + " |"


def network_line(name: str, result: RunResult, dataset: FerDataset) -> str:
    summary = summarize(name)
    costs = f"{summary.total / 1e6:.2f} M | {summary.multiply_adds / 1e6:.0f} M"
    return line(f"{name} | {costs}", result, dataset)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    dataset = open_dataset(given.data)
    head = "KL | drawn | majority | macro-F1 (majority) |\n|---|"
    page = (
        INTRODUCTION.format(epochs=BASE.epochs) + f"\n## Labels and changes\n\n| setting | {head}---:|---:|---:|---:|\n"
    )
    for number, (name, config) in enumerate(SETTINGS.items()):
        page += line(name, train(config, dataset, given.runs / f"setting-{number}", resume=True), dataset) + "\n"
        write_text(PAGE, page)  # after each run: the page shows what an interrupted call has done
    page += "\n## Networks\n\nAll votes; what they cost in training is in [train.md](train.md).\n\n"
    page += f"| network | parameters | multiply-adds | {head}---:|---:|---:|---:|---:|---:|\n"
    for name in NETWORKS:
        config = replace(BASE, target="soft", network=name)
        # The capstone's network with all votes has been trained above.
        folder = given.runs / ("setting-2" if name == BASE.network else f"network-{name}")
        page += network_line(name, train(config, dataset, folder, resume=True), dataset) + "\n"
        write_text(PAGE, page)


if __name__ == "__main__":
    main()
