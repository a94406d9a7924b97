from functools import partial

import torch
from torch import nn

from mien.networks.cnn import Capstone
from mien.networks.resnet import ResNet
from mien.networks.weight_transfer import grow

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
    assert grow(narrow, wide)
    assert torch.allclose(wide(faces), narrow.eval()(faces), atol=1e-6)
    assert not torch.allclose(before, wide(faces), atol=1e-2)


def test_the_new_channels_are_heard_after_a_step() -> None:
    narrow, wide = trained((16, 32)), Small(widths=(24, 48))
    grow(narrow, wide)
    head = wide.get_submodule("head.3")
    assert isinstance(head, nn.Linear)
    assert not head.weight[:, 32:].any()
    wide(torch.rand(32, 1, 48, 48)).softmax(dim=1)[:, 0].mean().backward()
    assert head.weight.grad is not None
    assert head.weight.grad[:, 32:].abs().min() > 0


def test_a_deepened_network_answers_as_the_shallow_one_did_and_its_new_blocks_learn() -> None:
    shallow = trained((16, 32))  # 1 and 2 blocks
    torch.manual_seed(1)
    deep = ResNet(widths=(24, 32), blocks=(3, 3), dropout=0.0)
    faces = torch.rand(8, 1, 48, 48)
    assert grow(shallow, deep)
    assert torch.allclose(deep.eval()(faces), shallow.eval()(faces), atol=1e-6)
    deep.train()(faces).softmax(dim=1)[:, 0].mean().backward()
    for place in (1, 2, 5):
        scale = deep.get_submodule(f"blocks.{place}.norm2").weight
        assert isinstance(scale, nn.Parameter)
        assert scale.grad is not None
        assert scale.grad.abs().max() > 0


def test_another_network_is_left_as_it_was() -> None:
    for narrow, other in (
        (trained((24, 48)), trained((16, 32))),
        (trained((16, 32)), ResNet(widths=(16, 32), blocks=(1, 1))),
        (trained((16, 32)), ResNet(widths=(16, 32, 32), blocks=(1, 2, 1))),
        (trained((16, 32)), nn.Sequential()),
        (trained((16, 32)), Capstone()),
    ):
        before = {name: values.clone() for name, values in other.state_dict().items()}
        assert not grow(narrow, other)
        assert all(torch.equal(before[name], values) for name, values in other.state_dict().items())
