"""What trained networks say of the training faces, to be mixed into the targets of a new one (Hinton et al. 2015).

A face's votes are ten draws; its teachers have seen them and those of all similar faces. Fixed teaching asks them once
for each face, as it is and mirrored: a better label, at no cost in a step. Consistent teaching asks them in every step
for the changed faces, whose answers they have not memorized (Beyer et al. 2022).
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from mien.metadata import INPUT_NAME, OUTPUT_NAME
from mien.model_file import open_model
from mien.networks.mirrored import Mirrored
from mien.runtime.onnx import open_session
from mien.training.batches import ImageBatches
from mien.training.heads import perceived
from mien.training.progress import Listener, Silent
from mien.training.runs import RunFolder
from mien.training.sources import MODEL_SUFFIX, load_source

#: Faces (n, 1, 48, 48) to the probabilities of the first head, float32 (n, 8).
_Teacher = Callable[[Tensor], Tensor]
_SILENT = Silent()


def teachers_distribution(
    teachers: Sequence[Path],
    images: ImageBatches,
    folder: RunFolder,
    *,
    device: torch.device,
    listener: Listener = _SILENT,
) -> Tensor:
    """The mean of the teachers' probabilities for ``images``, float32 (n, 8); ``folder`` keeps it.

    Raises:
        CheckpointError: One of ``teachers`` is no run folder, or a file is damaged.
    """
    if (kept := folder.load_answers()) is not None:
        return kept
    mirrored = Teachers(teachers, device, mirror=True)
    answers: list[Tensor] = []
    for batch in images.in_order():
        answers.append(mirrored(batch).cpu())
        listener.prepared("the teachers' answers", done=sum(map(len, answers)), total=len(images))
    together = torch.cat(answers)
    folder.save_answers(together)
    return together


class Teachers:
    """Trained networks that answer together; model files run through onnxruntime, as their users run them.

    Args:
        sources: Run folders and files.
        device: Of the faces.
        mirror: Each teacher averages a face with its mirror image.

    Raises:
        CheckpointError: One of ``sources`` is no run folder, or its weights are damaged.
        ModelFileError: One of them is no model file.
    """

    def __init__(self, sources: Sequence[Path], device: torch.device, *, mirror: bool = False) -> None:
        self._teachers: list[_Teacher] = [
            _FileTeacher(source, mirror=mirror)
            if source.suffix == MODEL_SUFFIX
            else _NetworkTeacher(load_source(source), device, mirror=mirror)
            for source in sources
        ]

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """The mean of their probabilities for (n, 1, 48, 48), float32 (n, 8)."""
        return torch.stack([teacher(images) for teacher in self._teachers]).mean(dim=0)


class _NetworkTeacher:
    """A network in torch."""

    def __init__(self, network: nn.Module, device: torch.device, *, mirror: bool) -> None:
        asked = (Mirrored(network) if mirror else network).eval()
        self._network = asked.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, images: Tensor) -> Tensor:
        probabilities: Tensor = perceived(self._network(images)).float().softmax(dim=1)
        return probabilities


class _FileTeacher:
    """A model file, with its own temperature."""

    def __init__(self, path: Path, *, mirror: bool) -> None:
        # a mirrored file averages by itself
        self._mirror = mirror and not open_model(path)[1].training.get("mirrored")
        self._session = open_session(path, threads=torch.get_num_threads())

    def __call__(self, images: Tensor) -> Tensor:
        answers = self._ask(images)
        if self._mirror:  # the mean of logits, as of a network: the geometric mean of probabilities
            answers = (answers.log() + self._ask(images.flip(3)).log()).div(2).softmax(dim=1)
        return answers.to(images.device)

    def _ask(self, images: Tensor) -> Tensor:
        contiguous = images.float().cpu().contiguous().numpy()
        return torch.from_numpy(self._session.run([OUTPUT_NAME], {INPUT_NAME: contiguous})[0])
