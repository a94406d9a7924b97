"""Layers that several network families share."""

from torch import nn


def conv_norm_relu(inputs: int, outputs: int, kernel: int = 3) -> nn.Sequential:
    """Convolution that keeps the size of the map (odd ``kernel``), batch norm, ReLU."""
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)  # batch norm brings the bias
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())
