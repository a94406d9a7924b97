"""Model files, checkpoints and records of runs."""

import json
import random
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from mien.metadata import METADATA_KEY, ModelMetadata
from mien.recognition.recognizer import Recognizer
from tests.fuzz.mutation import anywhere, in_json
from tests.fuzz.reader import Reader, of_file
from tests.fuzz.tables import in_json_lines, in_table
from tests.small_models import write_model

#: The last epoch's number of a run that is resumed.
_EPOCHS = 3


def readers() -> Iterator[tuple[str, Reader]]:
    """Model files, and where torch is installed what training leaves."""
    yield "model file", of_file(_model, in_network, _answers, memory_bytes=2 << 30)
    yield "checkpoint", Reader(_half_done, _change_checkpoint, _resume, memory_bytes=4 << 30)
    yield "run record", Reader(_half_done, _change_record, _resume, memory_bytes=4 << 30)


def _model(folder: Path) -> Path:
    return write_model(folder / "m.onnx", ModelMetadata("small"))


def _answers(path: Path) -> bytes:
    rows = Recognizer(path, threads=1).predict_proba(np.full((2, 48, 48), 0.5, np.float32))
    assert rows.shape == (2, 8)
    assert np.isfinite(rows).all()
    assert np.allclose(rows.sum(axis=1), 1, atol=2e-3)
    return rows.tobytes()


def in_network(content: bytes, rng: random.Random) -> bytes:
    """One to three fields of the graph or of its record changed, and the file written anew."""
    model = onnx.load_from_string(content)
    for _ in range(rng.randint(1, 3)):
        rng.choice((_in_record, _in_record, _in_weights, _in_node, _in_interface, _in_header))(model, rng)
    return bytes(model.SerializeToString())


def _in_record(model: onnx.ModelProto, rng: random.Random) -> None:
    told = {prop.key: prop.value for prop in model.metadata_props}
    try:
        told[METADATA_KEY] = (
            json.dumps(in_json(json.loads(told[METADATA_KEY]), rng)).encode("utf-8", "replace").decode()
        )
    except (KeyError, ValueError):
        told[rng.choice((METADATA_KEY, "other"))] = rng.choice(("", "{", "[" * 5000, "null", "1e999"))
    helper.set_model_props(model, told)


def _in_weights(model: onnx.ModelProto, rng: random.Random) -> None:
    tensor = rng.choice(model.graph.initializer)
    if rng.random() < 0.6 and tensor.raw_data:
        value = struct.pack("<f", rng.choice((float("nan"), float("inf"), -1e38, 1e38, 0.0)))
        content = bytearray(tensor.raw_data)
        for _ in range(rng.choice((1, len(content) // 4))):
            at = rng.randrange(len(content) // 4) * 4
            content[at : at + 4] = value
        tensor.raw_data = bytes(content)
    elif rng.random() < 0.5 and tensor.dims:
        tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice((0, -1, 1, 7, 2**31, 2**62))
    else:
        tensor.data_type = rng.randrange(24)


def _in_node(model: onnx.ModelProto, rng: random.Random) -> None:
    node = rng.choice(model.graph.node)
    match rng.randrange(4):
        case 0:
            node.op_type = rng.choice(
                ("Softmax", "Flatten", "MatMul", "Exp", "Nothing", "Loop", "Gemm", "Tile", "Shape")
            )
        case 1 if node.input:
            node.input[rng.randrange(len(node.input))] = rng.choice(("", "images", "weights", "absent", *node.output))
        case 2 if node.attribute:
            rng.choice(node.attribute).i = rng.choice((0, -1, 1, 5, 2**62, -(2**62)))
        case _:
            node.output[0] = rng.choice(("", "images", "probabilities", "other"))


def _in_interface(model: onnx.ModelProto, rng: random.Random) -> None:
    value = rng.choice((*model.graph.input, *model.graph.output))
    kind = value.type.tensor_type
    match rng.randrange(4):
        case 0:
            value.name = rng.choice(("images", "probabilities", "", "x" * 5000))
        case 1:
            kind.elem_type = rng.randrange(24)
        case 2 if kind.shape.dim:
            rng.choice(kind.shape.dim).dim_value = rng.choice((0, -1, 1, 3, 49, 2**40))
        case _:
            kind.shape.dim.add().dim_value = rng.choice((1, 2))


def _in_header(model: onnx.ModelProto, rng: random.Random) -> None:
    match rng.randrange(4):
        case 0:
            model.ir_version = rng.choice((0, 1, 9, 2**40))
        case 1:
            model.opset_import[0].version = rng.choice((0, 1, 7, 17, 10**6))
        case 2:
            model.opset_import[0].domain = "com.example"
        case _:
            tensor = rng.choice(model.graph.initializer)
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            entry = tensor.external_data.add()
            entry.key, entry.value = "location", rng.choice(("/etc/passwd", "../a.bin", "m.onnx", ""))


def _half_done(folder: Path) -> Path:
    """A run that has one epoch to go, and its data."""
    from mien.training.history import EpochMetrics
    from mien.training.progress import Silent
    from tests.fuzz.tables import _prepared

    class Stopped(Silent):
        def finished_epoch(self, metrics: EpochMetrics) -> None:
            if metrics.epoch == _EPOCHS - 1:
                raise KeyboardInterrupt

    _prepared(folder)
    try:
        _train(folder / "run", listener=Stopped(), precision="32-true")
    except KeyboardInterrupt:
        return folder / "run"
    raise AssertionError("it was not stopped")


def _train(run: Path, **options: Any) -> None:
    import torch

    from mien.data.dataset import open_dataset
    from mien.training.config import TrainingConfig
    from mien.training.run import train

    torch.set_num_threads(1)
    sys.modules["matplotlib"] = None  # type: ignore[assignment] # drawing curves takes longer than all the rest
    config = TrainingConfig(
        network="tiny", target="soft", monitor="kl", epochs=_EPOCHS, batch_size=4, learning_rate=0.01, ema_decay=0.9,
        schedule="cosine",
    )  # fmt: skip
    train(config, open_dataset(run.parent / "data"), run, **options)


def _resume(run: Path) -> Any:
    from mien.training.runs import RunFolder

    _train(run, resume=True)
    folder = RunFolder(run)
    folder.read_history()
    network = folder.load_network()
    return {name: value.numpy().tobytes() for name, value in network.state_dict().items()}


def _change_checkpoint(run: Path, rng: random.Random, is_in_fields: bool) -> None:
    from mien.training.checkpoints import load_state, save_state

    path = run / rng.choice(("last.pt", "last.pt", "best.pt"))
    if not is_in_fields:
        path.write_bytes(anywhere(path.read_bytes(), rng))
        return
    state: Any = in_json(load_state(path), rng)
    if isinstance(state, dict):
        save_state(state, path)  # with a checksum that fits
    else:
        import torch

        torch.save(state, path)


def _change_record(run: Path, rng: random.Random, is_in_fields: bool) -> None:
    path = run / rng.choice(("run.json", "run.json", "history.csv"))
    if path.suffix == ".csv":
        path.write_bytes((in_table if is_in_fields else anywhere)(path.read_bytes(), rng))
        return
    path.write_bytes((in_json_lines if is_in_fields else anywhere)(path.read_bytes(), rng))
