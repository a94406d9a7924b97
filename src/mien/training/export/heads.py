"""The outputs of a model file: each head is a range of logits with its own temperature and softmax."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mien.expressions import FER2013_LABELS, FERPLUS_LABELS
from mien.metadata import INTENDED, INTENDED_OUTPUT_NAME, OUTPUT_NAME, PERCEIVED, HeadSpec


def head_specs(*, intended: bool) -> dict[str, HeadSpec]:
    """The heads of a network, uncalibrated, in the order of their columns."""
    heads: dict[str, HeadSpec] = {PERCEIVED: HeadSpec(OUTPUT_NAME, FERPLUS_LABELS)}
    return heads | ({INTENDED: HeadSpec(INTENDED_OUTPUT_NAME, FER2013_LABELS)} if intended else {})


def split_heads(logits: Tensor, heads: Mapping[str, HeadSpec]) -> tuple[Tensor, ...]:
    """Logits of all heads (N, columns) split into those of each head (N, its labels), in order."""
    return torch.split(logits, [len(head.labels) for head in heads.values()], dim=1)


class Probabilities(nn.Module):
    """A network with temperature and softmax of each head: what a model file computes."""

    def __init__(self, network: nn.Module, heads: Mapping[str, HeadSpec]) -> None:
        super().__init__()
        self.network, self.heads = network, dict(heads)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Faces (N, 1, 48, 48) in [0, 1] to the probabilities of each head, (N, its labels)."""
        logits = self.network(images)  # (N, columns of all heads)
        # a split of one part would leave a node in the graph of files with one head
        parts = (logits,) if len(self.heads) == 1 else split_heads(logits, self.heads)
        temperatures = (head.temperature for head in self.heads.values())
        return tuple((part / t).softmax(dim=1) for part, t in zip(parts, temperatures, strict=True))
