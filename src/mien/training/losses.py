"""The training loss, and the validation metrics of an epoch, as functions of tensors."""

import torch
from torch import Tensor


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """-Σ target · log softmax(logits) of each row: two (n, classes) to float32 (n,)."""
    # float(): under bfloat16 autocast the logarithm of small probabilities would lose most of its digits
    return -(targets * logits.float().log_softmax(dim=1)).sum(dim=1)


def expected_hits(logits: Tensor, votes: Tensor) -> Tensor:
    """Probability that a label sampled from each row of ``votes`` is the argmax of ``logits``, float32 (n,)."""
    return votes.gather(1, logits.argmax(dim=1, keepdim=True)).squeeze(1)


def validation_metrics(logits: Tensor, targets: Tensor, votes: Tensor) -> dict[str, float]:
    """Loss against the run's targets, expected accuracy on sampled labels, and KL(votes ‖ network) in nats.

    Args:
        logits: Of the first head, float32 (n, 8).
        targets: float32 (n, 8); a row of zeros has no target and is left out of the loss.
        votes: Distributions, float32 (n, 8).
    """
    # KL(p ‖ q) = cross-entropy(p, q) - entropy(p); xlogy counts 0 · log 0 as 0
    entropy = -torch.special.xlogy(votes, votes).sum(dim=1)  # (n,)
    return {
        "loss": float(cross_entropy(logits, targets).sum() / targets.sum()),  # rows sum to 1, or 0 without a target
        "accuracy": float(expected_hits(logits, votes).mean()),
        "kl": float((cross_entropy(logits, votes) - entropy).mean()),
    }


def label_metrics(logits: Tensor, targets: Tensor) -> tuple[float, float]:
    """Mean cross-entropy and accuracy over the rows that have a target.

    Args:
        logits: float32 (n, classes).
        targets: One-hot labels, float32 (n, classes); zeros where a row has no label.
    """
    known = targets.sum(dim=1) > 0  # (n,)
    loss = cross_entropy(logits[known], targets[known]).mean()
    return float(loss), float(expected_hits(logits[known], targets[known]).mean())
