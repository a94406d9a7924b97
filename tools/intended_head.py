"""Give a finished model file a second head that answers FER2013's own labels: what a face was meant to show.

    python tools/intended_head.py DATA MODEL --out FILE

A linear layer on the pooled features that the first head reads, so that its answers cost nothing; the file's first
output stays what it was, bit for bit. The layer is fitted on the training faces as they are (features of changed faces
did worse, see docs/explanation/experiments.md), its temperature and its decision rule on the validation split.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from mien.data.dataset import FerDataset, open_dataset
from mien.evaluation.decision_rule import with_decisions
from mien.expressions import FER2013_LABELS
from mien.metadata import INPUT_NAME, INTENDED, INTENDED_OUTPUT_NAME, HeadSpec
from mien.model_file import open_model, write_model
from mien.recognition.recognizer import load_recognizer
from mien.runtime.onnx import load_onnxruntime
from mien.training.export.temperature import as_input, fit_temperature
from mien.training.refit import fit_head, labeled_faces


def features_of(model: onnx.ModelProto) -> str:
    """Name of the tensor (2 n, features) that the last dense layer reads: each face, then each mirror image."""
    dense = [node for node in model.graph.node if node.op_type == "Gemm"]
    return str(dense[-1].input[0])


def read_features(model: onnx.ModelProto, dataset: FerDataset, rows: np.ndarray) -> Tensor:
    """Features of faces and their mirror images averaged, float32 (n, features)."""
    tapped = onnx.ModelProto()
    tapped.CopyFrom(model)
    name = features_of(model)
    tapped.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    session = load_onnxruntime().InferenceSession(tapped.SerializeToString(), providers=["CPUExecutionProvider"])
    parts = []
    for start in range(0, len(rows), 256):
        faces = as_input(np.asarray(dataset.images[rows[start : start + 256]]))
        pooled = session.run([name], {INPUT_NAME: faces})[0]  # (2 n, features)
        parts.append(pooled.reshape(2, len(faces), -1).mean(axis=0))
    return torch.from_numpy(np.concatenate(parts))


def graft(model: onnx.ModelProto, layer: nn.Linear, temperature: float) -> None:
    """Add the layer, the mean over mirror images, the temperature and a softmax as a second output."""
    graph = model.graph
    constants = {
        "intended.weight": layer.weight.detach().numpy() / temperature,
        "intended.bias": layer.bias.detach().numpy() / temperature,
        "intended.halves": np.array([2, -1, len(FER2013_LABELS)], np.int64),
        "intended.axis": np.array([0], np.int64),
    }
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    graph.node.extend(
        [
            helper.make_node(
                "Gemm", [features_of(model), "intended.weight", "intended.bias"], ["intended.logits"], transB=1
            ),
            helper.make_node("Reshape", ["intended.logits", "intended.halves"], ["intended.pairs"]),
            helper.make_node("ReduceMean", ["intended.pairs", "intended.axis"], ["intended.mean"], keepdims=0),
            helper.make_node("Softmax", ["intended.mean"], [INTENDED_OUTPUT_NAME], axis=1),
        ]
    )
    shape: list[str | int | None] = ["batch", len(FER2013_LABELS)]
    graph.output.append(helper.make_tensor_value_info(INTENDED_OUTPUT_NAME, onnx.TensorProto.FLOAT, shape))
    onnx.checker.check_model(model)


def main() -> None:
    """Read the arguments, fit, write, and print the metrics on the validation split."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("model")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    dataset = open_dataset(given.data)
    model, metadata = open_model(load_recognizer(given.model).path)
    rows, labels = labeled_faces(dataset, "train")
    layer = fit_head(read_features(model, dataset, rows), labels)
    rows, labels = labeled_faces(dataset, "validation")
    with torch.no_grad():
        logits = layer(read_features(model, dataset, rows))
    temperature = fit_temperature(logits, nn.functional.one_hot(labels, len(FER2013_LABELS)).float())
    graft(model, layer, temperature)
    head = HeadSpec(INTENDED_OUTPUT_NAME, FER2013_LABELS, temperature)
    metadata = replace(metadata, heads={**metadata.heads, INTENDED: head})
    write_model(model, metadata, given.out)
    metadata = with_decisions(metadata, load_recognizer(given.out).predict_heads, dataset)
    write_model(model, metadata, given.out)
    accuracy = float((logits.argmax(dim=1) == labels).float().mean())
    print(f"{given.out}: accuracy {accuracy:.4f} on {len(labels):,} validation faces, temperature {temperature:.3f}")


if __name__ == "__main__":
    main()
