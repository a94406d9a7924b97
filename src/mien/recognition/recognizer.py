"""A model file behind an array interface: gray faces in, probabilities out."""

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
#: Time limit in seconds of the first face: a network that needs longer is taken for an endless loop.
_FIRST_RUN_S = 20.0


class Recognizer:
    """A model file, opened; calls from several threads at once are safe.

    Args:
        path: The ONNX file.
        batch_size: Largest number of faces in one run of the network.
        threads: Threads within one call; None leaves it to onnxruntime (all cores).
        options: Head, base rates and decision rule.
        device: The device on which the network runs.

    Raises:
        ModelFileError: The file does not exist, is damaged, carries no metadata of this package, or its network does
            not match them; it is run on one gray face.
        ConfigError: ``batch_size`` is not positive, the model does not support ``options``, or the device does not
            exist.
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
        # run once: an untrusted file may have a valid graph that fails, never ends or returns no probabilities
        self._run_network(np.full((1, *self.metadata.input.shape), 0.5, np.float32), time_s=_FIRST_RUN_S)
        #: The resolved options.
        self.answers = Answers.of(self.metadata, options)

    @property
    def labels(self) -> LabelSet:
        """What the columns of the probabilities mean."""
        return self.answers.labels

    @property
    def decision(self) -> DecisionRule | None:
        """The decision rule; None names the most probable expression."""
        return self.answers.rule

    def with_options(self, options: AnswerOptions) -> Self:
        """The same network with other options; the session is shared, nothing is loaded.

        Raises:
            ConfigError: The model does not support the options.
            SourceError: A file of base rates cannot be read.
        """
        # past __init__, which would open the file again; type(self), as the service has a subclass
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__ | {"answers": Answers.of(self.metadata, options)})
        return other

    @property
    def providers(self) -> tuple[str, ...]:
        """The execution providers of onnxruntime that are in use, in order of preference."""
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
            ModelFileError: The network's results are not probabilities.
        """
        return self.answers.probabilities(self._outputs(to_model_input(images, self.metadata.input)))

    def predict_heads(self, images: npt.NDArray[Any]) -> Mapping[str, FloatArray]:
        """The probabilities of each head of the file, float32 (N, its labels), regardless of the options.

        Args:
            images: As for :meth:`predict_proba`.

        Raises:
            ShapeError: The array has another shape, type or range.
        """
        outputs = self._outputs(to_model_input(images, self.metadata.input))
        return {name: outputs[head.output] for name, head in self.metadata.heads.items()}

    def _outputs(self, faces: FloatArray) -> dict[str, FloatArray]:
        """All outputs of the file by name, (N, labels) each, for input of :func:`to_model_input`.

        The service overrides it, to run the faces of several clients together.
        """
        return self._through_network(faces)

    def _through_network(self, tensor: FloatArray) -> dict[str, FloatArray]:
        """The same, batch by batch in this thread."""
        heads = list(self.metadata.heads.values())
        # bounded batches: memory of a picture with hundreds of faces stays that of batch_size
        batches = (tensor[start : start + self.batch_size] for start in range(0, len(tensor), self.batch_size))
        parts = [[np.empty((0, len(head.labels)), np.float32) for head in heads]]  # without faces: (0, labels)
        parts += [self._run_network(batch) for batch in batches]
        return {head.output: np.concatenate(rows) for head, rows in zip(heads, zip(*parts, strict=True), strict=True)}

    def _run_network(self, batch: FloatArray, *, time_s: float | None = None) -> list[FloatArray]:
        """The probabilities of each head for one batch, (b, labels), validated."""
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
        batch_size: Largest number of faces in one run of the network.
        threads: Threads within one call; None leaves it to onnxruntime.
        labels: ``perceived`` or ``intended``, see :class:`AnswerOptions`.
        prior: Base rates to assume: ``balanced``, a JSON file, or rates by name; None keeps the model's.
        decision: ``rule`` or ``argmax``.
        device: ``auto`` takes a graphics card if onnxruntime supports one, otherwise the processor.

    Raises:
        UnknownModelError: There is no such shipped model.
        ModelFileError: The file does not exist, is damaged, or carries no metadata of this package.
        ConfigError: The model has no such head or unknown base rates, or the device does not exist.
        SourceError: The file of base rates cannot be read.
    """
    options = AnswerOptions(labels, prior, decision)
    return Recognizer(model_path(model), batch_size=batch_size, threads=threads, options=options, device=device)


def model_path(model: str | Path) -> Path:
    """The path of a model that is given as for :func:`load_recognizer`.

    Raises:
        UnknownModelError: There is no such shipped model.
        ModelFileError: The shipped file is missing or damaged.
    """
    path = Path(model)
    # shipped names have neither an ending nor a folder; Path("./default") drops the dot, so pass a Path for such files
    is_file = isinstance(model, Path) or bool(path.suffix) or len(path.parts) > 1
    return path if is_file else weight_path(str(model))


def _read_metadata(strings: dict[str, str], path: Path) -> ModelMetadata:
    if METADATA_KEY not in strings:
        raise ModelFileError(
            f"{path}: carries no metadata of this package, so its classes and input are unknown",
            hint="export the model with mien export",
        )
    return ModelMetadata.from_json(strings[METADATA_KEY], source=str(path))
