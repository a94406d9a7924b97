"""What trained networks say of the training faces, to be mixed into the targets of a new one (Hinton et al. 2015).

A face's votes are ten draws; its teachers have seen them and those of all similar faces. Teachers look at each face
once, as it is and mirrored: their answer is a better label, not another forward pass in every step.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from mien.training.batches import ImageBatches
from mien.training.checkpoint import ANSWERS, load_state, save_state
from mien.training.trained import load_network


def teachers_distribution(
    teachers: Sequence[Path], images: ImageBatches, folder: Path, *, device: torch.device
) -> Tensor:
    """The mean of the teachers' probabilities for ``images``, float32 (n, classes); ``folder`` keeps it.

    Raises:
        CheckpointError: One of ``teachers`` is no run folder, or a file is damaged.
    """
    kept = folder / ANSWERS
    if kept.exists():
        answers: Tensor = load_state(kept)["probabilities"]
        return answers
    answers = torch.stack([_answers(teacher, images, device) for teacher in teachers]).mean(dim=0)
    save_state({"probabilities": answers}, kept)
    return answers


@torch.no_grad()
def _answers(teacher: Path, images: ImageBatches, device: torch.device) -> Tensor:
    network, _ = load_network(teacher, mirror=True)
    network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return torch.cat([network(batch).softmax(dim=1).cpu() for batch in images.in_order()])
