"""A network's layers with their output shapes, parameters and multiply-adds."""

from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from mien.networks.registry import build_network
from mien.networks.vit import DotProductAttention


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One layer of a network that was run once.

    Attributes:
        name: Its path in the network.
        kind: Name of its class.
        output_shape: Without the batch: (channels, height, width) or (features,).
        parameters: Weights and, for batch norms, moving statistics, as Keras counts.
        multiply_adds: For one image.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int


@dataclass(frozen=True, slots=True)
class NetworkSummary:
    """All layers of a network, in the order in which they run."""

    name: str
    layers: tuple[LayerRow, ...]
    trainable: int

    @property
    def total(self) -> int:
        """Parameters by Keras' count: weights and moving statistics."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Of all layers for one image."""
        return sum(layer.multiply_adds for layer in self.layers)


def summarize(name: str, *, classes: int = 8, size: int = 48) -> NetworkSummary:
    """Run the network called ``name`` on one blank image and record its layers.

    Raises:
        UnknownModelError: No network of that name.
    """
    network = build_network(name, classes=classes).eval()
    rows: list[LayerRow] = []
    hooks = []
    for path, layer in network.named_modules():
        if not list(layer.children()):
            # only leaves: a container would count its layers once more
            hooks.append(layer.register_forward_hook(_recorder(path.removeprefix("layers."), rows)))
    with torch.no_grad():
        network(torch.zeros(1, 1, size, size))
    for hook in hooks:
        hook.remove()
    trainable = sum(p.numel() for p in network.parameters() if p.requires_grad)
    return NetworkSummary(name, tuple(rows), trainable)


def _recorder(name: str, rows: list[LayerRow]) -> Any:
    def record(layer: nn.Module, _: Any, output: Tensor) -> None:
        shape = tuple(output.shape[1:])
        rows.append(LayerRow(name, type(layer).__name__, shape, _parameters(layer), _multiply_adds(layer, shape)))

    return record


def _parameters(layer: nn.Module) -> int:
    count = sum(p.numel() for p in layer.parameters())
    if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
        count += 2 * layer.num_features  # moving mean and variance
    return count


def _multiply_adds(layer: nn.Module, shape: tuple[int, ...]) -> int:
    if isinstance(layer, nn.Conv2d):  # each output value sums over a kernel window of its group's channels
        return prod(shape) * layer.in_channels // layer.groups * prod(layer.kernel_size)
    if isinstance(layer, nn.Linear):
        return layer.in_features * layer.out_features
    if isinstance(layer, DotProductAttention):
        channels, *sides = shape  # two products of (positions, channels) with (channels, positions)
        return 2 * channels * prod(sides) ** 2
    return 0
