"""What can be refused before a run begins, because the recipe does not fit its network."""

import torch
from torch import nn

from mien.errors import ConfigError
from mien.training.config import TrainingConfig


@torch.no_grad()
def check_batches(network: nn.Module, config: TrainingConfig, *, faces: int) -> None:
    """Refuse batches that the network cannot take.

    Args:
        network: Of the recipe; it is left in evaluation mode where it was run.
        config: The recipe.
        faces: Training faces.

    Raises:
        ConfigError: A last batch of one face, or reduced faces, do not go through the network.
    """
    last = faces % config.batch_size or config.batch_size
    if last == 1 and any(isinstance(layer, nn.BatchNorm1d) for layer in network.modules()):
        raise ConfigError(
            f"{faces} faces in batches of {config.batch_size} leave a last batch of one, of which {config.network} can "
            "take no batch statistics",
            hint="set another batch_size",
        )
    if config.small_epochs:
        side = config.small_side
        try:
            network.eval()(torch.zeros(1, 1, side, side))
        except RuntimeError as err:
            raise ConfigError(
                f"{config.network} cannot take faces of {side} pixels ({str(err).splitlines()[0]})",
                hint="set small_epochs = 0, or take a network that ends in a mean over positions, such as resnet",
            ) from err


def frozen_parts(network: nn.Module, config: TrainingConfig) -> list[nn.Module]:
    """The parts that the recipe's ``frozen_blocks`` keeps as they are; their weights take no gradient from here on.

    Raises:
        ConfigError: The network has no blocks, or not so many.
    """
    if not config.frozen_blocks:
        return []
    first_parts = getattr(network, "first_parts", None)
    blocks = len(getattr(network, "blocks", ()))
    if first_parts is None or config.frozen_blocks > blocks:
        raise ConfigError(
            f"frozen_blocks is {config.frozen_blocks} and {config.network} has "
            + (f"{blocks} blocks" if first_parts is not None else "no residual blocks"),
            hint="set fewer, or frozen_blocks = 0",
        )
    parts: list[nn.Module] = first_parts(config.frozen_blocks)
    for part in parts:
        part.requires_grad_(requires_grad=False)
    return parts
