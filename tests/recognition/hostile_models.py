"""Model files that do not do what they say, made node by node."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mien.metadata import METADATA_KEY, ModelMetadata


def write(
    path: Path,
    *,
    rows: np.ndarray | None = None,
    batch: str | int = "n",
    side: int = 48,
    kind: int = TensorProto.FLOAT,
    record: Mapping[str, Any] | None = None,
    endless: bool = False,
) -> Path:
    """A network that answers ``rows`` whatever comes (one row goes to each face); ``record`` changes its metadata."""
    answer = np.full((1, 8), 1 / 8, np.float32) if rows is None else np.asarray(rows, np.float32)
    nodes = [helper.make_node("Cast", ["images"], ["faces"], to=TensorProto.FLOAT)]
    if len(answer) == 1:  # repeated for each face
        nodes += [
            helper.make_node("ReduceMean", ["faces", "axes"], ["means"], keepdims=0),
            helper.make_node("Mul", ["means", "zero"], ["zeros"]),
            helper.make_node("Reshape", ["zeros", "column"], ["zero_column"]),
            helper.make_node("Add", ["zero_column", "answer"], ["sum"]),
        ]
    else:
        nodes += [helper.make_node("Identity", ["answer"], ["sum"])]
    nodes += [_endless() if endless else helper.make_node("Identity", ["sum"], ["probabilities"])]
    constants = {
        "answer": answer,
        "axes": np.array([1, 2, 3]),
        "zero": np.array(0.0, np.float32),
        "column": np.array([-1, 1]),
        "true": np.array(True),
        "many": np.array(2**62),
    }
    pictures: list[str | int | None] = [batch, 1, side, side]
    probabilities: list[str | int | None] = ["n", int(answer.shape[1])]
    graph = helper.make_graph(
        nodes,
        "hostile",
        [helper.make_tensor_value_info("images", kind, pictures)],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, probabilities)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    told = json.loads(ModelMetadata("hostile").to_json())
    del told["heads"]  # they repeat the other fields
    helper.set_model_props(model, {METADATA_KEY: json.dumps(_merged(told, record or {}))})
    onnx.save(model, str(path))
    return path


def _merged(record: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    nested = {k: _merged(record[k], v) if isinstance(v, Mapping) and record.get(k) else v for k, v in changes.items()}
    return record | nested


def _endless() -> onnx.NodeProto:
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["again"], ["and_again"]),
            helper.make_node("Identity", ["value"], ["next"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("again", TensorProto.BOOL, []),
            helper.make_tensor_value_info("value", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("and_again", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, None),
        ],
    )
    return helper.make_node("Loop", ["many", "true", "sum"], ["probabilities"], body=body)
