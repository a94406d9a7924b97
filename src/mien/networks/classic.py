"""The other architectures that the capstone compared, sized for 48×48 faces: VGG16, DenseNet and Inception alike.

They take images in [0, 1] and do not know how they are trained.
"""

import torch
from torch import Tensor, nn


def _unit(inputs: int, outputs: int, kernel: int = 3) -> nn.Sequential:
    """Convolution, batch norm, ReLU."""
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


class Vgg16(nn.Sequential):
    """The thirteen convolutions of VGG16 (Simonyan and Zisserman 2015, column D) and one dense layer before the logits.

    Four poolings instead of five, since 48 pixels allow no more; batch norm after every convolution.
    """

    def __init__(self, classes: int = 8) -> None:
        layers: list[nn.Module] = []
        previous = 1
        for width, count, pooled in ((64, 2, True), (128, 2, True), (256, 3, True), (512, 3, True), (512, 3, False)):
            for _ in range(count):
                layers.append(_unit(previous, width))
                previous = width
            if pooled:
                layers.append(nn.MaxPool2d(2))
        head = [nn.Flatten(), nn.Linear(512 * 3 * 3, 512), nn.ReLU(), nn.Dropout(0.5), nn.Linear(512, classes)]
        super().__init__(*layers, *head)


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
    """DenseNet-BC (Huang et al. 2017) of three blocks of six layers, growth 24, on a stem that halves the picture."""

    def __init__(self, classes: int = 8, *, growth: int = 24, layers: int = 6) -> None:
        width = 2 * growth
        parts: list[nn.Module] = [nn.Conv2d(1, width, 5, stride=2, padding=2, bias=False)]
        for block in range(3):
            if block:
                compressed = width // 2
                transition = (nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, compressed, 1, bias=False))
                parts += [*transition, nn.AvgPool2d(2)]
                width = compressed
            for _ in range(layers):
                parts.append(_DenseLayer(width, growth))
                width += growth
        head = (nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))
        super().__init__(*parts, *head)


class _InceptionModule(nn.Module):
    """Four paths side by side: 1×1, 3×3, two 3×3 (a 5×5's reach), and a pooled 1×1 (Szegedy et al. 2016, figure 5)."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.paths = nn.ModuleList(
            [
                _unit(inputs, width, 1),
                nn.Sequential(_unit(inputs, width, 1), _unit(width, 2 * width)),
                nn.Sequential(_unit(inputs, width // 2, 1), _unit(width // 2, width), _unit(width, width)),
                nn.Sequential(nn.AvgPool2d(3, stride=1, padding=1), _unit(inputs, width, 1)),
            ]
        )

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, 5 · width, H, W)."""
        return torch.cat([path(features) for path in self.paths], dim=1)


class Inception(nn.Sequential):
    """A stem that halves the picture, then three pairs of inception modules with poolings between."""

    def __init__(self, classes: int = 8) -> None:
        parts: list[nn.Module] = [nn.Conv2d(1, 48, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(48), nn.ReLU()]
        inputs = 48
        for stage, width in enumerate((24, 48, 80)):
            if stage:
                parts.append(nn.MaxPool2d(2))
            for _ in range(2):
                parts.append(_InceptionModule(inputs, width))
                inputs = 5 * width
        head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(inputs, classes))
        super().__init__(*parts, *head)
