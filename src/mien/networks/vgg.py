"""VGG16 sized for 48×48 faces, one of the architectures that the capstone compared."""

from torch import nn

from mien.networks.layers import conv_norm_relu


class Vgg16(nn.Sequential):
    """The thirteen convolutions of VGG16 (Simonyan and Zisserman 2015, column D) and one dense layer before the logits.

    Four poolings instead of five, since 48 pixels allow no more; batch norm after every convolution.
    """

    def __init__(self, classes: int = 8) -> None:
        layers: list[nn.Module] = []
        previous = 1
        for width, count, pooled in ((64, 2, True), (128, 2, True), (256, 3, True), (512, 3, True), (512, 3, False)):
            for _ in range(count):
                layers.append(conv_norm_relu(previous, width))
                previous = width
            if pooled:
                layers.append(nn.MaxPool2d(2))
        # 48 pixels halved four times: the dense layer sees (N, 512, 3, 3)
        head = [nn.Flatten(), nn.Linear(512 * 3 * 3, 512), nn.ReLU(), nn.Dropout(0.5), nn.Linear(512, classes)]
        super().__init__(*layers, *head)
