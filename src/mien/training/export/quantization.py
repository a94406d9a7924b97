"""Static quantization to 8 bit: weights per channel, activations by their ranges on training faces."""

import io
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import onnx

from mien.geometry import FloatArray
from mien.runtime.onnx import load_onnxruntime
from mien.training.export.onnx_passes import rewrite_poolings

#: All operators on feature maps. The softmax stays in float32: in 8 bit no probability is below 1/256, which the KL to
#: the votes punishes (docs/explanation/experiments.md, "Eight bits").
_OPERATORS = ["Conv", "Gemm", "MatMul", "Add", "Mul", "Relu", "AveragePool", "GlobalAveragePool", "MaxPool"]
#: Activations are clipped at this percentile of those of the calibration faces.
_PERCENTILE = 99.999
_BATCH = 64


def quantize(model: onnx.ModelProto, faces: FloatArray) -> onnx.ModelProto:
    """The same network with 8-bit weights and activations (onnxruntime's static quantization).

    Args:
        model: Float32, with one input.
        faces: A few hundred training faces, float32 (n, channels, size, size) in the input's range.
    """
    load_onnxruntime()
    from onnxruntime.quantization import (  # noqa: PLC0415 - after telemetry was disabled
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()), _without_advice():
        source, prepared, target = (Path(folder) / name for name in ("source.onnx", "prepared.onnx", "target.onnx"))
        onnx.save(rewrite_poolings(model), source)
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(target),
            _Faces(model.graph.input[0].name, faces),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            # 7-bit weights: processors without VNNI add pairs of products in 16 bits, which 8-bit weights overflow
            reduce_range=True,
            op_types_to_quantize=_OPERATORS,
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": _PERCENTILE},
        )
        return onnx.load(target)


@contextmanager
def _without_advice() -> Iterator[None]:
    """Silence the root logger, through which onnxruntime advises on preprocessing that was already done."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)


class _Faces:
    """A ``CalibrationDataReader`` of onnxruntime: batches of faces by the name of the input."""

    def __init__(self, name: str, faces: FloatArray) -> None:
        # percentile calibration needs batches of equal size; a smaller last one is left out
        size = min(_BATCH, len(faces))
        self._batches: Iterator[dict[str, Any]] = (
            {name: faces[start : start + size]} for start in range(0, len(faces) - size + 1, size)
        )

    def get_next(self) -> dict[str, Any] | None:
        """The next batch, None at the end."""
        return next(self._batches, None)
