"""Networks out of run folders: to export, to calibrate, to teach and start others.

It does not train them.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mien.networks.registry import build_network
from mien.training.runs import BEST, load_state, read_record


class Mirrored(nn.Module):
    """The mean of a network's logits for a face and its mirror image (test-time augmentation by flipping)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """(N, 1, H, W) to (N, classes)."""
        both: Tensor = self.network(torch.cat([images, images.flip(3)]))  # one pass: its weights are stored once
        mean: Tensor = both.reshape(2, -1, both.shape[1]).mean(dim=0)
        return mean


def load_network(run: Path, *, mirror: bool = False) -> tuple[nn.Module, dict[str, Any]]:
    """The network of a run with its best weights, in evaluation mode, and the run's record; see :class:`Mirrored`.

    Raises:
        CheckpointError: ``run`` is no run folder, or its weights are damaged.
    """
    record = read_record(run)
    network = build_network(record["config"]["model"])
    network.load_state_dict(load_state(run / BEST)["network"])
    return (Mirrored(network) if mirror else network).eval(), record
