"""A small vision transformer for 48×48 faces: convolutions to 6×6 tokens, then transformer blocks.

Tokens are kept as feature maps (N, channels, 6, 6), so that dense layers are 1×1 convolutions.
"""

from torch import Tensor, nn
from torch.nn import functional


class DotProductAttention(nn.Module):
    """Multi-head scaled dot-product attention (Vaswani et al. 2017, section 3.2)."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads

    def forward(self, joined: Tensor) -> Tensor:
        """(N, 3·C, H, W) of queries, keys and values to (N, C, H, W)."""
        images, channels, height, width = joined.shape
        parts = joined.reshape(images, 3, self.heads, channels // (3 * self.heads), height * width).transpose(3, 4)
        # each part (N, heads, H · W, C / heads)
        attended = functional.scaled_dot_product_attention(parts[:, 0], parts[:, 1], parts[:, 2])
        return attended.transpose(2, 3).reshape(images, channels // 3, height, width)


class TransformerBlock(nn.Module):
    """Attention, then two dense layers per token, each with a shortcut and a norm before it (Xiong et al. 2020).

    The norm is a group norm of one group, over all tokens of a face: it needs no change of memory layout.
    """

    def __init__(self, width: int, *, heads: int, expansion: int = 2) -> None:
        super().__init__()
        self.attention = nn.Sequential(
            *(nn.GroupNorm(1, width), nn.Conv2d(width, 3 * width, 1)),
            *(DotProductAttention(heads), nn.Conv2d(width, width, 1)),
        )
        self.dense = nn.Sequential(
            *(nn.GroupNorm(1, width), nn.Conv2d(width, expansion * width, 1)),
            *(nn.GELU(), nn.Conv2d(expansion * width, width, 1)),
        )

    def forward(self, features: Tensor) -> Tensor:
        """(N, width, H, W) to the same shape."""
        attended = features + self.attention(features)
        added: Tensor = attended + self.dense(attended)
        return added


class VisionTransformer(nn.Module):
    """Convolutional stem (Xiao et al. 2021), convolutional position encoding (Chu et al. 2021), blocks, global average.

    Args:
        classes: Columns of the logits.
        width: Channels of each of the 36 tokens.
        depth: Blocks.
        heads: Of each attention; ``width`` is a multiple of it.
        dropout: Probability before the dense layer.
    """

    def __init__(
        self, classes: int = 8, *, width: int = 192, depth: int = 6, heads: int = 6, dropout: float = 0.3
    ) -> None:
        super().__init__()
        stem: list[nn.Module] = []
        previous = 1
        for channels in (width // 4, width // 2, width):
            convolution = nn.Conv2d(previous, channels, 3, stride=2, padding=1, bias=False)
            stem += [convolution, nn.BatchNorm2d(channels), nn.ReLU()]
            previous = channels
        self.stem = nn.Sequential(*stem)
        self.position = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.blocks = nn.Sequential(*(TransformerBlock(width, heads=heads) for _ in range(depth)))
        self.head = nn.Sequential(
            *(nn.GroupNorm(1, width), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            *(nn.Dropout(dropout), nn.Linear(width, classes)),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Map float32 (N, 1, 48, 48) in [0, 1] to logits (N, classes)."""
        features = self.stem((images - 0.5) * 4.0)  # standardized, then (N, width, 6, 6)
        logits: Tensor = self.head(self.blocks(features + self.position(features)))
        return logits
