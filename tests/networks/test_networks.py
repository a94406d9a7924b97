from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from mien.errors import UnknownModelError
from mien.networks.cnn import Capstone
from mien.networks.diagram import plot_network
from mien.networks.registry import build_network, list_networks
from mien.networks.summary import summarize
from mien.render.plots import save_plot


def test_capstone_has_the_parameters_of_the_report() -> None:
    summary = summarize("capstone")
    assert summary.total == 2_598_732
    assert summary.trainable == 2_596_836


def test_capstone_has_the_layers_of_the_report_in_order() -> None:
    rows = [(row.kind, row.output_shape) for row in summarize("capstone").layers if row.kind != "ReLU"]
    assert rows == [
        *[("Conv2d", (32, 48, 48)), ("BatchNorm2d", (32, 48, 48))] * 2,
        ("MaxPool2d", (32, 24, 24)),
        *[("Conv2d", (64, 24, 24)), ("BatchNorm2d", (64, 24, 24))] * 2,
        ("MaxPool2d", (64, 12, 12)),
        ("Dropout", (64, 12, 12)),
        *[("Conv2d", (128, 12, 12)), ("BatchNorm2d", (128, 12, 12))] * 2,
        ("MaxPool2d", (128, 6, 6)),
        ("Flatten", (4608,)),
        ("Linear", (500,)),
        ("BatchNorm1d", (500,)),
        ("Dropout", (500,)),
        ("Linear", (8,)),
    ]


def test_capstone_starts_as_keras_would() -> None:
    torch.manual_seed(0)
    network = Capstone()
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.01)}
    dense = network.layers.get_submodule("dense")
    assert isinstance(dense, nn.Linear)
    limit = (6 / (4608 + 500)) ** 0.5  # Glorot and Bengio 2010, equation 16
    assert dense.weight.abs().max().item() == pytest.approx(limit, rel=1e-3)
    assert dense.bias.abs().max() == 0


@pytest.mark.parametrize("name", list_networks())
def test_every_network_maps_faces_to_logits_and_learns(name: str) -> None:
    torch.manual_seed(0)
    network = build_network(name, classes=5)
    logits = network(torch.rand(3, 1, 48, 48))
    assert logits.shape == (3, 5)
    logits.logsumexp(1).sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


def test_multiply_adds_agree_with_a_count_by_hand() -> None:
    # the capstone's convolutions at 48, 24 and 12 pixels, and its dense layers
    expected = 48 * 48 * 9 * (1 * 32 + 32 * 32) + 24 * 24 * 9 * (32 * 64 + 64 * 64)
    expected += 12 * 12 * 9 * (64 * 128 + 128 * 128) + 4608 * 500 + 500 * 8
    assert summarize("capstone").multiply_adds == expected


def test_an_unknown_network_is_refused_with_near_names() -> None:
    with pytest.raises(UnknownModelError, match="no network called 'capston'") as caught:
        build_network("capston")
    assert "capstone" in str(caught.value.hint)


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_drawing_opens_and_shows_something(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"network{suffix}"
    save_plot(plot_network(summarize("tiny")), path)
    if suffix == ".svg":
        assert "<svg" in path.read_text()
    else:
        with Image.open(path) as picture:
            assert np.asarray(picture.convert("L")).std() > 5
