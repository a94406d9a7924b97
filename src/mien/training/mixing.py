"""Faces blended with one another, and their targets alike (mixup, Zhang et al. 2018)."""

import torch
from torch import Tensor


def mix(images: Tensor, targets: Tensor, concentration: float) -> tuple[Tensor, Tensor]:
    """Blend each row with another one of its batch, itself the larger part, chosen by torch's own generator.

    Args:
        images: float32 (n, 1, side, side).
        targets: Distributions, float32 (n, classes).
        concentration: Of the Beta distribution of shares; 0 blends none, 0.2 leaves most faces nearly alone, 1 blends
            by any share.
    """
    if concentration == 0:
        return images, targets
    # (n,); images and targets of a pair are blended by the same share
    share = torch.distributions.Beta(concentration, concentration).sample((len(images),))
    other_share = torch.minimum(share, 1 - share).to(images.device)
    other = torch.randperm(len(images)).to(images.device)
    return (
        images.lerp(images[other], other_share[:, None, None, None]),
        targets.lerp(targets[other], other_share[:, None]),
    )
