"""What a network is trained by and what an epoch is judged by. It knows tensors only."""

import torch
from torch import Tensor


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """-Σ target · log softmax(logits) of each row, float32 (n,)."""
    return -(targets * logits.float().log_softmax(dim=1)).sum(dim=1)


def expected_hits(logits: Tensor, votes: Tensor) -> Tensor:
    """Probability that a label drawn from each row of ``votes`` is the network's first choice, float32 (n,)."""
    return votes.gather(1, logits.argmax(dim=1, keepdim=True)).squeeze(1)


def validation_figures(logits: Tensor, targets: Tensor, votes: Tensor) -> dict[str, float]:
    """Loss against the run's targets, expected accuracy on drawn labels, and KL(votes ‖ network) in nats.

    A row of zeros among the targets has none and does not count in the loss.
    """
    entropy = -torch.special.xlogy(votes, votes).sum(dim=1)
    return {
        "loss": float(cross_entropy(logits, targets).sum() / targets.sum()),
        "accuracy": float(expected_hits(logits, votes).mean()),
        "kl": float((cross_entropy(logits, votes) - entropy).mean()),
    }
