"""A network as an ONNX graph, and its weights at half the size."""

import logging
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from mien.errors import ExportMismatchError
from mien.metadata import INPUT_NAME, ModelMetadata

_OPSET = 18


def trace(wrapped: nn.Module, metadata: ModelMetadata) -> onnx.ModelProto:
    """The graph of ``wrapped``, which maps images to the probabilities of each head, for any batch size.

    Raises:
        ExportMismatchError: The exporter gave nothing.
    """
    example = torch.rand(2, *metadata.input.shape)
    batch = torch.export.Dim("batch", min=1)
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # the exporter deprecates parts of itself while it runs,
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # and misses torchvision, which nothing here needs
        path = Path(folder) / "traced.onnx"
        program = torch.onnx.export(
            wrapped,
            (example,),
            dynamo=True,
            opset_version=_OPSET,
            input_names=[INPUT_NAME],
            output_names=[head.output for head in metadata.heads.values()],
            dynamic_shapes=({0: batch},),
            verbose=False,
        )
        if program is None:
            raise ExportMismatchError(
                "the exporter gave no program", hint="report the network and the version of torch"
            )
        program.save(str(path), external_data=False)
        return onnx.load(path)


def store_as_half(model: onnx.ModelProto) -> None:
    """Store weight tensors as float16 with a cast behind each, which runtimes fold away when they load the file."""
    graph = model.graph
    casts = []
    for tensor in list(graph.initializer):
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim < 2:
            continue  # biases and norms are small and keep their precision
        graph.initializer.remove(tensor)
        stored = f"{tensor.name}_half"
        graph.initializer.append(onnx.numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(onnx.helper.make_node("Cast", [stored], [tensor.name], to=onnx.TensorProto.FLOAT))
    for node in reversed(casts):
        graph.node.insert(0, node)
    # what the graph says of the shapes of its weights does not hold for the outputs of casts
    for value in [v for v in graph.value_info if v.name in {name for node in casts for name in node.output}]:
        graph.value_info.remove(value)
