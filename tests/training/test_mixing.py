import torch

from mien.training.mixing import mix


def test_faces_and_targets_are_blended_alike_and_stay_the_larger_part() -> None:
    """Each image is one number of its own and its target a column of its own, so that the shares can be read off."""
    torch.manual_seed(0)
    count = 64
    images = torch.eye(count).view(count, 1, 8, 8)
    targets = torch.eye(count)
    blended, wanted = mix(images, targets, 1.0)
    assert torch.allclose(blended.view(count, count), wanted)
    assert torch.allclose(wanted.sum(dim=1), torch.ones(count))
    own = wanted.diagonal()
    assert own.min() >= 0.5
    assert own.min() < 0.6
    assert torch.unique(own).numel() > count // 2
    assert ((wanted > 0).sum(dim=1) <= 2).all()


def test_a_small_concentration_leaves_most_faces_nearly_alone() -> None:
    torch.manual_seed(0)
    targets = torch.eye(256)
    _, little = mix(torch.rand(256, 1, 4, 4), targets, 0.05)
    _, much = mix(torch.rand(256, 1, 4, 4), targets, 5.0)
    assert (little.diagonal() > 0.95).float().mean() > 0.7
    assert (much.diagonal() > 0.95).float().mean() < 0.1
