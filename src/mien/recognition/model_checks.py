"""Validation of untrusted model files: the metadata, the network's inputs and outputs, and each result."""

from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.errors import ModelFileError
from mien.metadata import INPUT_NAME, HeadSpec, ModelMetadata
from mien.runtime.onnx import OnnxSession

#: Sides of faces in pixels that a network may read.
_SIZES = (8, 1024)
#: Allowed deviation of a row's sum from 1 and of a probability from [0, 1]: 8-bit networks round.
_TOLERANCE = 1e-3


def check_metadata(metadata: ModelMetadata, path: Path) -> None:
    """Refuse metadata with values out of range.

    Raises:
        ModelFileError: File and field are named.
    """
    for field, value, wanted, fits in _fields(metadata):
        if not fits:
            raise _wrong(path, field, value, wanted)
    for name, head in metadata.heads.items():
        field = "labels" if name == "perceived" else f"heads.{name}.labels"
        labels = [str(label) for label in head.labels]
        if not labels or len(set(labels)) != len(labels):
            raise _wrong(path, field, labels, "different labels")


def _fields(metadata: ModelMetadata) -> Iterator[tuple[str, object, str, bool]]:
    """Each field with its value, the expected range as text, and whether the value is in it."""
    spec = metadata.input
    smallest, largest = _SIZES
    yield (
        "input.size",
        spec.size,
        f"a whole number from {smallest} to {largest}",
        (_is_whole(spec.size) and smallest <= spec.size <= largest),
    )
    yield "input.channels", spec.channels, "1", _is_whole(spec.channels) and spec.channels == 1
    in_order = _is_number(spec.low) and _is_number(spec.high) and spec.low < spec.high
    yield "input.low, input.high", (spec.low, spec.high), "two finite numbers in order", in_order
    yield (
        "upright_from_deg",
        metadata.upright_from_deg,
        "an angle from 0 to 360",
        (_is_number(metadata.upright_from_deg) and 0 <= metadata.upright_from_deg <= 360),
    )
    for name, head in metadata.heads.items():
        field = "temperature" if name == "perceived" else f"heads.{name}.temperature"
        yield field, head.temperature, "a finite number above 0", _is_number(head.temperature) and head.temperature > 0
    for detector, frame in metadata.frames.items():
        sides = (frame.x, frame.y, frame.width, frame.height)
        # crop_box divides by width and height: the bounds keep the crop below 20 times the box
        fits = all(_is_number(side) and abs(side) <= 10 for side in sides) and min(frame.width, frame.height) >= 0.05
        yield f"frames.{detector}", sides, "x, y, width and height as parts of the frame's side", fits


def check_network(session: OnnxSession, metadata: ModelMetadata, path: Path) -> None:
    """Refuse a network whose input and outputs are not those of its metadata.

    Raises:
        ModelFileError: File and field are named.
    """
    nodes = [*session.get_inputs(), *session.get_outputs()]
    names, expected = [node.name for node in nodes], [INPUT_NAME, *(head.output for head in metadata.heads.values())]
    if names != expected:
        raise ModelFileError(f"{path}: input and outputs are {names}, expected {expected}")
    shapes = [metadata.input.shape, *((len(head.labels),) for head in metadata.heads.values())]
    for node, shape in zip(nodes, shapes, strict=True):
        if node.type != "tensor(float)":
            raise _wrong(path, f"type of {node.name}", node.type, "tensor(float)")
        if len(node.shape) != len(shape) + 1:
            raise _wrong(path, f"shape of {node.name}", node.shape, f"{len(shape) + 1} axes")
        if isinstance(node.shape[0], int):  # a name or None is a free axis
            raise _wrong(path, f"batch of {node.name}", node.shape[0], "any number of faces")
        for stated, wanted in zip(node.shape[1:], shape, strict=True):
            if isinstance(stated, int) and stated != wanted:
                raise _wrong(
                    path, f"shape of {node.name}", node.shape, f"(N, {', '.join(map(str, shape))}) by its record"
                )


def check_probabilities(rows: npt.NDArray[Any], faces: int, head: HeadSpec, path: Path) -> None:
    """Refuse results that are not probabilities.

    Args:
        rows: Values of an output, (faces, labels).
        faces: Number of faces in the input.
        head: Metadata of the output.
        path: The model file.

    Raises:
        ModelFileError: File, output and the invalid values are named.
    """
    expected = (faces, len(head.labels))
    if rows.shape != expected:
        raise _wrong(path, f"output {head.output}", f"an array of shape {rows.shape}", f"{expected} for {faces} faces")
    if not np.isfinite(rows).all():  # first, since comparisons with NaN below are all False
        raise _wrong(path, f"output {head.output}", "values that are not finite", "probabilities")
    if rows.size and (rows.min() < -_TOLERANCE or rows.max() > 1 + _TOLERANCE):
        raise _wrong(path, f"output {head.output}", f"values in [{rows.min():g}, {rows.max():g}]", "[0, 1]")
    sums = rows.sum(axis=1)
    if rows.size and np.abs(sums - 1).max() > _TOLERANCE:
        raise _wrong(path, f"output {head.output}", f"rows that sum to {sums[np.abs(sums - 1).argmax()]:g}", "1")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)  # JSON's true is Python's 1


def _wrong(path: Path, field: str, value: object, wanted: str) -> ModelFileError:
    return ModelFileError(
        f"{path}: {field} is {str(value)[:100]}, expected {wanted}", hint="export the model again with mien export"
    )
