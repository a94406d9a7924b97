"""Test-time augmentation by flipping: a network that averages each face with its mirror image."""

import torch
from torch import Tensor, nn


class Mirrored(nn.Module):
    """The mean of a network's logits for a face and its mirror image."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """(N, 1, H, W) to (N, classes)."""
        # one pass of the network over 2N faces: two passes would store the weights twice in an exported file
        both: Tensor = self.network(torch.cat([images, images.flip(3)]))
        mean: Tensor = both.reshape(2, -1, both.shape[1]).mean(dim=0)  # (2N, classes) to (N, classes)
        return mean
