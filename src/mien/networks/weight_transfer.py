"""Copying a trained network's weights into a larger one of the same family, which then computes the same function."""

from itertools import islice

import torch
from torch import Tensor, nn

from mien.networks.resnet import ResidualBlock, ResNet


@torch.no_grad()
def grow(trained: nn.Module, larger: nn.Module) -> bool:
    """Copy the weights of ``trained`` to the first channels of ``larger``, and to the first blocks of each stage.

    Weights from new channels to old ones are zero, and new residual blocks are the identity, so that both networks
    compute the same function before the first step (Net2Net, Chen et al. 2016, with randomly initialized channels
    instead of copies, so that there is no symmetry to break; new blocks have a last scale of 0, Goyal et al. 2017,
    section 5.1). Logits may be added too. Networks that concatenate channels or flatten feature maps do not keep the
    order of channels and cannot be enlarged in this way.

    Returns:
        False, with nothing changed, if ``larger`` has fewer channels or blocks somewhere, or is another network.
    """
    parts, new = _matched(trained, larger)
    if not parts or not all(_fits(small, large) for small, large in parts):
        return False
    for small, large in parts:
        _widen(small, large)
    for block in new:
        block.norm2.weight.zero_()  # the residual path adds 0
    return True


def _matched(trained: nn.Module, larger: nn.Module) -> tuple[list[tuple[nn.Module, nn.Module]], list[ResidualBlock]]:
    """Pairs of corresponding parts, and the blocks that are new; no pairs if the stages do not fit."""
    if not (isinstance(trained, ResNet) and isinstance(larger, ResNet)):
        return [(trained, larger)], []
    if len(trained.depths) != len(larger.depths):
        return [], []
    parts: list[tuple[nn.Module, nn.Module]] = [(trained.stem, larger.stem), (trained.head, larger.head)]
    new: list[ResidualBlock] = []
    old = iter(trained.blocks)
    blocks = (block for block in larger.blocks if isinstance(block, ResidualBlock))
    for few, many in zip(trained.depths, larger.depths, strict=True):
        if few > many:
            return [], []
        parts += zip(islice(old, few), islice(blocks, few), strict=True)
        new += islice(blocks, many - few)
    return parts, new


def _fits(small: nn.Module, large: nn.Module) -> bool:
    """Whether ``large`` differs from ``small`` at most by more channels, not in layers or kernel sizes."""
    few, many = small.state_dict(), large.state_dict()
    return few.keys() == many.keys() and all(_has_room(few[name], many[name]) for name in few)


def _has_room(few: Tensor, many: Tensor) -> bool:
    return (
        few.ndim == many.ndim
        and few.shape[2:] == many.shape[2:]
        and all(less <= more for less, more in zip(few.shape, many.shape, strict=True))
    )


def _widen(small: nn.Module, large: nn.Module) -> None:
    """Copy ``small`` to the first channels of ``large``; weights from new inputs to old outputs become zero."""
    wide = large.state_dict()  # references: copying into them changes the network
    for name, values in small.state_dict().items():
        if values.ndim == 0:  # the batch count of a batch norm
            wide[name].copy_(values)
            continue
        old = wide[name][: len(values)]  # (old outputs, all inputs, …)
        if values.ndim > 1:
            old[:, values.shape[1] :] = 0  # from new inputs
            old = old[:, : values.shape[1]]
        old.copy_(values)
