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
    """A linear network on 48×48 faces with a softmax for each head of its metadata; None leaves the metadata out."""
    size = 48
    others = [(h.output, len(h.labels)) for n, h in (metadata.heads if metadata else {}).items() if n != "perceived"]
    outputs = [(output, 8), *others]
    matrices = {name: "weights" if name == output else f"{name}_weights" for name, _ in outputs}
    rng = np.random.default_rng(seed)
    nodes, tensors = [helper.make_node("Flatten", ["images"], ["flat"])], []
    for name, classes in outputs:
        weights = rng.normal(0, 0.05, (size * size, classes)).astype(np.float32)
        tensors.append(numpy_helper.from_array(weights, matrices[name]))
        nodes.append(helper.make_node("MatMul", ["flat", matrices[name]], [f"{name}_logits"]))
        nodes.append(helper.make_node("Softmax", [f"{name}_logits"], [name], axis=1))
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 1, size, size])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", classes]) for name, classes in outputs],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if metadata is not None:
        helper.set_model_props(model, {METADATA_KEY: metadata.to_json()})
    onnx.save(model, str(path))
    return path
