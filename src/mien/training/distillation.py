"""What trained networks say of the training faces, to be mixed into the targets of a new one (Hinton et al. 2015).

A face's votes are ten draws; its teachers have seen them and those of all similar faces. Fixed teaching asks them once
for each face, as it is and mirrored: a better label, at no cost in a step. Consistent teaching asks them in every step
for the changed faces, which they do not know by heart (Beyer et al. 2022).
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from mien.training.batches import ImageBatches
from mien.training.runs import ANSWERS, load_state, save_state
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
    mirrored = Teachers(teachers, device, mirror=True)
    answers = torch.cat([mirrored(batch).cpu() for batch in images.in_order()])
    save_state({"probabilities": answers}, kept)
    return answers


class Teachers:
    """Trained networks that answer together.

    Raises:
        CheckpointError: One of ``runs`` is no run folder, or a file is damaged.
    """

    def __init__(self, runs: Sequence[Path], device: torch.device, *, mirror: bool = False) -> None:
        networks = [load_network(run, mirror=mirror)[0] for run in runs]
        self._networks = nn.ModuleList(networks).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """The mean of their probabilities for (n, 1, 48, 48), float32 (n, classes)."""
        return torch.stack([network(images).float().softmax(dim=1) for network in self._networks]).mean(dim=0)
