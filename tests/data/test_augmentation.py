from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from mien.data.augmentation import Augmentation

FACE = torch.linspace(0, 1, 48).view(1, 1, 1, 48).expand(64, 1, 48, 48).clone()


def changed(images: torch.Tensor = FACE, seed: int = 0, **settings: float) -> torch.Tensor:
    return Augmentation(**settings)(images, torch.Generator().manual_seed(seed))


def test_no_setting_means_no_change() -> None:
    assert torch.equal(changed(), FACE)


def test_flip_mirrors_about_its_share_of_the_faces() -> None:
    result = changed(flip=0.5)
    mirrored = [bool(torch.allclose(face, FACE[0].flip(2), atol=1e-5)) for face in result]
    kept = [bool(torch.allclose(face, FACE[0], atol=1e-5)) for face in result]
    assert all(a != b for a, b in zip(mirrored, kept, strict=True))
    assert 16 < sum(mirrored) < 48


def test_rotation_agrees_with_scipy() -> None:
    generator = np.random.default_rng(0)
    blob = ndimage.gaussian_filter(generator.random((48, 48)), 3)
    blob = (blob - blob.min()) / np.ptp(blob)
    images = torch.from_numpy(blob).float().view(1, 1, 48, 48)
    angle = 20 * (torch.rand(1, generator=torch.Generator().manual_seed(3)) * 2 - 1).item()
    result = changed(images, seed=3, rotation_deg=20.0)[0, 0].numpy()
    expected = ndimage.rotate(blob, angle, reshape=False, order=1, mode="nearest")
    assert np.abs(result - expected)[8:-8, 8:-8].max() < 0.02


def test_shift_moves_by_at_most_its_share_of_the_side() -> None:
    spot = torch.zeros(200, 1, 48, 48)
    spot[:, :, 23:25, 23:25] = 1
    result = changed(spot, shift=0.1)
    rows = torch.arange(48).float()
    centers = (result.sum(3) * rows).sum(2) / result.sum((2, 3))
    moved = (centers - 23.5).abs()
    assert moved.max() <= 4.81
    assert moved.max() > 3.5


def test_warp_moves_the_parts_of_a_face_apart_and_none_much_farther_than_its_share() -> None:
    spots = torch.zeros(200, 1, 48, 48)
    spots[:, :, 11:13, 23:25] = 1
    spots[:, :, 35:37, 23:25] = 1
    result = changed(spots, warp=0.05)
    rows = torch.arange(24).float()
    upper, lower = (
        (half.sum(3) * rows).sum(2) / half.sum((2, 3)) - 11.5 for half in (result[:, :, :24], result[:, :, 24:])
    )
    assert 1.5 < upper.abs().max() < 1.3 * 0.05 * 48  # a cubic overshoots the points of the lattice a little
    assert abs(upper.mean()) < 0.2
    assert abs(torch.corrcoef(torch.stack([upper[:, 0], lower[:, 0]]))[0, 1]) < 0.3


def test_shade_is_a_plane_through_the_middle() -> None:
    result = changed(torch.full((100, 1, 48, 48), 0.5), shade=0.3)[:, 0]
    assert torch.allclose(result.mean((1, 2)), torch.full((100,), 0.5), atol=1e-4)
    for direction in (1, 2):
        assert result.diff(n=2, dim=direction).abs().max() < 1e-5
    steepest = torch.hypot((result[:, -1, 0] - result[:, 0, 0]), (result[:, 0, -1] - result[:, 0, 0])) / 2
    assert 0.25 < steepest.max() <= 0.3


@pytest.mark.parametrize(
    "name",
    ["rotation_deg", "shift", "zoom", "warp", "contrast", "brightness", "shade", "erase", "blur", "noise"],
)
def test_every_change_keeps_shape_and_range_and_is_repeatable(name: str) -> None:
    strength = {"rotation_deg": 10.0, "blur": 0.9}.get(name, 0.5)
    setting: dict[str, Any] = {name: strength}
    result = changed(**setting)
    assert result.shape == FACE.shape
    assert result.min() >= 0
    assert result.max() <= 1
    assert not torch.equal(result, FACE)
    assert torch.equal(result, changed(**setting))
    assert not torch.equal(result, changed(seed=1, **setting))


def test_erased_rectangles_are_no_larger_than_allowed() -> None:
    result = changed(torch.full((100, 1, 48, 48), 2.0), erase=1.0, erase_side=0.5)
    erased = result[:, 0] != 2
    assert erased.any((1, 2)).all()
    assert erased.any(1).sum(1).max() <= 24
    assert erased.any(2).sum(1).max() <= 24
