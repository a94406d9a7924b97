"""Reading and writing model files as ``onnx`` graphs with their metadata; ``mien.runtime.onnx`` runs them."""

from pathlib import Path
from typing import TYPE_CHECKING

from mien.errors import ModelFileError
from mien.metadata import METADATA_KEY, ModelMetadata
from mien.runtime.files import atomic_file
from mien.runtime.optional import extra
from mien.runtime.translation import reason

if TYPE_CHECKING:
    from onnx import ModelProto


def open_model(path: Path) -> "tuple[ModelProto, ModelMetadata]":
    """The graph and the metadata of a model file.

    Raises:
        ModelFileError: The file does not exist, is damaged, or carries no metadata of this package.
        MissingDependencyError: The package onnx is not installed.
    """
    with extra("adapt"):
        import onnx  # noqa: PLC0415 - an extra
        from google.protobuf.message import DecodeError  # noqa: PLC0415 - comes with onnx

    try:
        model = onnx.load_model_from_string(path.read_bytes())
    except FileNotFoundError as err:
        raise ModelFileError(f"{path}: no such model file") from err
    except OSError as err:
        raise ModelFileError(f"{path}: cannot be read: {err.strerror or err}") from err
    except DecodeError as err:
        raise ModelFileError(f"{path}: not a readable ONNX network ({reason(err)})") from err
    records = {entry.key: entry.value for entry in model.metadata_props}  # of the file, not of its nodes
    if METADATA_KEY not in records:
        raise ModelFileError(f"{path}: carries no metadata of this package", hint="export the model with mien export")
    return model, ModelMetadata.from_json(records[METADATA_KEY], source=str(path))


def write_model(model: "ModelProto", metadata: ModelMetadata, path: Path) -> int:
    """Write a graph with its metadata, all or nothing, and return the file's size in bytes.

    Raises:
        StorageError: The file cannot be written.
        MissingDependencyError: The package onnx is not installed.
    """
    with extra("adapt"):
        import onnx  # noqa: PLC0415 - an extra

    onnx.helper.set_model_props(model, {METADATA_KEY: metadata.to_json()})
    _remove_stack_traces(model)
    content: bytes = model.SerializeToString()
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)
    return len(content)


def _remove_stack_traces(model: "ModelProto") -> None:
    """Remove the stack traces that torch's exporter notes at each node: paths of its machine, a tenth of a megabyte."""
    parts = (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output)
    for part in (model.graph, *parts, *model.graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
