from functools import partial

import torch
from torch import nn

from mien.models.cnn import Capstone
from mien.models.resnet import ResNet
from mien.models.widening import widen

Small = partial(ResNet, blocks=(1, 2), dropout=0.0)


def trained(widths: tuple[int, int]) -> nn.Module:
    """A network whose batch norms know something of its inputs."""
    torch.manual_seed(0)
    network = Small(widths=widths)
    network(torch.rand(32, 1, 48, 48))
    return network


def test_a_widened_network_answers_as_the_narrow_one_did() -> None:
    faces = torch.rand(8, 1, 48, 48)
    narrow, wide = trained((16, 32)), trained((24, 48))
    before = wide.eval()(faces)
    assert widen(narrow, wide)
    assert torch.allclose(wide(faces), narrow.eval()(faces), atol=1e-6)
    assert not torch.allclose(before, wide(faces), atol=1e-2)


def test_the_new_channels_are_heard_after_a_step() -> None:
    narrow, wide = trained((16, 32)), Small(widths=(24, 48))
    widen(narrow, wide)
    head = wide.get_submodule("head.3")
    assert isinstance(head, nn.Linear)
    assert not head.weight[:, 32:].any()
    wide(torch.rand(32, 1, 48, 48)).softmax(dim=1)[:, 0].mean().backward()
    assert head.weight.grad is not None
    assert head.weight.grad[:, 32:].abs().min() > 0


def test_another_network_is_left_as_it_was() -> None:
    for narrow, other in (
        (trained((24, 48)), trained((16, 32))),
        (trained((16, 32)), ResNet(widths=(16, 32), blocks=(1, 1))),
        (trained((16, 32)), Capstone()),
    ):
        before = {name: values.clone() for name, values in other.state_dict().items()}
        assert not widen(narrow, other)
        assert all(torch.equal(before[name], values) for name, values in other.state_dict().items())
