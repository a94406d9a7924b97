"""Make a run folder of a checkpoint that was trained outside of the package, so that it can be exported and shipped.

    python tools/adopt_checkpoint.py CHECKPOINT RECIPE DATA OUT [--set NAME=FOLDER] [--share A] [--history FILE]

CHECKPOINT holds the running mean of the weights under `ema`: those of a residual network whose last layer is split in
two, `votes` (8 columns) and `intended` (7). RECIPE says how it was trained. With --share the weights are interpolated
between those that the recipe starts from (0) and the trained ones (1) (Wortsman et al. 2022, "Robust fine-tuning"); the
second head, which the start lacks, is the trained one. FILE has one line of JSON per epoch with the training `loss`.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mien.data.dataset import FerDataset, open_dataset
from mien.training.config import TrainingConfig
from mien.training.faces import TrainingFaces, ValidationFaces
from mien.training.heads import CLASSES
from mien.training.history import EpochMetrics
from mien.training.initialization import Initialization
from mien.training.lineage import find_initialization
from mien.training.recipes import load_recipe
from mien.training.refit import refit_intended
from mien.training.runs import RunFolder, new_record

CPU = torch.device("cpu")
#: Before the names of weights in a running mean, and our names of the last layer.
PREFIX, HEAD = "module.", "head.3."


def read_weights(path: Path) -> tuple[dict[str, Tensor], int]:
    """The weights by our names, and the epoch after which they were saved."""
    scalar: Any = np.float64(0).__reduce__()[0]  # numbers of the learning rate's schedule are numpy scalars
    with torch.serialization.safe_globals([np.dtype, np.dtypes.Float64DType, scalar]):
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    found = {name.removeprefix(PREFIX): values for name, values in state["ema"].items() if name.startswith(PREFIX)}
    weights = {name: values for name, values in found.items() if not name.startswith(("votes.", "intended."))}
    for part in ("weight", "bias"):
        weights[HEAD + part] = torch.cat([found[f"votes.{part}"], found[f"intended.{part}"]])  # (15, …)
    return weights, int(state["epoch"])


def moved_from_start(
    weights: dict[str, Tensor],
    config: TrainingConfig,
    initialization: Initialization,
    faces: TrainingFaces,
    share: float,
) -> dict[str, Tensor]:
    """``share`` of the way from the start to ``weights``, with the second head as it was trained."""
    start = initialization.begin(config, faces.sample).network.state_dict()
    moved = {n: start[n].lerp(w, share) if w.is_floating_point() else w for n, w in weights.items()}
    for part in ("weight", "bias"):
        moved[HEAD + part][CLASSES:] = weights[HEAD + part][CLASSES:]
    return moved


def judge(network: torch.nn.Module, validation: ValidationFaces, epoch: int) -> dict[str, Any]:
    def logits(images: Any) -> Tensor:
        with torch.no_grad():
            return torch.cat([network(batch) for batch in images.in_order()])

    return validation.judge(logits, epoch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("recipe")
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--history", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    sets: dict[str, FerDataset] = {}
    for text in given.set:
        name, _, folder = text.partition("=")
        sets[name] = open_dataset(folder)
    recipe, dataset = load_recipe(given.recipe), open_dataset(given.data)
    initialization = find_initialization(recipe, given.out.parent)
    weights, epoch = read_weights(given.checkpoint)
    faces = TrainingFaces(recipe.config, dataset, sets, CPU)
    validation = ValidationFaces(recipe.config, dataset, sets, CPU)
    if given.share < 1:
        weights = moved_from_start(weights, recipe.config, initialization, faces, given.share)
    folder = RunFolder(given.out)
    record = new_record(
        recipe.config,
        dataset,
        sets=sets,
        start=initialization.describe_start(),
        teachers=initialization.describe_teachers(),
    )
    folder.write_record(record)
    folder.save_best(weights, epoch=epoch)
    if recipe.config.intended_refit:
        refit_intended(folder, dataset)
    losses = {}
    if given.history is not None:
        rows = [json.loads(line) for line in given.history.read_text(encoding="utf-8").splitlines()]
        losses = {int(row["epoch"]): float(row["loss"][0]) for row in rows}
    metrics = EpochMetrics(
        epoch=epoch,
        train_loss=losses.get(epoch, float("nan")),
        best=True,
        **judge(folder.load_network(), validation, epoch),
    )
    folder.write_history([metrics])
    folder.write_record(replace(record, epochs=epoch, best=metrics, precision="32-true"))
    print(json.dumps(metrics.to_dict(), indent=2))


if __name__ == "__main__":
    main()
