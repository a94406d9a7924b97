"""The layer inside a model file: appended behind the outputs of a network, and removed again.

    probabilities of the network ┬ clip, log ┐
    intended probabilities       ┴ clip, log ┴→ matrix, bias → softmax → probabilities

It edits graphs; ``layer.py`` fits what they compute.
"""

from typing import TYPE_CHECKING

import numpy as np

from mien.adaptation.layer import FLOOR, Layer
from mien.metadata import OUTPUT_NAME, HeadSpec
from mien.runtime.optional import extra

if TYPE_CHECKING:
    from onnx import ModelProto

#: Name prefixes: of all nodes and tensors of the layer, and of the network's former outputs.
_LAYER, _BEFORE = "mien_adapt/", "mien_before/"


def add_layer(model: "ModelProto", layer: Layer, heads: list[HeadSpec]) -> None:
    """Append ``layer`` to the outputs of ``heads``; afterwards the layer's ``probabilities`` are the only output.

    Args:
        model: The network, changed in place.
        layer: Its matrix has one row for each column of the heads.
        heads: In the order of the rows.
    """
    with extra("adapt"):
        from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415 - an extra

    graph = model.graph
    for output in list(graph.output):  # the layer's output takes the name "probabilities"
        _rename(model, output.name, _BEFORE + output.name)
    del graph.output[:]
    parts = [_BEFORE + head.output for head in heads]
    tensors = {"floor": np.float32(FLOOR), "matrix": layer.matrix, "bias": layer.bias}
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value, np.float32), _LAYER + name) for name, value in tensors.items()
    )
    graph.node.append(helper.make_node("Concat", parts, [_LAYER + "joined"], _LAYER + "joined", axis=1))
    steps = [
        ("Max", [_LAYER + "joined", _LAYER + "floor"], "clipped"),  # (N, d)
        ("Log", [_LAYER + "clipped"], "logs"),
        ("MatMul", [_LAYER + "logs", _LAYER + "matrix"], "product"),  # (N, classes)
        ("Add", [_LAYER + "product", _LAYER + "bias"], "logits"),
    ]
    for kind, inputs, output in steps:
        graph.node.append(helper.make_node(kind, inputs, [_LAYER + output], _LAYER + output))
    graph.node.append(helper.make_node("Softmax", [_LAYER + "logits"], [OUTPUT_NAME], _LAYER + "softmax", axis=1))
    shape: list[str | int | None] = ["batch", len(layer.bias)]
    graph.output.append(helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, shape))


def remove_layer(model: "ModelProto", heads: list[HeadSpec]) -> None:
    """Undo :func:`add_layer`: restore the network's own outputs.

    Args:
        model: A network with a layer, changed in place.
        heads: All heads that the network had before.
    """
    with extra("adapt"):
        from onnx import TensorProto, helper  # noqa: PLC0415 - an extra

    graph = model.graph
    # lists are copied first: removing while iterating skips entries
    for node in [node for node in graph.node if node.name.startswith(_LAYER)]:
        graph.node.remove(node)
    for tensor in [tensor for tensor in graph.initializer if tensor.name.startswith(_LAYER)]:
        graph.initializer.remove(tensor)
    del graph.output[:]
    for head in heads:
        _rename(model, _BEFORE + head.output, head.output)
        shape: list[str | int | None] = ["batch", len(head.labels)]
        graph.output.append(helper.make_tensor_value_info(head.output, TensorProto.FLOAT, shape))


def _rename(model: "ModelProto", old: str, new: str) -> None:
    """Rename a tensor where it is produced, where it is consumed, and in the shape information."""
    for node in model.graph.node:
        for names in (node.input, node.output):
            for at, name in enumerate(names):
                if name == old:
                    names[at] = new
    for value in model.graph.value_info:
        if value.name == old:
            value.name = new
