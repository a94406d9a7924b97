"""DenseNet sized for 48×48 faces, one of the architectures that the capstone compared."""

import torch
from torch import Tensor, nn


class _DenseLayer(nn.Module):
    """Batch norm, ReLU, 1×1 to four times the growth, batch norm, ReLU, 3×3; its output joins its input."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, 4 * growth, 1, bias=False)),
            *(nn.BatchNorm2d(4 * growth), nn.ReLU(), nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)),
        )

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, inputs + growth, H, W)."""
        return torch.cat([features, self.layers(features)], dim=1)


class DenseNet(nn.Sequential):
    """DenseNet-BC (Huang et al. 2017): three blocks of six layers, growth 24, behind a 5×5 stem of stride 2."""

    def __init__(self, classes: int = 8, *, growth: int = 24, layers: int = 6) -> None:
        width = 2 * growth
        parts: list[nn.Module] = [nn.Conv2d(1, width, 5, stride=2, padding=2, bias=False)]
        # feature maps have 24, 12 and 6 pixels on a side
        for block in range(3):
            if block:  # between blocks: half the channels, half the size
                compressed = width // 2
                transition = (nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, compressed, 1, bias=False))
                parts += [*transition, nn.AvgPool2d(2)]
                width = compressed
            for _ in range(layers):
                parts.append(_DenseLayer(width, growth))
                width += growth
        head = (nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))
        super().__init__(*parts, *head)
