"""A residual network sized for 48×48 faces: pooling before blocks, squeeze-and-excitation, standardized input."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional


class SqueezeExcitation(nn.Module):
    """Channel weights from the channel means (Hu et al. 2018, section 3)."""

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, channels // reduction)
        self.excite = nn.Linear(channels // reduction, channels)

    def forward(self, features: Tensor) -> Tensor:
        """Scale (N, C, H, W) by weights in (0, 1) of shape (N, C, 1, 1)."""
        means = features.mean(dim=(2, 3))  # (N, C)
        weights = self.excite(functional.relu(self.squeeze(means))).sigmoid()  # (N, C)
        scaled: Tensor = features * weights[:, :, None, None]
        return scaled


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with a shortcut; with ``pool`` both paths read the average-pooled input.

    Average pooling (variant D of He et al. 2019, section 4.2, here for both paths) is anti-aliased, unlike a stride.
    """

    def __init__(self, inputs: int, outputs: int, *, pool: bool) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(2) if pool else nn.Identity()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.attention = SqueezeExcitation(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W), half the size where it pools."""
        pooled = self.pool(features)  # both paths: (N, inputs, H, W) or half of H and W
        inner = functional.relu(self.norm1(self.conv1(pooled)))
        outer = self.attention(self.norm2(self.conv2(inner)))
        return functional.relu(outer + self.shortcut(pooled))


class ResNet(nn.Module):
    """A 5×5 stem of stride 2, stages of residual blocks, global average, dropout and one dense layer.

    Args:
        classes: Columns of the logits.
        widths: Channels of each stage; the first one keeps the stem's 24×24, each other halves it.
        blocks: Blocks of each stage.
        dropout: Probability before the dense layer.
        halved: Average faces to 24×24 first, for a quarter of the work.

    Attributes:
        depths: Number of blocks of each stage; :attr:`blocks` holds the blocks of all stages in order.
    """

    def __init__(
        self,
        classes: int = 8,
        *,
        widths: Sequence[int],
        blocks: Sequence[int],
        dropout: float = 0.3,
        halved: bool = False,
    ) -> None:
        super().__init__()
        self.reduce = nn.AvgPool2d(2) if halved else nn.Identity()  # without weights: state dicts are the same
        self.stem = nn.Sequential(
            nn.Conv2d(1, widths[0], 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()
        )
        self.depths = tuple(blocks)
        layers: list[ResidualBlock] = []
        previous = widths[0]
        for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            for position in range(count):
                layers.append(ResidualBlock(previous, width, pool=stage > 0 and position == 0))
                previous = width
        self.blocks = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(previous, classes)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Map float32 (N, 1, 48, 48) in [0, 1] to logits (N, classes)."""
        standardized = (images - 0.5) * 4.0  # gray faces have mean 0.5 and standard deviation 0.25, roughly
        features = self.blocks(self.stem(self.reduce(standardized)))  # (N, widths[0], 24, 24) to (N, widths[-1], 3, 3)
        logits: Tensor = self.head(features)
        return logits
