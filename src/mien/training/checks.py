"""Checks before a run begins: does the recipe fit its network?"""

import torch
from torch import nn

from mien.errors import ConfigError
from mien.networks.resnet import ResNet
from mien.training.config import TrainingConfig


@torch.no_grad()
def check_batches(network: nn.Module, config: TrainingConfig, *, faces: int) -> None:
    """Refuse batches that the network cannot process.

    Args:
        network: Of the recipe; left in evaluation mode if it was run.
        config: The recipe.
        faces: Number of training faces.

    Raises:
        ConfigError: The network cannot process the last batch because it holds a single face, or reduced faces.
    """
    # batch statistics of a vector need two faces; a feature map has many positions even for one
    last = faces % config.batch_size or config.batch_size
    if last == 1 and any(isinstance(layer, nn.BatchNorm1d) for layer in network.modules()):
        raise ConfigError(
            f"{faces} faces in batches of {config.batch_size} leave a last batch of one, for which {config.network} "
            "cannot compute batch statistics",
            hint="set another batch_size",
        )
    if config.small_epochs:
        side = config.small_side  # one forward pass finds out: flattened maps fix the size of the input
        try:
            network.eval()(torch.zeros(1, 1, side, side))
        except RuntimeError as err:
            raise ConfigError(
                f"{config.network} cannot take faces of {side} pixels ({str(err).splitlines()[0]})",
                hint="set small_epochs = 0, or take a network that ends in a mean over positions, such as resnet",
            ) from err


def frozen_parts(network: nn.Module, config: TrainingConfig) -> list[nn.Module]:
    """Freeze the first ``frozen_parts`` parts of a residual network, its stem and then its blocks, and return them.

    Raises:
        ConfigError: The network is not a residual network, or has fewer parts.
    """
    if not config.frozen_parts:
        return []
    if not isinstance(network, ResNet) or config.frozen_parts > 1 + len(network.blocks):
        parts_there = (
            f"{1 + len(network.blocks)} parts" if isinstance(network, ResNet) else "no parts: it is not a resnet"
        )
        raise ConfigError(
            f"frozen_parts is {config.frozen_parts} and {config.network} has {parts_there}",
            hint="set fewer, or frozen_parts = 0",
        )
    parts = [network.stem, *network.blocks][: config.frozen_parts]
    for part in parts:
        part.requires_grad_(requires_grad=False)
    return parts
