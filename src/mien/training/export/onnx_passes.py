"""Rewriting the poolings of an ONNX graph as operators that are fast in 8 bit.

onnxruntime has no 8-bit operator for ReduceMean, so that whole feature maps would be converted to float first, and a
slow one for AveragePool. GlobalAveragePool and depthwise Conv compute the same.
"""

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

#: Axes of height and width in (N, channels, H, W).
_POSITIONS = {2, 3}


def rewrite_poolings(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with means over all positions as ``GlobalAveragePool`` and averages over squares as depthwise ``Conv``.

    Args:
        model: Float32, feature maps as (N, channels, H, W); poolings with padding stay as they are.
    """
    # shapes of intermediate maps distinguish global means from others, and give the channels of a pooling
    model = onnx.shape_inference.infer_shapes(model)
    graph = model.graph
    shapes = {
        value.name: [side.dim_value for side in value.type.tensor_type.shape.dim]
        for value in (*graph.value_info, *graph.input)
    }
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        shape = shapes.get(node.input[0], []) if node.input else []
        if node.op_type == "ReduceMean" and len(shape) == 4 and _axes(node, graph) == _POSITIONS:
            nodes += _global_pool(node)
        elif node.op_type == "AveragePool" and not _overhangs(node):
            nodes.append(_depthwise(node, graph, channels=shape[1]))
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)  # the axes of replaced means
    onnx.checker.check_model(model)  # an invalid node fails here, where it was made
    return model


def _global_pool(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """A mean over all positions, (N, channels, H, W) to (N, channels, 1, 1), or (N, channels) without ``keepdims``."""
    if _attribute(node, "keepdims") != 0:
        return [helper.make_node("GlobalAveragePool", node.input[:1], node.output, node.name)]
    pooled = f"{node.output[0]}_pooled"
    return [
        helper.make_node("GlobalAveragePool", node.input[:1], [pooled], node.name),
        helper.make_node("Flatten", [pooled], node.output, f"{node.name}_flat"),
    ]


def _depthwise(node: onnx.NodeProto, graph: onnx.GraphProto, *, channels: int) -> onnx.NodeProto:
    """An average pooling as a convolution of each channel with a constant kernel."""
    kernel = _attribute(node, "kernel_shape")
    weights = np.full((channels, 1, *kernel), 1 / np.prod(kernel), np.float32)  # (channels, 1, height, width)
    graph.initializer.append(numpy_helper.from_array(weights, f"{node.name}_weights"))
    return helper.make_node(
        "Conv",
        [node.input[0], f"{node.name}_weights"],
        node.output,
        node.name,
        kernel_shape=kernel,
        strides=_attribute(node, "strides"),
        group=channels,
    )


def _overhangs(node: onnx.NodeProto) -> bool:
    """Whether windows reach beyond the map, where the mean is over fewer values than the kernel has."""
    return any(_attribute(node, "pads") or ()) or bool(_attribute(node, "ceil_mode"))


def _axes(node: onnx.NodeProto, graph: onnx.GraphProto) -> set[int]:
    """The axes of a node as non-negative numbers; empty where they are not constant."""
    found = [tensor for tensor in graph.initializer if tensor.name in node.input[1:]]
    return {int(axis) % 4 for tensor in found for axis in numpy_helper.to_array(tensor)}


def _attribute(node: onnx.NodeProto, name: str) -> Any:
    return next((helper.get_attribute_value(item) for item in node.attribute if item.name == name), None)
