"""Small networks as ONNX files, made by the tests themselves."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mien.metadata import METADATA_KEY, ModelMetadata


def write_model(
    path: Path,
    metadata: ModelMetadata | None = None,
    *,
    output: str = "probabilities",
    seed: int = 0,
) -> Path:
    """A linear network on 48×48 faces with softmax, and its metadata; None leaves the metadata out."""
    size, classes = 48, 8
    weights = np.random.default_rng(seed).normal(0, 0.05, (size * size, classes)).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], [output], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 1, size, size])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", classes])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if metadata is not None:
        helper.set_model_props(model, {METADATA_KEY: metadata.to_json()})
    onnx.save(model, str(path))
    return path
