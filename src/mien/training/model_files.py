"""Reading networks from exported ONNX files, to start a run from a model whose run folder is not available.

    graph → weights by layer name → layers of a new network → statistics of folded batch norms, measured → comparison

The exporter keeps the names of a network's layers. 8-bit weights are dequantized. For a batch norm that was folded into
its convolution, statistics are measured on training faces; its scale and bias then undo the normalization, so that the
network computes what the file does in evaluation, and normalizes as usual when it is trained further.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from mien.errors import CheckpointError
from mien.metadata import INPUT_NAME, OUTPUT_NAME, ModelMetadata
from mien.model_file import open_model
from mien.networks.mirrored import Mirrored
from mien.networks.registry import build_network
from mien.runtime.files import sha256_of
from mien.runtime.onnx import open_session
from mien.training.export.verification import INT8_TOLERANCE
from mien.training.heads import perceived
from mien.training.records import WeightsSource

#: Largest mean total variation distance between a file that is not in 8 bit and the network that is read from it.
_FLOAT_TOLERANCE = 1e-3
#: Suffixes that the quantizer and the float16 export add to the name of a weight.
_SUFFIXES = ("_DequantizeLinear_Output", "_half")
_LAYERS = nn.Conv2d | nn.Linear | nn.BatchNorm1d | nn.BatchNorm2d
_Norm = nn.BatchNorm1d | nn.BatchNorm2d
_Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Weights:
    """The constants of one node: ``weight`` in the layout of torch, ``rest`` the bias, mean and variance it has."""

    weight: _Array
    rest: tuple[_Array, ...]


def describe_file(path: Path) -> WeightsSource:
    """A model file in the form in which run records name it, as a start or a teacher.

    Raises:
        ModelFileError: The file does not exist, or is not a model file of mien.
    """
    _, metadata = open_model(path)
    return WeightsSource(path.name, metadata.network or "?", sha256_of(path), metadata.training.get("recipe_sha256"))


@torch.no_grad()
def read_network(path: Path, faces: Tensor) -> nn.Module:
    """The network inside a model file, in evaluation mode, as it was before its temperature and mirror averaging.

    Args:
        path: The ``.onnx`` file, of any precision.
        faces: Training faces, float32 (n, 1, 48, 48) in [0, 1]; a few thousand give good batch norm statistics.

    Raises:
        ModelFileError: The file does not exist, or is not a model file of mien.
        CheckpointError: The network has layers that cannot be read, or its probabilities differ from the file's.
    """
    model, metadata = open_model(path)
    if metadata.network is None:
        raise CheckpointError(f"{path}: its metadata do not name the network", hint="start from a run folder")
    columns = sum(len(head.labels) for head in metadata.heads.values())  # 8, or 15 with two heads
    network = build_network(metadata.network, classes=columns).eval()
    found = _with_heads_joined(_node_weights(model), metadata)
    folded = _fill(network, found, faces[:2], path)
    _measure(network, folded, faces)
    _check(network, path, metadata, faces[:256])
    return network


def _node_weights(model: onnx.ModelProto) -> dict[str, _Weights]:
    """Weights by the name of their layer, such as ``blocks.0.conv1``."""
    # a weight of a node is a stored tensor, or the output of nodes that decode one
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    producers = {name: node for node in model.graph.node for name in node.output}
    found: dict[str, _Weights] = {}
    for node in model.graph.node:
        if node.op_type not in {"Conv", "Gemm", "MatMul", "BatchNormalization"}:
            continue
        values = [_value(name, stored, producers) for name in node.input[1:]]
        layer = _layer_name(node.input[1]) if len(node.input) > 1 else None
        if layer is None or any(value is None for value in values):
            continue  # a product of two feature maps, or an average pooling that was rewritten as a convolution
        weight, *rest = [value for value in values if value is not None]
        if node.op_type in {"Gemm", "MatMul"} and not _attribute(node, "transB"):
            weight = weight.T  # torch keeps (outputs, inputs), MatMul takes (inputs, outputs)
        found.setdefault(layer, _Weights(weight, tuple(rest)))  # once, though a mirrored file may use it twice
    return found


def _with_heads_joined(found: dict[str, _Weights], metadata: ModelMetadata) -> dict[str, _Weights]:
    """The weights with heads that were added to the finished file, named as their heads, as rows of the last layer.

    Such a head has its temperature divided in already; the network's own heads have theirs outside.
    """
    added = [name for name in metadata.heads if name in found]
    if not added:
        return found
    last = [name for name in found if name not in added][-1]  # in the order of the graph
    parts = [found[last]]
    for name in added:
        scale = np.float32(metadata.heads[name].temperature)
        weight, (bias,) = found[name].weight * scale, found[name].rest
        parts.append(_Weights(weight, (bias * scale,)))
    joined = _Weights(
        np.concatenate([part.weight for part in parts]),  # (8 + 7, features)
        (np.concatenate([part.rest[0] for part in parts]),),
    )
    return {name: weights for name, weights in found.items() if name not in added} | {last: joined}


def _layer_name(weight: str) -> str | None:
    """``blocks.0.conv1`` of ``network.network.blocks.0.conv1.weight_DequantizeLinear_Output``."""
    for suffix in _SUFFIXES:
        weight = weight.removesuffix(suffix)
    if not weight.endswith(".weight"):
        return None
    while weight.startswith("network."):  # of the wrappers Probabilities and Mirrored
        weight = weight.removeprefix("network.")
    return weight.removesuffix(".weight")


def _value(
    name: str, stored: dict[str, npt.NDArray[np.generic]], producers: dict[str, onnx.NodeProto]
) -> _Array | None:
    """A constant of the graph as float32, decoded from float16 or 8 bit; None for a value that is computed."""
    if name in stored:
        return stored[name].astype(np.float32)
    node = producers.get(name)
    if node is None:
        return None
    if node.op_type in {"Cast", "Identity"}:
        return _value(node.input[0], stored, producers)
    if node.op_type != "DequantizeLinear":
        return None
    quantized, scale, *zero = [_value(part, stored, producers) for part in node.input]
    if quantized is None or scale is None:
        return None
    # value = (quantized - zero point) · scale, the zero point being 0 where it is left out
    offset = zero[0] if zero and zero[0] is not None else np.zeros_like(scale)
    if scale.ndim and scale.size > 1:  # one scale per channel, (channels,)
        axis = _attribute(node, "axis")
        shape = [1] * quantized.ndim  # broadcast along that axis; ONNX' default is 1
        shape[1 if axis is None else axis] = -1
        scale, offset = scale.reshape(shape), offset.reshape(shape)
    return ((quantized - offset) * scale).astype(np.float32)


def _attribute(node: onnx.NodeProto, name: str) -> int | None:
    return next((item.i for item in node.attribute if item.name == name), None)


def _fill(network: nn.Module, found: dict[str, _Weights], faces: Tensor, path: Path) -> list[tuple[nn.Module, _Norm]]:
    """Copy the weights into the layers; return each layer with a folded batch norm, and that norm."""
    layers = {name: layer for name, layer in network.named_modules() if isinstance(layer, _LAYERS)}
    own = {f"{name}." for name in layers}
    if other := [name for name, _ in network.named_parameters() if not any(name.startswith(part) for part in own)]:
        raise CheckpointError(f"{path}: {other[0]} cannot be read from a model file", hint="start from a run folder")
    followers = _norms_behind(network, faces)
    folded: list[tuple[nn.Module, _Norm]] = []
    for name, layer in layers.items():
        if isinstance(layer, _Norm) and name not in found and layer in followers.values():
            continue  # folded: treated together with the layer before it
        if name not in found or found[name].weight.shape != tuple(layer.weight.shape):
            raise CheckpointError(f"{path}: holds no weights for {name}", hint="start from a run folder")
        _copy(layer.weight, found[name].weight)
        rest = found[name].rest
        if isinstance(layer, _Norm):
            _copy_norm(layer, rest)
            continue
        bias = rest[0] if rest else np.zeros(len(layer.weight), np.float32)  # exporters leave out a bias of zeros
        norm = followers.get(layer)
        if norm is not None and not any(found_name in found for found_name in _names_of(network, norm)):
            folded.append((layer, norm))
            _make_neutral(norm, bias=bias)
            if layer.bias is not None:
                layer.bias.zero_()  # the norm adds it
        elif layer.bias is not None:
            _copy(layer.bias, bias)
    return folded


def _names_of(network: nn.Module, module: nn.Module) -> Iterator[str]:
    return (name for name, other in network.named_modules() if other is module)


def _copy(parameter: Tensor, values: _Array) -> None:
    parameter.copy_(torch.from_numpy(np.ascontiguousarray(values)))


def _copy_norm(norm: _Norm, rest: tuple[_Array, ...]) -> None:
    """A batch norm that the file kept: bias, mean and variance."""
    for target, values in zip((norm.bias, norm.running_mean, norm.running_var), rest, strict=True):
        assert target is not None  # noqa: S101 - all of ours keep statistics
        _copy(target, values)


def _make_neutral(norm: _Norm, *, bias: _Array) -> None:
    """A norm that computes x + ``bias``."""
    norm.weight.fill_(1)
    _copy(norm.bias, bias)
    if norm.running_mean is not None and norm.running_var is not None:
        norm.running_mean.zero_()
        norm.running_var.fill_(1 - norm.eps)  # so that the denominator, sqrt(var + eps), is 1


def _norms_behind(network: nn.Module, faces: Tensor) -> dict[nn.Module, _Norm]:
    """For each convolution and dense layer the batch norm that reads its output, found in one forward pass."""
    # Tensors are compared by identity. The list keeps them alive: a freed tensor's identity could be used again.
    outputs: list[tuple[Tensor, nn.Module]] = []
    found: dict[nn.Module, _Norm] = {}

    def after(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, _Norm):
            found.update({layer: module for tensor, layer in outputs if tensor is given[0]})
        else:
            outputs.append((output, module))

    hooks = [layer.register_forward_hook(after) for layer in network.modules() if isinstance(layer, _LAYERS)]
    network(faces)
    for hook in hooks:
        hook.remove()
    return found


def _measure(network: nn.Module, folded: list[tuple[nn.Module, _Norm]], faces: Tensor) -> None:
    """Measure the input statistics of folded norms, and set scale and bias so that they still compute x + bias."""
    # sum, sum of squares and count by channel, (3, channels), in float64 since the squares are differenced below
    sums = {norm: torch.zeros(3, norm.num_features, dtype=torch.float64) for _, norm in folded}

    def after(norm: nn.Module, given: tuple[Tensor, ...], _: Tensor) -> None:
        features = given[0].double().transpose(0, 1).flatten(1)  # (channels, n · positions)
        count = torch.full((len(features),), features.shape[1])
        sums[norm] += torch.stack([features.sum(1), features.square().sum(1), count])  # type: ignore[index]

    # one pass for all norms: each still computes x + bias, so that no input depends on another norm's statistics
    hooks = [norm.register_forward_hook(after) for _, norm in folded]
    for batch in torch.split(faces, 256):
        network(batch)
    for hook in hooks:
        hook.remove()
    for norm, (total, squares, count) in sums.items():
        mean = total / count
        variance = (squares / count - mean.square()).clamp(min=0)  # E[x²] - E[x]², which rounding may take below 0
        # (x - mean) / sqrt(var + eps) · sqrt(var + eps) + mean + bias = x + bias
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.add_(mean)
        if norm.running_mean is not None and norm.running_var is not None:
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)


def _check(network: nn.Module, path: Path, metadata: ModelMetadata, faces: Tensor) -> None:
    """Refuse a network whose probabilities differ from its file's."""
    as_exported = Mirrored(network) if metadata.training.get("mirrored") else network
    answers = (perceived(as_exported(faces)) / metadata.temperature).softmax(dim=1).numpy()  # (n, 8)
    session = open_session(path, threads=torch.get_num_threads())
    expected = session.run([OUTPUT_NAME], {INPUT_NAME: faces.numpy()})[0]
    apart = float(np.abs(answers - expected).sum(axis=1).mean() / 2)  # mean total variation distance
    allowed = INT8_TOLERANCE if metadata.training.get("file_precision") == "int8" else _FLOAT_TOLERANCE
    if not apart <= allowed:  # NaN is refused too
        raise CheckpointError(
            f"{path}: the network that was read differs from the file by {apart:.3f} in total variation, at most "
            f"{allowed:g} is allowed",
            hint="start from a run folder, or export the file again with this version",
        )
