"""What the tests of this folder share: votes, selections, and a model that answers from the pixels."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mien.data.protocols import Selection, TargetKind
from mien.evaluation.metrics import FloatArray
from mien.metadata import METADATA_KEY, ModelMetadata


class PixelModel:
    """Probabilities from eight pixels of the picture; counts how many pictures it was shown."""

    def __init__(self) -> None:
        self.seen = 0

    def predict_proba(self, images: np.ndarray) -> np.ndarray:
        self.seen += len(images)
        logits = images[:, 0, :8, 0].astype(np.float32) / 64
        exponent = np.exp(logits - logits.max(axis=1, keepdims=True))
        return exponent / exponent.sum(axis=1, keepdims=True)


def random_votes(rng: np.random.Generator, n: int, classes: int = 8) -> FloatArray:
    """Ten votes an image over a few of the classes, as shares."""
    return rng.multinomial(10, rng.dirichlet(np.full(classes, 0.4), n)) / 10.0


def selection(targets: FloatArray, kind: TargetKind, protocol: str = "made") -> Selection:
    return Selection(protocol, "test", kind, np.arange(len(targets)), targets)


def write_model(path: Path) -> None:
    """A model file whose answers are the softmax of one matrix product of the pixels."""
    matrix = np.random.default_rng(5).normal(0, 0.1, (48 * 48, 8)).astype(np.float32)
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 1, 48, 48])
    probabilities = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 8])
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(nodes, "made", [images], [probabilities], [numpy_helper.from_array(matrix, "matrix")])
    file = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(file, {METADATA_KEY: ModelMetadata(name="made").to_json()})
    onnx.save(file, path)
