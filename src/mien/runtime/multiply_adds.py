"""How much a network computes, and how much this machine could: multiply-adds of one run, and of a matrix product.

It does not time networks. Files are read by onnxruntime alone, which records the shapes of each node in its profile.
"""

import json
import tempfile
from math import prod
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from mien.runtime.onnx import load_onnxruntime

#: Nodes that multiply and add in 8 bits, and in floating point; all others together are a few percent.
_IN_8_BIT = frozenset({"QLinearConv", "QGemm", "QLinearMatMul", "MatMulInteger", "ConvInteger"})
_IN_FLOAT = frozenset({"Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul", "FusedMatMul"})
#: Place of the weights among the inputs of nodes in 8 bits; in floating point they are the second.
_WEIGHTS_AT = {"QLinearConv": 3, "QGemm": 3, "QLinearMatMul": 3}
#: ONNX's numbers of the types of tensors (onnx.proto, TensorProto.DataType).
_FLOAT, _UINT8, _INT8, _INT32 = 1, 2, 3, 6
_SIDE, _ROUNDS = 1024, 5


def multiply_adds(path: Path, shape: tuple[int, ...]) -> tuple[int, bool]:
    """Multiply-adds of one run of the network in a file, and whether most of them are in 8 bits.

    Args:
        path: The ONNX file; it has one input.
        shape: Of what goes in.
    """
    onnxruntime = load_onnxruntime()
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        # the level above would fill the channels of a convolution up to what one instruction takes
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        options.add_session_config_entry("session.disable_prepacking", "1")  # packed weights show no shape
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        session.run(None, {session.get_inputs()[0].name: np.zeros(shape, np.float32)})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    counts = {True: 0, False: 0}
    for event in events:
        node = event.get("args", {})
        if str(event.get("name", "")).endswith("_kernel_time") and node.get("op_name") in _IN_8_BIT | _IN_FLOAT:
            counts[node["op_name"] in _IN_8_BIT] += _of_node(node)
    return sum(counts.values()), counts[True] > counts[False]


def _of_node(node: dict[str, Any]) -> int:
    """Each number of the output is a sum over what one row or kernel of the weights covers."""
    outputs, inputs = (
        [shape for item in node[f"{end}_type_shape"] for shape in item.values()] for end in ("output", "input")
    )
    kind = node["op_name"]
    if kind.endswith(("MatMul", "Gemm")) or kind == "MatMulInteger":
        return int(prod(outputs[0])) * int(inputs[0][-1])
    weights = inputs[_WEIGHTS_AT.get(kind, 1)]  # (out, in, height, width)
    return int(prod(outputs[0])) * int(prod(weights[1:]))


def machine_multiply_adds(*, in_8_bit: bool, threads: int) -> float:
    """Multiply-adds a second of a product of large square matrices here, by onnxruntime: what the machine can do.

    Args:
        in_8_bit: Bytes added up in 32 bits instead of float32.
        threads: As many as the network gets that is compared.
    """
    onnxruntime = load_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(_product(in_8_bit=in_8_bit), options, providers=["CPUExecutionProvider"])
    generator = np.random.default_rng(0)
    if in_8_bit:
        first = generator.integers(0, 255, (_SIDE, _SIDE), np.uint8)
        second = generator.integers(-64, 64, (_SIDE, _SIDE), np.int8)
    else:
        first, second = generator.random((2, _SIDE, _SIDE), np.float32)
    times = []
    for _ in range(_ROUNDS + 1):
        start = perf_counter()
        session.run(None, {"a": first, "b": second})
        times.append(perf_counter() - start)
    return float(_SIDE**3 / min(times[1:]))


def _product(*, in_8_bit: bool) -> bytes:
    """An ONNX file of one matrix product, c = a b, written by hand, since the package onnx is no dependency."""
    types = (_UINT8, _INT8, _INT32) if in_8_bit else (_FLOAT, _FLOAT, _FLOAT)
    a, b, c = (_value(name, kind) for name, kind in zip("abc", types, strict=True))
    node = _text(1, "a") + _text(1, "b") + _text(2, "c") + _text(4, "MatMulInteger" if in_8_bit else "MatMul")
    graph = _part(1, node) + _text(2, "product") + _part(11, a) + _part(11, b) + _part(12, c)
    return _number(1, 8) + _part(7, graph) + _part(8, _text(1, "") + _number(2, 17))  # IR 8, opset 17


def _value(name: str, kind: int) -> bytes:
    side = _part(1, _number(1, _SIDE))
    return _text(1, name) + _part(2, _part(1, _number(1, kind) + _part(2, side + side)))


# ---- protocol buffers: a field is its number and kind, then a number, or a length and so many bytes ----


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _part(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, text: str) -> bytes:
    return _part(field, text.encode())


def _varint(value: int) -> bytes:
    """Seven bits a byte, lowest first; the eighth says that more follow."""
    digits = []
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])
