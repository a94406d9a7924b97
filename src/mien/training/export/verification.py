"""Comparing the probabilities of a model file with those of the network that it was exported from."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from mien.geometry import FloatArray
from mien.metadata import INPUT_NAME, InputSpec, ModelMetadata
from mien.runtime.onnx import load_onnxruntime
from mien.training.export.temperature import as_input

#: Largest mean total variation distance between a network and its file in 8 bit, whose activations are quantized too.
INT8_TOLERANCE = 0.03
_BATCH = 256


class FileContent:
    """The content of a model file, run without writing it; a predictor for evaluation.

    Args:
        content: The file's bytes.
        output: Name of the output to read.
    """

    def __init__(self, content: bytes, output: str) -> None:
        self._session = load_onnxruntime().InferenceSession(content, providers=["CPUExecutionProvider"])
        self._output = output

    def run(self, images: FloatArray, *, batch: int = _BATCH) -> FloatArray:
        """Probabilities float32 (n, classes) for network input float32 (n, 1, 48, 48), ``batch`` at a time."""
        parts = [images[at : at + batch] for at in range(0, len(images), batch)]
        return np.concatenate([self._session.run([self._output], {INPUT_NAME: part})[0] for part in parts])

    def predict_proba(self, images: npt.NDArray[np.uint8]) -> FloatArray:
        """Probabilities float32 (n, classes) for gray faces, uint8 (n, 48, 48, 1)."""
        return self.run(as_input(images))


def probe_images(spec: InputSpec, *, count: int = 64) -> npt.NDArray[np.float32]:
    """Random images and degenerate ones (black, white, gray, one bright pixel), float32 (count + 4, 1, size, size)."""
    random = np.random.default_rng(0).uniform(spec.low, spec.high, (count, *spec.shape))
    flat = [np.full(spec.shape, value) for value in (spec.low, spec.high, (spec.low + spec.high) / 2)]
    spot = np.full(spec.shape, spec.low)
    spot[:, 0, 0] = spec.high
    return np.concatenate([random, np.stack([*flat, spot])]).astype(np.float32)


def largest_difference(wrapped: nn.Module, content: bytes, metadata: ModelMetadata) -> float:
    """The largest difference of any probability of any head on :func:`probe_images`, in batches and one by one."""
    images = probe_images(metadata.input)
    found = 0.0
    for head, expected in zip(metadata.heads.values(), _expected(wrapped, images), strict=True):
        file = FileContent(content, head.output)
        # a wrongly traced batch axis shows when the same faces come one by one
        one_by_one, together = file.run(images[-8:], batch=1), file.run(images)
        found = max(found, np.abs(together - expected).max(), np.abs(one_by_one - expected[-8:]).max())
    return float(found)


def total_variation(
    wrapped: nn.Module, content: bytes, metadata: ModelMetadata, faces: FloatArray
) -> tuple[float, float]:
    """The mean total variation distance on ``faces``, of the head where it is larger, and the largest difference."""
    means, largest = [], []
    for head, expected in zip(metadata.heads.values(), _expected(wrapped, faces), strict=True):
        apart = np.abs(FileContent(content, head.output).run(faces) - expected)
        means.append(float(apart.sum(axis=1).mean() / 2))  # half the L1 distance of each face
        largest.append(float(apart.max()))
    return max(means), max(largest)


@torch.no_grad()
def _expected(wrapped: nn.Module, images: FloatArray) -> Sequence[FloatArray]:
    """The network's probabilities, an array (n, labels) for each head."""
    batches = [wrapped(batch) for batch in torch.split(torch.from_numpy(images), _BATCH)]
    return [torch.cat(parts).numpy() for parts in zip(*batches, strict=True)]
