"""Copying a trained network's weights into a larger one of the same family, which then gives the same answers."""

from itertools import islice

import torch
from torch import Tensor, nn

from mien.networks.resnet import ResidualBlock, ResNet


@torch.no_grad()
def grow(trained: nn.Module, larger: nn.Module) -> bool:
    """Give ``larger`` the weights of ``trained``: the channels as its first ones, the blocks as the first of a stage.

    Weights from new, random channels to old ones are zero, and new residual blocks pass their input on, so both
    networks give the same answers until the first step (Net2Net, Chen et al. 2016, with random channels in place of
    copied ones, so that no symmetry has to be broken, and new blocks whose last scale is 0, Goyal et al. 2017, section
    5.1). Columns of the logits may be added too: the first ones keep their answers. Networks that concatenate channels
    or flatten pixels do not keep the order of channels and cannot be grown this way.

    Returns:
        False, with nothing changed, where ``larger`` is not ``trained`` with as many channels and blocks or more.
    """
    parts, new = _matched(trained, larger)
    if not parts or not all(_fits(small, large) for small, large in parts):
        return False
    for small, large in parts:
        _widen(small, large)
    for block in new:
        block.norm2.weight.zero_()
    return True


def _matched(trained: nn.Module, larger: nn.Module) -> tuple[list[tuple[nn.Module, nn.Module]], list[ResidualBlock]]:
    """Which part becomes which, and the blocks that are new; no parts where stages do not fit."""
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
    """Only channels may be more, not layers or the sides of a kernel."""
    few, many = small.state_dict(), large.state_dict()
    return few.keys() == many.keys() and all(_has_room(few[name], many[name]) for name in few)


def _has_room(few: Tensor, many: Tensor) -> bool:
    return (
        few.ndim == many.ndim
        and few.shape[2:] == many.shape[2:]
        and all(less <= more for less, more in zip(few.shape, many.shape, strict=True))
    )


def _widen(small: nn.Module, large: nn.Module) -> None:
    """The channels of ``small`` as the first ones of ``large``; weights from new inputs to old outputs are zero."""
    wide = large.state_dict()  # views: copying into them changes the network
    for name, values in small.state_dict().items():
        if values.ndim == 0:  # the count of batches that a batch norm has seen
            wide[name].copy_(values)
            continue
        old = wide[name][: len(values)]  # rows are output channels
        if values.ndim > 1:
            old[:, values.shape[1] :] = 0  # new input channels
            old = old[:, : values.shape[1]]
        old.copy_(values)
