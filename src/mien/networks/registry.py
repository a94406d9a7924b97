"""The names of the networks and how to build them.

Every network maps float32 (N, 1, 48, 48) in [0, 1] to logits (N, classes).
"""

from collections.abc import Callable
from functools import partial

from torch import nn

from mien.errors import UnknownModelError
from mien.networks.cnn import Capstone, Tiny
from mien.networks.densenet import DenseNet
from mien.networks.inception import Inception
from mien.networks.resnet import ResNet
from mien.networks.vgg import Vgg16
from mien.networks.vit import VisionTransformer
from mien.text import name_hint

_BUILDERS: dict[str, Callable[[int], nn.Module]] = {
    "capstone": Capstone,
    "tiny": Tiny,
    "vgg16": Vgg16,
    "densenet": DenseNet,
    "inception": Inception,
    "vit": VisionTransformer,
    "resnet-small": partial(ResNet, widths=(32, 64, 128), blocks=(1, 1, 1), halved=True),
    "resnet": partial(ResNet, widths=(48, 96, 192, 384), blocks=(1, 1, 1, 1)),
    "resnet-wide": partial(ResNet, widths=(64, 128, 256, 512), blocks=(1, 1, 1, 1)),
    "resnet-wide-deep": partial(ResNet, widths=(64, 128, 256, 512), blocks=(1, 1, 2, 1)),
    "resnet-deep": partial(ResNet, widths=(48, 96, 192, 384), blocks=(1, 2, 2, 1)),
}


def list_networks() -> tuple[str, ...]:
    """Names that :func:`build_network` understands, sorted.

    Examples:
        >>> "capstone" in list_networks()
        True
    """
    return tuple(sorted(_BUILDERS))


def build_network(name: str, *, classes: int = 8) -> nn.Module:
    """A freshly initialized network.

    Args:
        name: One of :func:`list_networks`.
        classes: Number of logits; of a network with several heads, those of all heads together.

    Raises:
        UnknownModelError: There is no network of that name; similar names are in the hint.
    """
    if name not in _BUILDERS:
        raise UnknownModelError(f"no network called {name!r}", hint=name_hint(name, list_networks()))
    return _BUILDERS[name](classes)
