"""Weights between those that a run began with and those that it reached.

A network that is tuned to further data forgets some of what it knew; part of the way there it may know both
(Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", section 3).
"""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mien.errors import ConfigError


class StartShare:
    """Keeps the first weights of a run.

    Args:
        start: The weights, by name; those of a head that the run adds are absent.
        network: The network that begins with them.
        share: Of the first weights in the mean, in [0, 1].

    Raises:
        ConfigError: The network has more than a further head that the start lacks.
    """

    def __init__(self, start: Mapping[str, Tensor], network: nn.Module, share: float) -> None:
        other = [n for n, w in network.state_dict().items() if n not in start or start[n].shape[1:] != w.shape[1:]]
        if other:
            raise ConfigError(
                f"start_share is {share:g} and the start has other channels than the network ({other[0]})",
                hint="start from the same network, or set start_share = 0",
            )
        self._start = {name: values.detach().clone() for name, values in start.items()}
        self._share = share

    @torch.no_grad()
    def between(self, trained: nn.Module) -> nn.Module:
        """A copy of ``trained`` with its weights and statistics moved back towards the first ones."""
        moved = copy.deepcopy(trained)
        for name, values in moved.state_dict().items():  # views: copying into them changes the network
            if values.is_floating_point():
                first = self._start[name].to(values.device)
                rows = values[: len(first)]  # a further head has rows of its own, which stay
                rows.copy_(first.lerp(rows, 1 - self._share))
        return moved
