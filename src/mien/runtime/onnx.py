"""Opening ONNX files with onnxruntime, which is imported when the first one is opened, and told to tell nobody.

It does not know what a network computes.
"""

import os
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from mien.errors import ModelFileError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def load_onnxruntime() -> ModuleType:
    """onnxruntime, which else writes an identifier of the machine and a cache of events, and sends these to Microsoft.

    It looks at the variable once, when it is imported; ``ORT_DISABLE_TELEMETRY=0`` in the environment lets it.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime  # noqa: PLC0415 - a tenth of a second that `import mien` does not pay

    return onnxruntime  # type: ignore[no-any-return]


def open_session(path: Path, *, threads: int | None = None) -> "InferenceSession":
    """A session on the processor; its ``run`` may be called from several threads at once.

    Args:
        path: The ONNX file.
        threads: Threads within one call; None leaves it to onnxruntime (all cores).

    Raises:
        ModelFileError: The file is not there or is no ONNX network.
    """
    onnxruntime = load_onnxruntime()
    from onnxruntime.capi import onnxruntime_pybind11_state as ort  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what is wrong comes as an exception
    if threads is not None:
        options.intra_op_num_threads = threads
    if not path.is_file():
        raise ModelFileError(f"{path}: no such model file")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except (ort.Fail, ort.InvalidProtobuf, ort.InvalidGraph, ort.InvalidArgument, ort.NotImplemented) as err:
        raise ModelFileError(f"{path}: not a readable ONNX network ({str(err)[:200]})") from err
