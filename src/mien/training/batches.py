"""Images of data sets as batches of tensors; order and augmentation are determined by a seed for each epoch."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from mien.data.augmentation import Augmentation
from mien.data.dataset import FerDataset

_VALIDATION_BATCH = 256  # does not affect results: networks are in evaluation mode
#: Side in pixels of the faces that networks take.
_SIDE = 48


@dataclass(frozen=True, slots=True)
class Batch:
    """Some faces of an epoch.

    Attributes:
        at: Their positions among all faces, int64 (b,).
        images: After all augmentation, as the network sees them, float32 (b, 1, side, side) in [0, 1].
        moved: After the geometric augmentation alone, float32 (b, 1, 48, 48).
        unerased: After all augmentation except erasing, float32 (b, 1, 48, 48).
    """

    at: Tensor
    images: Tensor
    moved: Tensor
    unerased: Tensor


class ImageBatches:
    """The images at some rows of one or several data sets, on a device.

    Args:
        parts: Data sets with the rows to take, int64 (n,) each; positions number all rows consecutively.
        device: Where the tensors lie.

    Attributes:
        augmenting_s: Seconds spent on augmentation since the current epoch began.
    """

    def __init__(self, parts: Sequence[tuple[FerDataset, npt.NDArray[np.int64]]], device: torch.device) -> None:
        self._parts, self._device = tuple(parts), device
        self._ends = np.cumsum([len(rows) for _, rows in parts])  # (parts,), first position after each part
        self.augmenting_s = 0.0

    def __len__(self) -> int:
        return int(self._ends[-1])

    def shuffled(self, size: int, augmentation: Augmentation, *, seed: int, side: int | None = None) -> Iterator[Batch]:
        """Batches of ``size`` faces in random order, augmented, then reduced to ``side`` pixels; None keeps 48."""
        # a generator of its own: order and augmentation do not depend on what else draws from torch's global one
        generator = torch.Generator().manual_seed(seed)
        self.augmenting_s = 0.0
        for at in torch.split(torch.randperm(len(self), generator=generator), size):
            images = self._load(at)  # (b, 1, 48, 48)
            started = time.perf_counter()
            # three stages, since consistent teachers may look at an earlier one (teacher_view)
            moved = augmentation.move(images, generator)
            unerased = augmentation.change_light(moved, generator)
            images = augmentation.erase_part(unerased, generator)
            self.augmenting_s += time.perf_counter() - started
            yield Batch(at, _sized(images, side), moved, unerased)

    def in_order(self, *, step: int = 1) -> Iterator[Tensor]:
        """All images, or every ``step``-th, float32 (b, 1, 48, 48) each."""
        for at in torch.split(torch.arange(0, len(self), step), _VALIDATION_BATCH):
            yield _sized(self._load(at), None)

    def _load(self, at: Tensor) -> Tensor:
        """The faces at some positions on the device, float32 (b, 1, 48, 48) in [0, 1]."""
        positions = at.numpy()  # (b,)
        part = np.searchsorted(self._ends, positions, side="right")  # (b,), index of the data set of each position
        images = torch.empty(len(positions), 1, _SIDE, _SIDE)
        for number, (dataset, rows) in enumerate(self._parts):
            (chosen,) = np.nonzero(part == number)
            if len(chosen):
                begin = self._ends[number] - len(rows)  # position of the first row of this part
                images[torch.from_numpy(chosen)] = _as_faces(dataset.images[rows[positions[chosen] - begin]])
        return images.to(self._device)


def _as_faces(pixels: npt.NDArray[np.uint8]) -> Tensor:
    """Gray uint8 (b, S, S, 1) as network input, float32 (b, 1, 48, 48) in [0, 1]."""
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)  # (b, 1, S, S)
    if images.shape[2] == _SIDE:
        return images
    return functional.interpolate(images, size=(_SIDE, _SIDE), mode="bilinear", antialias=True)


def _sized(images: Tensor, side: int | None) -> Tensor:
    if side is not None:
        images = functional.interpolate(images, size=(side, side), mode="bilinear", antialias=True)
    return images.contiguous(memory_format=torch.channels_last)  # the layout that the convolutions compute in
