"""Tracing a network to an ONNX graph, and storing its weights as float16."""

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
        ExportMismatchError: The exporter returned no program.
    """
    example = torch.rand(2, *metadata.input.shape)  # (2, 1, 48, 48); a batch of 1 would be traced as a constant
    batch = torch.export.Dim("batch", min=1)
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        # the exporter warns of its own deprecated parts, and of the absence of torchvision, which is not needed here
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
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
                "the exporter returned no program", hint="report the network and the version of torch"
            )
        program.save(str(path), external_data=False)
        return onnx.load(path)


def store_as_half(model: onnx.ModelProto) -> None:
    """Store weights as float16, each followed by a cast to float32, which runtimes fold when they load the file."""
    graph = model.graph
    casts = []
    for tensor in list(graph.initializer):
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim < 2:
            continue  # biases and norms are small: rounding them saves nothing
        graph.initializer.remove(tensor)
        stored = f"{tensor.name}_half"
        graph.initializer.append(onnx.numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(onnx.helper.make_node("Cast", [stored], [tensor.name], to=onnx.TensorProto.FLOAT))
    for node in reversed(casts):  # nodes must be in topological order: casts come before what reads them
        graph.node.insert(0, node)
    # shape information of the former initializers is not valid for the outputs of the casts
    for value in [v for v in graph.value_info if v.name in {name for node in casts for name in node.output}]:
        graph.value_info.remove(value)
