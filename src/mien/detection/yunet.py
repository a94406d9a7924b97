"""YuNet (Wu et al. 2023) from the user's own ONNX file, run by onnxruntime.

Its weights do not ship with the package; the file is OpenCV Zoo's, with a free input size.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from mien.detection.base import FaceDetection, in_reading_order, merge_overlapping, moved
from mien.errors import ModelFileError
from mien.geometry import Box, ByteArray, FaceLandmarks, FloatArray
from mien.runtime.devices import Device
from mien.runtime.files import sha256_of
from mien.runtime.onnx import open_session

_STRIDES = (8, 16, 32)
_KINDS = ("cls", "obj", "bbox", "kps")


class YuNet:
    """Finds faces from about 10 pixels, with five key points.

    Args:
        path: The ONNX file.
        min_score: Faces below this confidence are left out.
        max_side: Larger pictures are shrunk to this long side first.
        threads: Threads within one call; None leaves it to onnxruntime.
        device: What the network runs on.

    Raises:
        ModelFileError: The file is not there, or is no YuNet.
    """

    name = "yunet"

    def __init__(
        self,
        path: Path,
        *,
        min_score: float = 0.7,
        max_side: int = 1280,
        threads: int | None = None,
        device: Device = "auto",
    ) -> None:
        self._path, self._session = path, open_session(path, threads=threads, device=device)
        self._outputs = [f"{kind}_{stride}" for stride in _STRIDES for kind in _KINDS]
        missing = set(self._outputs) - {output.name for output in self._session.get_outputs()}
        if missing:
            raise ModelFileError(f"{path}: not a YuNet face detector, it lacks the outputs {sorted(missing)}")
        self._input = self._session.get_inputs()[0].name
        self.min_score, self.max_side = min_score, max_side

    @property
    def files(self) -> Mapping[str, str]:
        return {self.name: sha256_of(self._path)}

    def detect(self, image: ByteArray) -> tuple[FaceDetection, ...]:
        """Faces of an RGB uint8 picture (H, W, 3), from left to right."""
        scale = min(1.0, self.max_side / max(image.shape[:2]))
        tensor = _bgr_tensor(image, scale)  # (1, 3, H, W), H and W whole multiples of 32
        outputs = self._session.run(self._outputs, {self._input: tensor})
        faces: list[FaceDetection] = []
        for position, stride in enumerate(_STRIDES):
            # each is (cells, n), n of the kinds in order: 1, 1, 4, 10
            level = [output[0] for output in outputs[4 * position : 4 * position + 4]]
            faces += decode_level(*level, stride=stride, columns=tensor.shape[3] // stride, min_score=self.min_score)
        return in_reading_order(moved(face, 0, 0, 1 / scale) for face in merge_overlapping(faces))


def _bgr_tensor(image: ByteArray, scale: float) -> FloatArray:
    """(1, 3, H, W) in [0, 255], blue first, padded with black to whole cells on the right and below."""
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    picture = Image.fromarray(image)
    small = np.asarray(picture if scale == 1 else picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
    below, right = -small.shape[0] % 32, -small.shape[1] % 32
    padded = np.pad(small, ((0, below), (0, right), (0, 0)))
    return np.ascontiguousarray(padded[..., ::-1].transpose(2, 0, 1)[None], np.float32)


def decode_level(
    classes: FloatArray,
    objects: FloatArray,
    boxes: FloatArray,
    points: FloatArray,
    *,
    stride: int,
    columns: int,
    min_score: float,
) -> list[FaceDetection]:
    """Faces of one level of cells, as OpenCV's FaceDetectorYN decodes them.

    Args:
        classes: (cells, 1) probability of a face.
        objects: (cells, 1) probability that the box fits; the score is the geometric mean of both.
        boxes: (cells, 4) center relative to the cell and logarithm of the size, in strides.
        points: (cells, 10) right eye, left eye, nose, right and left corner of the mouth, in strides.
        stride: Pixels a cell.
        columns: Cells in a row.
        min_score: Faces below are left out.
    """
    scores = np.sqrt(np.clip(classes[:, 0], 0, 1) * np.clip(objects[:, 0], 0, 1))
    faces = []
    for cell in np.flatnonzero(scores >= min_score):
        corner = np.array([cell % columns, cell // columns], np.float32)
        x, y = (corner + boxes[cell, :2]) * stride
        width, height = np.exp(boxes[cell, 2:]) * stride
        right_eye, left_eye, nose, *mouth = (corner + points[cell].reshape(5, 2)) * stride
        marks = [(float(px), float(py)) for px, py in (right_eye, left_eye, nose, np.mean(mouth, axis=0))]
        box = Box(*map(float, (x - width / 2, y - height / 2, x + width / 2, y + height / 2)))
        faces.append(FaceDetection(box, float(scores[cell]), FaceLandmarks(*marks)))
    return faces
