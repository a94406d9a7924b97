"""Teachers: trained networks whose probabilities are mixed into the targets of a new one (Hinton et al. 2015).

The votes of a face are a sample of ten; a teacher has learned from them and from those of all similar faces. Fixed
teaching computes the teachers' probabilities once for each face and its mirror image, at no cost in a training step.
Consistent teaching computes them in every step for the augmented faces, which no teacher has memorized (Beyer et al.
2022, "Knowledge distillation: a good teacher is patient and consistent").
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
    """The mean of the teachers' probabilities for ``images``, float32 (n, 8); saved in ``folder`` for a resumed run.

    Raises:
        CheckpointError: One of ``teachers`` is not a run folder, or a file is damaged.
    """
    if (kept := folder.load_answers()) is not None:
        return kept
    mirrored = Teachers(teachers, device, mirror=True)
    answers: list[Tensor] = []
    for batch in images.in_order():
        answers.append(mirrored(batch).cpu())  # (b, 8)
        listener.prepared("the teachers' probabilities", done=sum(map(len, answers)), total=len(images))
    together = torch.cat(answers)  # (n, 8)
    folder.save_answers(together)
    return together


class Teachers:
    """An ensemble of trained networks; model files run in onnxruntime, with the result that their users get.

    Args:
        sources: Run folders and files.
        device: Of the faces.
        mirror: Each teacher averages a face with its mirror image.

    Raises:
        CheckpointError: One of ``sources`` is not a run folder, or its weights are damaged.
        ModelFileError: One of them is not a model file.
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
        """The mean of their probabilities for faces (n, 1, 48, 48), float32 (n, 8)."""
        return torch.stack([teacher(images) for teacher in self._teachers]).mean(dim=0)  # (teachers, n, 8) to (n, 8)


class _NetworkTeacher:
    """A network in torch."""

    def __init__(self, network: nn.Module, device: torch.device, *, mirror: bool) -> None:
        wrapped = (Mirrored(network) if mirror else network).eval()
        self._network = wrapped.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, images: Tensor) -> Tensor:
        probabilities: Tensor = perceived(self._network(images)).float().softmax(dim=1)
        return probabilities


class _FileTeacher:
    """A model file, with its own temperature."""

    def __init__(self, path: Path, *, mirror: bool) -> None:
        # a file that was exported with mirror averaging does it inside
        self._mirror = mirror and not open_model(path)[1].training.get("mirrored")
        self._session = open_session(path, threads=torch.get_num_threads())

    def __call__(self, images: Tensor) -> Tensor:
        answers = self._run(images)
        if self._mirror:  # averaging logits, as Mirrored does, is the geometric mean of probabilities
            answers = (answers.log() + self._run(images.flip(3)).log()).div(2).softmax(dim=1)
        return answers.to(images.device)

    def _run(self, images: Tensor) -> Tensor:
        contiguous = images.float().cpu().contiguous().numpy()
        return torch.from_numpy(self._session.run([OUTPUT_NAME], {INPUT_NAME: contiguous})[0])
