"""The capstone's network, layer for layer, and a tiny one with the same kinds of layers for tests."""

from collections import OrderedDict

from torch import Tensor, nn


def _normalized(layer: nn.Module, norm: nn.Module, name: str) -> list[tuple[str, nn.Module]]:
    """A layer, its norm and ReLU, with their names in the state dict."""
    return [(name, layer), (f"{name}_norm", norm), (f"{name}_relu", nn.ReLU())]


def _batch_norm_2d(channels: int) -> nn.BatchNorm2d:
    """With Keras' constants: epsilon 1e-3 and momentum .99, which torch calls .01 (the weight of the new value)."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def initialize_like_keras(network: nn.Module) -> None:
    """Glorot-uniform weights and zero biases, as Keras' Conv2D and Dense (Glorot and Bengio 2010, equation 16)."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class _Sequence(nn.Module):
    """Named layers applied one after the other."""

    def __init__(self, layers: list[tuple[str, nn.Module]]) -> None:
        super().__init__()
        self.layers = nn.Sequential(OrderedDict(layers))
        initialize_like_keras(self)

    def forward(self, images: Tensor) -> Tensor:
        """Map float32 (N, 1, 48, 48) in [0, 1] to logits (N, classes)."""
        logits: Tensor = self.layers(images)
        return logits


class Capstone(_Sequence):
    """Three pairs of 3×3 convolutions at 32, 64 and 128 channels, then a dense layer of 500 (the capstone report).

    2,598,732 parameters with the moving statistics of its batch norms, 2,596,836 of them trainable.
    """

    def __init__(self, classes: int = 8) -> None:
        layers: list[tuple[str, nn.Module]] = []
        previous = 1
        for stage, (channels, dropout) in enumerate(((32, 0.0), (64, 0.25), (128, 0.0)), 1):
            for twin in "ab":
                convolution = nn.Conv2d(previous, channels, kernel_size=3, padding=1)
                layers += _normalized(convolution, _batch_norm_2d(channels), f"conv{stage}{twin}")
                previous = channels
            layers.append((f"pool{stage}", nn.MaxPool2d(2)))  # (N, channels, 24, 24), then 12 and 6 on a side
            if dropout:
                layers.append((f"dropout{stage}", nn.Dropout(dropout)))
        layers.append(("flatten", nn.Flatten()))  # (N, 4608)
        layers += _normalized(nn.Linear(6 * 6 * 128, 500), nn.BatchNorm1d(500, eps=1e-3, momentum=0.01), "dense")
        layers += [("dropout4", nn.Dropout(0.25)), ("logits", nn.Linear(500, classes))]
        super().__init__(layers)


class Tiny(_Sequence):
    """A network of 2,408 parameters with every kind of layer of the capstone's, so that tests train it in seconds."""

    def __init__(self, classes: int = 8) -> None:
        # (N, 1, 12, 12) to (N, 8, 12, 12) to (N, 8, 6, 6)
        layers = [("pool0", nn.AvgPool2d(4)), *_normalized(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), "conv1")]
        layers += [("pool1", nn.MaxPool2d(2)), ("dropout1", nn.Dropout(0.1)), ("flatten", nn.Flatten())]
        layers += [("logits", nn.Linear(6 * 6 * 8, classes))]
        super().__init__(layers)
