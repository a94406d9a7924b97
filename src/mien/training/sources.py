"""Sources of weights: a run folder, a model file (.onnx), or the 16-bit weights it was made from (.safetensors)."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from mien.errors import CheckpointError
from mien.networks.registry import build_network
from mien.runtime.files import atomic_file, sha256_of
from mien.runtime.optional import learning
from mien.runtime.translation import reason
from mien.training.model_files import describe_file, read_network
from mien.training.records import NOT_A_RECORD, RunRecord, WeightsSource
from mien.training.runs import RunFolder
from mien.weights import list_weights, weight_path

MODEL_SUFFIX, FLOAT_SUFFIX = ".onnx", ".safetensors"
#: Key of the run record in the metadata of a safetensors file.
_KEY = "mien"


def find_weights(text: str) -> Path:
    """The weights that a user names: a run folder or a file by its path, or a shipped model by its name.

    Raises:
        CheckpointError: ``text`` is none of these.
    """
    if Path(text).exists():
        return Path(text)
    if text in list_weights():
        return weight_path(text)
    raise CheckpointError(
        f"{text}: not a run folder, a file or a shipped model", hint=f"shipped are {', '.join(list_weights())}"
    )


def describe_source(path: Path) -> WeightsSource:
    """The weights at ``path`` in the form of a run's record.

    Raises:
        CheckpointError: It is neither a run folder with a finished epoch nor a file of weights.
        ModelFileError: An ``.onnx`` file is not a model file.
    """
    if path.suffix == MODEL_SUFFIX:
        return describe_file(path)
    if path.suffix == FLOAT_SUFFIX:
        return _describe_float_weights(path)
    return RunFolder(path).source()


def load_source(path: Path, faces: Callable[[], Tensor] | None = None) -> nn.Module:
    """The network at ``path`` with its weights, in evaluation mode.

    Args:
        path: A run folder or a file.
        faces: Returns training faces, float32 (n, 1, 48, 48) in [0, 1]; a model file needs them, see
            :func:`mien.training.model_files.read_network`.

    Raises:
        CheckpointError: It is not a run folder, or its weights are damaged or cannot be read.
        ModelFileError: An ``.onnx`` file is not a model file.
    """
    if path.suffix == FLOAT_SUFFIX:
        return load_float_weights(path)
    if path.suffix != MODEL_SUFFIX:
        return RunFolder(path).load_network()
    if faces is None:
        raise CheckpointError(
            f"{path}: reading a network from a model file needs training faces", hint="give a data set"
        )
    return read_network(path, faces())


def save_float_weights(run: RunFolder, path: Path) -> str:
    """Write a run's best weights in 16 bit to ``path``, with its recipe; return the file's hash.

    Raises:
        CheckpointError: ``run`` is not a run folder, or has no weights.
        StorageError: ``path`` cannot be written.
    """
    with learning():
        from safetensors.torch import save  # noqa: PLC0415 - needed for shipping alone
    record = run.read_record()
    weights = run.load_best()["network"]
    # integer buffers, such as the batch counts of batch norms, stay as they are
    halves = {name: (t.half() if t.is_floating_point() else t).contiguous() for name, t in weights.items()}
    # bytes, not save_file(): they are hashed, and written all or nothing
    content = save(halves, metadata={_KEY: json.dumps(record.origin(), sort_keys=True)})
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def load_float_weights(path: Path) -> nn.Module:
    """The network that :func:`save_float_weights` wrote, in evaluation mode and 32 bit.

    Raises:
        CheckpointError: The file is absent, damaged, or holds something else.
    """
    record, tensors = _read_float_weights(path)
    network = build_network(record.config.network, classes=record.config.classes)
    try:
        network.load_state_dict({name: t.float() if t.is_floating_point() else t for name, t in tensors.items()})
    except RuntimeError as err:
        raise CheckpointError(f"{path}: does not fit a {record.config.network} network ({reason(err)})") from err
    return network.eval()


def _describe_float_weights(path: Path) -> WeightsSource:
    record, _ = _read_float_weights(path)
    return WeightsSource(path.name, record.config.network, sha256_of(path), record.recipe_sha256)


def _read_float_weights(path: Path) -> tuple[RunRecord, dict[str, torch.Tensor]]:
    with learning():
        from safetensors import SafetensorError, safe_open  # noqa: PLC0415
    try:
        with safe_open(path, framework="pt") as stored:
            about = json.loads((stored.metadata() or {})[_KEY])
            record = RunRecord.from_dict(about, source=str(path))
            return record, {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError, *NOT_A_RECORD) as err:
        raise CheckpointError(f"{path}: not the weights of a network of mien ({reason(err)})") from err
