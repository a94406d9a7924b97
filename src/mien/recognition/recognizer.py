"""The network behind an array interface: gray faces in, probabilities out.

It does not know pictures or detectors; what the file says of itself is read from its metadata.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from mien.base_rates import Prior
from mien.decision import Decision, DecisionRule
from mien.errors import ConfigError, ModelFileError
from mien.expressions import LabelSet
from mien.geometry import FloatArray
from mien.metadata import INPUT_NAME, METADATA_KEY, PERCEIVED, LabelConvention, ModelMetadata
from mien.preprocessing import to_model_input
from mien.recognition.answers import AnswerOptions, Answers
from mien.recognition.model_checks import check_metadata, check_network, check_probabilities
from mien.runtime.devices import Device
from mien.runtime.onnx import open_session
from mien.weights import weight_path

_DEFAULT = AnswerOptions()
#: A model that needs longer for one face, when it is opened, does not come to an end.
_FIRST_RUN_S = 20.0


class Recognizer:
    """A model file, opened; calls from several threads at once are safe.

    Args:
        path: The ONNX file.
        batch_size: At most so many faces go through the network at once.
        threads: Threads within one call; None leaves it to onnxruntime (all cores).
        options: Which head answers, under which base rates, and how an expression is named.
        device: What the network runs on.

    Raises:
        ModelFileError: The file is not there, is damaged, carries no metadata of this package, or its network does not
            do what they say; one gray face is tried.
        ConfigError: ``batch_size`` is not positive, the model cannot answer as ``options`` ask, or the device is not
            there.
        SourceError: A file of base rates cannot be read.
    """

    def __init__(
        self,
        path: Path,
        *,
        batch_size: int = 64,
        threads: int | None = None,
        options: AnswerOptions = _DEFAULT,
        device: Device = "auto",
    ) -> None:
        if batch_size < 1:
            raise ConfigError(f"batch_size is {batch_size}, expected at least 1")
        self.path, self.batch_size = path, batch_size
        self._session = open_session(path, threads=threads, device=device)
        self.metadata = _read_metadata(self._session.strings, path)
        check_metadata(self.metadata, path)
        check_network(self._session, self.metadata, path)
        self._ask_network(np.full((1, *self.metadata.input.shape), 0.5, np.float32), time_s=_FIRST_RUN_S)
        #: How the outputs of the file are answered.
        self.answers = Answers.of(self.metadata, options)

    @property
    def labels(self) -> LabelSet:
        """What the columns of the probabilities mean."""
        return self.answers.labels

    @property
    def decision(self) -> DecisionRule | None:
        """How an expression is named from the probabilities; None names the most probable."""
        return self.answers.rule

    def with_options(self, options: AnswerOptions) -> Self:
        """The same network with other answers; the session is shared, nothing is loaded.

        Raises:
            ConfigError: The model cannot answer so.
            SourceError: A file of base rates cannot be read.
        """
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__ | {"answers": Answers.of(self.metadata, options)})
        return other

    @property
    def providers(self) -> tuple[str, ...]:
        """What onnxruntime really runs the network on, first choice first."""
        return tuple(self._session.get_providers())

    @property
    def devices(self) -> tuple[str, ...]:
        """The same in the names of :data:`~mien.runtime.devices.Device`, such as ``("cuda", "cpu")``."""
        return self._session.devices

    def predict_proba(self, images: npt.NDArray[Any]) -> FloatArray:
        """Probabilities of each face, float32 (N, classes); rows sum to one.

        Args:
            images: Gray faces (N, 48, 48), (N, 48, 48, 1) or (N, 1, 48, 48); uint8 in [0, 255] or float in [0, 1].

        Raises:
            ShapeError: The array has another shape, type or range.
            ModelFileError: What the network answers are no probabilities.
        """
        return self.answers.probabilities(self._outputs(to_model_input(images, self.metadata.input)))

    def predict_heads(self, images: npt.NDArray[Any]) -> Mapping[str, FloatArray]:
        """What each head of the file says of each face, float32 (N, its labels), whatever the options.

        Args:
            images: As of :meth:`predict_proba`.

        Raises:
            ShapeError: The array has another shape, type or range.
        """
        outputs = self._outputs(to_model_input(images, self.metadata.input))
        return {name: outputs[head.output] for name, head in self.metadata.heads.items()}

    def _outputs(self, faces: FloatArray) -> dict[str, FloatArray]:
        """All outputs of the file by name, for what :func:`to_model_input` made."""
        return self._through_network(faces)

    def _through_network(self, tensor: FloatArray) -> dict[str, FloatArray]:
        heads = list(self.metadata.heads.values())
        batches = (tensor[start : start + self.batch_size] for start in range(0, len(tensor), self.batch_size))
        parts = [[np.empty((0, len(head.labels)), np.float32) for head in heads]]
        parts += [self._ask_network(batch) for batch in batches]
        return {head.output: np.concatenate(rows) for head, rows in zip(heads, zip(*parts, strict=True), strict=True)}

    def _ask_network(self, batch: FloatArray, *, time_s: float | None = None) -> list[FloatArray]:
        """The rows of each head for one batch, which are checked to be probabilities."""
        heads = list(self.metadata.heads.values())
        outputs = self._session.run([head.output for head in heads], {INPUT_NAME: batch}, time_s=time_s)
        for head, rows in zip(heads, outputs, strict=True):
            check_probabilities(rows, len(batch), head, self.path)
        return outputs


def load_recognizer(
    model: str | Path = "default",
    *,
    batch_size: int = 64,
    threads: int | None = None,
    labels: LabelConvention = PERCEIVED,
    prior: Prior | None = None,
    decision: Decision = "rule",
    device: Device = "auto",
) -> Recognizer:
    """The recognizer of a shipped model by name, or of an ONNX file by its path.

    Args:
        model: A name that ``mien models`` lists; or a path, which is anything with an ending or a folder.
        batch_size: At most so many faces go through the network at once.
        threads: Threads within one call; None leaves it to onnxruntime.
        labels: ``perceived`` or ``intended``, see :class:`AnswerOptions`.
        prior: Base rates to answer under: ``balanced``, a JSON file, or rates by name; None keeps the model's.
        decision: ``rule`` or ``argmax``.
        device: What the network runs on; ``auto`` takes a graphics card where onnxruntime has one, else the processor.

    Raises:
        UnknownModelError: No such model ships.
        ModelFileError: The file is not there, is damaged, or carries no metadata of this package.
        ConfigError: The model cannot answer so: it has no such head, or its base rates are not known; or the device is
            not there.
        SourceError: The file of base rates cannot be read.
    """
    options = AnswerOptions(labels, prior, decision)
    return Recognizer(model_path(model), batch_size=batch_size, threads=threads, options=options, device=device)


def model_path(model: str | Path) -> Path:
    """Where a model lies: a name of :func:`load_recognizer`, or a path, which is anything with an ending or a folder.

    Raises:
        UnknownModelError: No such model ships.
        ModelFileError: The shipped file is not there or is damaged.
    """
    path = Path(model)
    is_file = isinstance(model, Path) or bool(path.suffix) or len(path.parts) > 1
    return path if is_file else weight_path(str(model))


def _read_metadata(strings: dict[str, str], path: Path) -> ModelMetadata:
    if METADATA_KEY not in strings:
        raise ModelFileError(
            f"{path}: carries no metadata of this package, so its classes and input are unknown",
            hint="export the model with mien export",
        )
    return ModelMetadata.from_json(strings[METADATA_KEY], source=str(path))
