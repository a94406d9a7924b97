"""Inception sized for 48×48 faces, one of the architectures that the capstone compared."""

import torch
from torch import Tensor, nn

from mien.networks.layers import conv_norm_relu


class _InceptionModule(nn.Module):
    """Four parallel paths: 1×1, 3×3, two 3×3 (the field of a 5×5), and a pooled 1×1 (Szegedy et al. 2016, figure 5)."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.paths = nn.ModuleList(
            [
                conv_norm_relu(inputs, width, 1),
                nn.Sequential(conv_norm_relu(inputs, width, 1), conv_norm_relu(width, 2 * width)),
                nn.Sequential(
                    conv_norm_relu(inputs, width // 2, 1),
                    conv_norm_relu(width // 2, width),
                    conv_norm_relu(width, width),
                ),
                nn.Sequential(nn.AvgPool2d(3, stride=1, padding=1), conv_norm_relu(inputs, width, 1)),
            ]
        )

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, 5 · width, H, W)."""
        return torch.cat([path(features) for path in self.paths], dim=1)


class Inception(nn.Sequential):
    """A 5×5 stem of stride 2, then three pairs of inception modules with max poolings between."""

    def __init__(self, classes: int = 8) -> None:
        parts: list[nn.Module] = [nn.Conv2d(1, 48, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(48), nn.ReLU()]
        inputs = 48
        for stage, width in enumerate((24, 48, 80)):
            if stage:
                parts.append(nn.MaxPool2d(2))
            for _ in range(2):
                parts.append(_InceptionModule(inputs, width))
                inputs = 5 * width  # four paths of width, 2 · width, width and width channels
        head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(inputs, classes))
        super().__init__(*parts, *head)
