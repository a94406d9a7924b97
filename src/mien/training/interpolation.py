"""Interpolation between the initial and the trained weights of a run.

Fine-tuning on further data loses some accuracy on the original data; an interpolation can keep most of both (Wortsman
et al. 2022, "Robust fine-tuning of zero-shot models", section 3).
"""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mien.errors import ConfigError


class StartShare:
    """Holds the initial weights of a run and interpolates towards them.

    Args:
        start: The weights by name, without those of a head that the run adds.
        network: The network that starts with them.
        share: Weight of the initial weights in the interpolation, in [0, 1].

    Raises:
        ConfigError: The network differs from the start by more than an additional head.
    """

    def __init__(self, start: Mapping[str, Tensor], network: nn.Module, share: float) -> None:
        # of an additional head the output layer has more rows, and nothing else differs
        other = [n for n, w in network.state_dict().items() if n not in start or start[n].shape[1:] != w.shape[1:]]
        if other:
            raise ConfigError(
                f"start_share is {share:g} and the start has other channels than the network ({other[0]})",
                hint="start from the same network, or set start_share = 0",
            )
        # copies: the network trains the very tensors that it starts with
        self._start = {name: values.detach().clone() for name, values in start.items()}
        self._share = share

    @torch.no_grad()
    def between(self, trained: nn.Module) -> nn.Module:
        """A copy of ``trained`` with weights and batch norm statistics moved towards the initial ones."""
        moved = copy.deepcopy(trained)
        for name, values in moved.state_dict().items():  # views: copying into them changes the network
            if values.is_floating_point():
                first = self._start[name].to(values.device)
                rows = values[: len(first)]  # rows of an additional head have no initial weights and stay
                rows.copy_(first.lerp(rows, 1 - self._share))
        return moved
