"""A learner that costs seconds: histograms of gradients (Dalal and Triggs 2005) and one hidden layer, from scratch.

For experiments that need many trainings on a machine that has no time for convolutions. It does not know the audit.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mien.curation.folds import assign_folds
from mien.data.dataset import FerDataset
from mien.data.splits import SPLITS

#: Pixels a cell, cells a block and orientations: 36 cells, 25 blocks of four cells with nine orientations each.
_CELL, _BLOCK, _BINS = 8, 2, 9
_HIDDEN = 192
_EPOCHS, _BATCH, _RATE = 8, 256, 2e-3
_IMAGES = 512


#: From features (n, 900) to probabilities (n, 8).
Learner = Callable[[Tensor], npt.NDArray[np.float32]]


def gradient_features(images: npt.NDArray[np.uint8]) -> Tensor:
    """Of gray pictures uint8 (N, 48, 48, 1), float32 (N, 900), and of their mirror images; together (2, N, 900)."""
    parts = []
    for start in range(0, len(images), _IMAGES):
        batch = torch.from_numpy(np.array(images[start : start + _IMAGES, :, :, 0])).float() / 255  # (b, 48, 48)
        parts.append(torch.stack([_histograms(batch), _histograms(batch.flip(2))]))
    return torch.cat(parts, dim=1)


def _histograms(images: Tensor) -> Tensor:
    """float32 (b, 900): each block's four histograms, scaled to length 1, clipped at .2 and scaled again."""
    across = images[:, 1:-1, 2:] - images[:, 1:-1, :-2]  # (b, 46, 46)
    down = images[:, 2:, 1:-1] - images[:, :-2, 1:-1]
    size = (across**2 + down**2).sqrt()
    turn = torch.atan2(down, across).remainder(torch.pi) / torch.pi * _BINS  # unsigned, in bins
    low = turn.floor().long() % _BINS
    share = turn - turn.floor()
    bins = torch.zeros(len(images), _BINS, *size.shape[1:])
    bins.scatter_add_(1, low[:, None], (size * (1 - share))[:, None])
    bins.scatter_add_(1, ((low + 1) % _BINS)[:, None], (size * share)[:, None])
    padded = nn.functional.pad(bins, (1, 1, 1, 1))  # (b, 9, 48, 48)
    cells = nn.functional.avg_pool2d(padded, _CELL)  # (b, 9, 6, 6)
    blocks = cells.unfold(2, _BLOCK, 1).unfold(3, _BLOCK, 1)  # (b, 9, 5, 5, 2, 2)
    blocks = blocks.permute(0, 2, 3, 1, 4, 5).flatten(3)  # (b, 5, 5, 36)
    blocks = nn.functional.normalize(blocks, dim=3).clamp(max=0.2)
    return nn.functional.normalize(blocks, dim=3).flatten(1)


def learn(features: Tensor, targets: npt.NDArray[np.floating], seed: int, weights: Tensor | None = None) -> Learner:
    """Train on features (2, n, 900), where a face and its mirror image take turns, and targets (n, 8)."""
    torch.manual_seed(seed)
    count, wanted = features.shape[1], torch.from_numpy(np.asarray(targets, np.float32))
    network = nn.Sequential(nn.Linear(features.shape[2], _HIDDEN), nn.ReLU(), nn.Dropout(0.4), nn.Linear(_HIDDEN, 8))
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2 * _RATE, total_steps=_EPOCHS * -(-count // _BATCH))
    for _ in range(_EPOCHS):
        for at in torch.randperm(count).split(_BATCH):
            rows = features[torch.randint(0, 2, (len(at),)), at] * 10  # (b, 900), of a deviation near 1
            each = nn.functional.cross_entropy(network(rows), wanted[at], reduction="none")
            loss = (each if weights is None else each * weights[at]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    network.eval()

    @torch.no_grad()
    def answer(rows: Tensor) -> npt.NDArray[np.float32]:
        said: npt.NDArray[np.float32] = network(rows * 10).softmax(1).numpy()
        return said

    return answer


def out_of_fold_answers(
    dataset: FerDataset, features: Tensor, targets: npt.NDArray[np.floating], folds: int = 4, seed: int = 0
) -> npt.NDArray[np.float32]:
    """As :func:`mien.curation.folds.out_of_fold`, by this learner; rows of the test split are answered by all."""
    fold_of = assign_folds(dataset, folds)
    trainable = np.asarray(dataset.splits) < SPLITS.index("test")
    voted = np.asarray(targets).any(axis=1)
    answers = np.zeros((len(dataset), 8), np.float32)
    for fold in range(folds):
        rows = np.flatnonzero(trainable & voted & (fold_of != fold))
        learner = learn(features[:, rows], targets[rows], seed)
        left_out = np.flatnonzero(trainable & (fold_of == fold))
        answers[left_out] = learner(features[0, left_out])
        answers[~trainable] += learner(features[0, np.flatnonzero(~trainable)]) / folds
    return answers
