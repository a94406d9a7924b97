"""Mixup (Zhang et al. 2018): pairs of faces are blended, and their targets by the same shares."""

import torch
from torch import Tensor


def mix(images: Tensor, targets: Tensor, concentration: float) -> tuple[Tensor, Tensor]:
    """Blend each row with a random other one of its batch, of which it takes at most half.

    Randomness comes from torch's global generator.

    Args:
        images: float32 (n, 1, side, side).
        targets: Distributions, float32 (n, classes).
        concentration: Of the Beta distribution of the shares: 0 turns blending off, 0.2 changes most faces little, 1
            makes all shares equally likely.
    """
    if concentration == 0:
        return images, targets
    # (n,), one share per face for both its image and its target
    share = torch.distributions.Beta(concentration, concentration).sample((len(images),))
    other_share = torch.minimum(share, 1 - share).to(images.device)  # at most half
    other = torch.randperm(len(images)).to(images.device)  # (n,), a partner for each face
    return (
        images.lerp(images[other], other_share[:, None, None, None]),
        targets.lerp(targets[other], other_share[:, None]),
    )
