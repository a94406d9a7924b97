"""Images of a data set as batches of tensors, in an order and with changes that the seed and the epoch decide.

It does not know labels or networks.
"""

import time
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from mien.data.augmentation import Augmentation
from mien.data.dataset import FerDataset

_VALIDATION_BATCH = 256


class ImageBatches:
    """The images at some rows of a data set, on a device.

    Attributes:
        augmenting_s: Seconds spent on augmentation since the last epoch began.
    """

    def __init__(self, dataset: FerDataset, rows: npt.NDArray[np.int64], device: torch.device) -> None:
        self._dataset, self._rows, self._device = dataset, rows, device
        self.augmenting_s = 0.0

    def shuffled(
        self, size: int, augmentation: Augmentation, *, seed: int, side: int | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of (positions (b,), images (b, 1, side, side)) in random order, changed at random, then reduced."""
        generator = torch.Generator().manual_seed(seed)
        self.augmenting_s = 0.0
        for positions in torch.split(torch.randperm(len(self._rows), generator=generator), size):
            images = self._load(positions)
            started = time.perf_counter()
            images = augmentation(images, generator)
            self.augmenting_s += time.perf_counter() - started
            yield positions, _sized(images, side)

    def in_order(self) -> Iterator[Tensor]:
        """All images, (b, 1, 48, 48) each."""
        for positions in torch.split(torch.arange(len(self._rows)), _VALIDATION_BATCH):
            yield _sized(self._load(positions), None)

    def _load(self, positions: Tensor) -> Tensor:
        """float32 (b, 1, 48, 48) in [0, 1]."""
        pixels = torch.from_numpy(self._dataset.images[self._rows[positions.numpy()]]).to(self._device)
        return pixels.permute(0, 3, 1, 2).float().div_(255)


def _sized(images: Tensor, side: int | None) -> Tensor:
    if side is not None:
        images = functional.interpolate(images, size=(side, side), mode="bilinear", antialias=True)
    return images.contiguous(memory_format=torch.channels_last)
