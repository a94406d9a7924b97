"""From a run folder to ``model.onnx``: probabilities out, metadata inside, checked against the network it came from.

It does not know how the file is used.
"""

import logging
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn

from mien.errors import ExportMismatchError
from mien.metadata import METADATA_KEY, InputSpec, ModelMetadata
from mien.preprocessing import DEFAULT_FRAMES, UPRIGHT_FROM_DEG
from mien.sessions import load_onnxruntime
from mien.storage import atomic_file
from mien.training.trained import load_network
from mien.version import __version__

#: Largest difference of a probability between the file and the network, and where weights are rounded to float16.
TOLERANCE, HALF_TOLERANCE = 1e-5, 5e-3
INPUT, OUTPUT = "images", "probabilities"
LICENCE = "Apache-2.0; trained on FER2013 and FER+, whose images are for research"
_OPSET = 18


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was written: the file, its size and the largest difference found against the network."""

    path: Path
    bytes: int
    largest_difference: float
    metadata: ModelMetadata


class _Probabilities(nn.Module):
    """The network with its temperature and softmax: the whole contract of the file."""

    def __init__(self, network: nn.Module, temperature: float) -> None:
        super().__init__()
        self.network, self.temperature = network, temperature

    def forward(self, images: Tensor) -> Tensor:
        probabilities: Tensor = (self.network(images) / self.temperature).softmax(dim=1)
        return probabilities


def export_run(
    run: Path,
    out: Path,
    *,
    name: str | None = None,
    temperature: float = 1.0,
    scores: Mapping[str, Any] | None = None,
    half: bool = False,
    mirror: bool = False,
) -> ExportResult:
    """Export the best weights of a run.

    Args:
        run: The run folder.
        out: The ``.onnx`` file to write, all or nothing.
        name: Name in the metadata; the network's by default.
        temperature: By which logits are divided; fitted on the validation split.
        scores: Figures to carry along.
        half: Store the weights as float16: half the size; they are widened when the file is loaded.
        mirror: Average each face with its mirror image inside the file: better, and twice the work.

    Raises:
        CheckpointError: ``run`` is no run folder, or its weights are damaged.
        ExportMismatchError: The file gives other probabilities than the network.
        StorageError: ``out`` cannot be written.
    """
    network, record = load_network(run, mirror=mirror)
    metadata = ModelMetadata(
        name=name or record["config"]["model"],
        frames=DEFAULT_FRAMES,
        upright_from_deg=UPRIGHT_FROM_DEG,
        temperature=temperature,
        training={key: record[key] for key in ("config", "recipe_sha256", "data", "versions", "precision")}
        | {"epoch": record["best"]["epoch"], "mirrored": mirror},
        scores=dict(scores or {}),
        version=__version__,
        licence=LICENCE,
    )
    return export_onnx(network, out, metadata=metadata, half=half)


def export_onnx(network: nn.Module, out: Path, *, metadata: ModelMetadata, half: bool = False) -> ExportResult:
    """Write ``network`` as an ONNX file that maps images to probabilities, for any batch size.

    Raises:
        ExportMismatchError: Probabilities differ by more than 1e-5 (5e-3 with ``half``) on random or degenerate images.
        StorageError: ``out`` cannot be written.
    """
    wrapped = _Probabilities(network, metadata.temperature).eval()
    model = _trace(wrapped, metadata.input)
    if half:
        _store_as_half(model)
    onnx.helper.set_model_props(model, {METADATA_KEY: metadata.to_json()})
    content = model.SerializeToString()
    difference = _largest_difference(wrapped, content, metadata.input)
    allowed = HALF_TOLERANCE if half else TOLERANCE
    if not difference <= allowed:
        raise ExportMismatchError(
            f"{out}: the exported file differs from the network by {difference:.2e}, at most {allowed:.0e} is allowed",
            hint="nothing was written; this is a fault of the exporter or of a layer it does not know",
        )
    with atomic_file(out) as temporary:
        temporary.write_bytes(content)
    return ExportResult(out, len(content), difference, metadata)


def probe_images(spec: InputSpec, *, count: int = 64) -> npt.NDArray[np.float32]:
    """Random images and degenerate ones (black, white, gray, one bright pixel), float32 (count + 4, 1, size, size)."""
    random = np.random.default_rng(0).uniform(spec.low, spec.high, (count, *spec.shape))
    flat = [np.full(spec.shape, value) for value in (spec.low, spec.high, (spec.low + spec.high) / 2)]
    spot = np.full(spec.shape, spec.low)
    spot[:, 0, 0] = spec.high
    return np.concatenate([random, np.stack([*flat, spot])]).astype(np.float32)


def _trace(wrapped: nn.Module, spec: InputSpec) -> onnx.ModelProto:
    example = torch.rand(2, *spec.shape)
    batch = torch.export.Dim("batch", min=1)
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # the exporter deprecates parts of itself while it runs,
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # and misses torchvision, which nothing here needs
        path = Path(folder) / "traced.onnx"
        program = torch.onnx.export(
            wrapped,
            (example,),
            dynamo=True,
            opset_version=_OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: batch},),
            verbose=False,
        )
        if program is None:
            raise ExportMismatchError(
                "the exporter gave no program", hint="report the network and the version of torch"
            )
        program.save(str(path), external_data=False)
        return onnx.load(path)


def _largest_difference(wrapped: nn.Module, content: bytes, spec: InputSpec) -> float:
    images = probe_images(spec)
    session = load_onnxruntime().InferenceSession(content, providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = wrapped(torch.from_numpy(images)).numpy()
    one_by_one = np.concatenate([session.run([OUTPUT], {INPUT: image[None]})[0] for image in images[-8:]])
    together = session.run([OUTPUT], {INPUT: images})[0]
    return float(max(np.abs(together - expected).max(), np.abs(one_by_one - expected[-8:]).max()))


def _store_as_half(model: onnx.ModelProto) -> None:
    """Store weight tensors as float16 with a cast behind each, which runtimes fold away when they load the file."""
    graph = model.graph
    casts = []
    for tensor in list(graph.initializer):
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim < 2:
            continue
        graph.initializer.remove(tensor)
        stored = f"{tensor.name}_half"
        graph.initializer.append(onnx.numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(onnx.helper.make_node("Cast", [stored], [tensor.name], to=onnx.TensorProto.FLOAT))
    for node in reversed(casts):
        graph.node.insert(0, node)
    for value in [v for v in graph.value_info if v.name in {name for node in casts for name in node.output}]:
        graph.value_info.remove(value)
