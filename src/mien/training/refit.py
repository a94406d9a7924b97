"""The second head, fitted anew on the finished features.

While both heads train, the first one's votes shape the features, and the second lags behind on faces that are changed
at random. A linear layer on the finished features of the training faces as they are does better on faces that the
network has not seen (docs/explanation/experiments.md), at no cost to the first head.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mien.data.dataset import FerDataset
from mien.data.protocols import select
from mien.data.splits import Split
from mien.training.export.temperature import as_input
from mien.training.heads import CLASSES, INTENDED_CLASSES, INTENDED_FROM_PERCEIVED
from mien.training.runs import RunFolder

#: Of the fit; RATE is the peak of a one-cycle schedule, SMOOTHING of the labels, DROPOUT of the features.
EPOCHS, BATCH, RATE, WEIGHT_DECAY, SMOOTHING, DROPOUT = 12, 512, 2e-3, 0.05, 0.1, 0.3


def refit_intended(run: RunFolder, dataset: FerDataset, *, seed: int = 0) -> None:
    """Give the best weights of a finished run a second head that is fitted on the training faces with their mirrors.

    The history keeps what the epochs reached. The same run and data always give the same weights.

    Args:
        run: Of a network with two heads.
        dataset: The one that it was trained on.
        seed: Of the layer's first weights, order and dropout.

    Raises:
        CheckpointError: The run is damaged.
    """
    network = run.load_network()
    # the output layer: networks define their layers in the order in which they compute
    last = [layer for layer in network.modules() if isinstance(layer, nn.Linear)][-1]
    rows, labels = labeled_faces(dataset, "train")
    layer = fit_head(_features(network, last, dataset.images, rows), labels, seed=seed)
    with torch.no_grad():
        last.weight[CLASSES:] = layer.weight  # (7, features), behind the first head's eight rows
        last.bias[CLASSES:] = layer.bias
    run.save_best(network.state_dict(), epoch=int(run.load_best()["epoch"]))


def labeled_faces(dataset: FerDataset, split: Split) -> tuple[npt.NDArray[np.int64], Tensor]:
    """Rows of a split with one of FER2013's labels, and the number of the label, int64 (n,)."""
    selection = select(dataset, "fer2013", split)
    return selection.indices, torch.from_numpy(selection.targets[:, INTENDED_FROM_PERCEIVED].argmax(axis=1))


def fit_head(features: Tensor, labels: Tensor, *, seed: int = 0) -> nn.Linear:
    """A linear layer for standardized features, with the standardization folded in.

    Args:
        features: float32 (n, features).
        labels: int64 (n,), columns of the layer's seven outputs.
        seed: Of first weights, order and dropout.
    """
    with torch.random.fork_rng(devices=[]):  # the caller's random state stays as it is
        torch.manual_seed(seed)
        mean, spread = features.mean(dim=0), features.std(dim=0) + 1e-3  # (features,); 1e-3: dead ones stay at 0
        standard = (features - mean) / spread  # (n, features)
        layer = nn.Linear(features.shape[1], INTENDED_CLASSES)
        drop = nn.Dropout(DROPOUT)
        optimizer = torch.optim.AdamW(layer.parameters(), lr=RATE, weight_decay=WEIGHT_DECAY)
        steps = EPOCHS * -(-len(labels) // BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
        for _ in range(EPOCHS):
            for at in torch.randperm(len(labels)).split(BATCH):
                logits = layer(drop(standard[at]))  # (b, 7)
                loss = nn.functional.cross_entropy(logits, labels[at], label_smoothing=SMOOTHING)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    with torch.no_grad():
        # layer((x - mean) / spread) as a layer of x
        layer.weight.div_(spread)
        layer.bias.sub_(layer.weight @ mean)
    return layer


@torch.no_grad()
def _features(
    network: nn.Module, last: nn.Linear, images: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64]
) -> Tensor:
    """The inputs of the last layer for each face, averaged with those of its mirror image, float32 (n, features)."""
    seen: list[Tensor] = []
    hook = last.register_forward_pre_hook(lambda _, given: seen.append(given[0].float().cpu()))
    try:
        batches = (torch.from_numpy(as_input(images[rows[at : at + 256]])) for at in range(0, len(rows), 256))
        return torch.cat([_mean_over_mirrors(network, faces, seen) for faces in batches])
    finally:
        hook.remove()


def _mean_over_mirrors(network: nn.Module, faces: Tensor, seen: list[Tensor]) -> Tensor:
    seen.clear()
    network(faces)
    network(faces.flip(3))
    return torch.stack(seen).mean(dim=0)
