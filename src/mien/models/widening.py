"""A trained network's weights in a wider one of the same kind, which then answers as the trained one does.

It does not train.
"""

import torch
from torch import Tensor, nn


@torch.no_grad()
def widen(trained: nn.Module, wider: nn.Module) -> bool:
    """Give ``wider`` the channels of ``trained`` as its first ones; they do not hear its other, random ones.

    Both must be evaluated or trained alike to agree: the answers are the same until the next step (the idea of
    Net2Net, Chen et al. 2016, with new random channels in place of copied ones, so that none need be told apart).
    Networks that concatenate channels or flatten pixels do not keep their order and cannot be widened this way.

    Returns:
        False, with nothing changed, where ``wider`` is not ``trained`` with as many channels or more.
    """
    narrow, wide = trained.state_dict(), wider.state_dict()
    if narrow.keys() != wide.keys() or not all(_fits(narrow[name], wide[name]) for name in narrow):
        return False
    for name, values in narrow.items():
        if values.ndim == 0:
            wide[name].copy_(values)
            continue
        old = wide[name][: len(values)]
        if values.ndim > 1:
            old[:, values.shape[1] :] = 0
            old = old[:, : values.shape[1]]
        old.copy_(values)
    return True


def _fits(narrow: Tensor, wide: Tensor) -> bool:
    """Only channels may be more, not the sides of a kernel."""
    return (
        narrow.ndim == wide.ndim
        and narrow.shape[2:] == wide.shape[2:]
        and all(few <= many for few, many in zip(narrow.shape, wide.shape, strict=True))
    )
