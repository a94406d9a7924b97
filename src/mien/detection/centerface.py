"""CenterFace (Xu et al. 2019, trained on WIDER FACE): a detector for small, cut and half-hidden faces.

    picture → resized, padded to whole cells (1, 3, H, W) → network → maps of H/4 × W/4 cells → peaks → faces

It sees pictures of any size and upright faces from about 8 pixels; faces turned by much more than 45° it does not.
Its box reaches from the hairline to the chin, and it gives five key points.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from mien.detection.base import FaceDetection, in_reading_order, moved
from mien.errors import ModelFileError
from mien.geometry import Box, ByteArray, FaceLandmarks, FloatArray, corner_ious
from mien.runtime.devices import Device
from mien.runtime.files import sha256_of
from mien.runtime.onnx import open_session
from mien.weights import weight_path

_INPUT, _OUTPUTS = "images", ("heatmap", "size", "offset", "points")
#: Pixels a cell of the output maps, and of the deepest one, of which the input is a whole number.
_STRIDE, _DEEPEST_STRIDE = 4, 32
#: Peaks looked at in one picture, best first; a crowd of a thousand has fewer.
_MAX_PEAKS = 4096
#: A picture is first reduced by whole pixels to about so many times the wanted size, so many pixels at a time.
_REDUCING_GAP, _STRIP_PIXELS = 2.0, 2**20


class CenterFace:
    """Finds upright faces from about 8 pixels of what it is shown.

    Args:
        min_score: Faces below this confidence are left out.
        max_side: Larger pictures are shrunk to this long side first; None shows them as they are.
        path: Another ONNX file of the same network; None takes the shipped one.
        threads: Threads within one call; None leaves it to onnxruntime.
        device: What the network runs on.

    Raises:
        ModelFileError: The file is not there, or is no CenterFace.
    """

    name = "centerface"

    def __init__(
        self,
        *,
        min_score: float = 0.5,
        max_side: int | None = 1280,
        path: Path | None = None,
        threads: int | None = None,
        device: Device = "auto",
    ) -> None:
        self.min_score, self.max_side = min_score, max_side
        self._path = path or weight_path("centerface", kind="detector")
        self._session = open_session(self._path, threads=threads, device=device)
        missing = {*_OUTPUTS} - {output.name for output in self._session.get_outputs()}
        if missing:
            raise ModelFileError(f"{self._path}: not a CenterFace detector, it lacks the outputs {sorted(missing)}")

    @property
    def files(self) -> Mapping[str, str]:
        return {self.name: sha256_of(self._path)}

    def detect(self, image: ByteArray) -> tuple[FaceDetection, ...]:
        """Faces of an RGB uint8 picture (H, W, 3), from left to right."""
        scale = 1.0 if self.max_side is None else min(1.0, self.max_side / max(image.shape[:2]))
        return self.detect_at(image, scale)

    def detect_at(self, image: ByteArray, scale: float) -> tuple[FaceDetection, ...]:
        """The same, looking at the picture resized by ``scale``."""
        shown = resized(image, scale)
        below, right = (-side % _DEEPEST_STRIDE for side in shown.shape[:2])
        padded = np.pad(shown, ((0, below), (0, right), (0, 0)))
        (faces,) = self.detect_batch(padded[None])
        long_side = max(range(2), key=lambda axis: image.shape[axis])  # the side that rounding changed least
        return in_reading_order(moved(f, 0, 0, image.shape[long_side] / shown.shape[long_side]) for f in faces)

    def detect_batch(self, images: ByteArray) -> list[list[FaceDetection]]:
        """Faces of each of several pictures of the same size, best first.

        Args:
            images: RGB uint8 (N, H, W, 3); H and W are multiples of 32.
        """
        tensor = np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32)  # (N, 3, H, W) in [0, 255]
        maps = self._session.run(list(_OUTPUTS), {_INPUT: tensor})  # each (N, n, H/4, W/4), n = 1, 2, 2, 10
        return [decode(*(part[at] for part in maps), min_score=self.min_score) for at in range(len(images))]


def resized(image: ByteArray, scale: float) -> ByteArray:
    """The picture shrunk or enlarged by ``scale``, (H, W, 3), at least one pixel each way."""
    if scale == 1:
        return image
    height, width = image.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if min(size) == 1:  # Pillow cannot reduce to a single row
        return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
    # Whole pixels are averaged first, as Pillow's reducing_gap=2 does, but strip by strip: Pillow's copy of a picture
    # takes four bytes a pixel.
    across, down = max(1, int(width / size[0] / _REDUCING_GAP)), max(1, int(height / size[1] / _REDUCING_GAP))
    if max(across, down) == 1:
        return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
    small = Image.fromarray(_averaged(image, across, down))
    return np.asarray(small.resize(size, Image.Resampling.BILINEAR, box=(0, 0, width / across, height / down)))


def _averaged(image: ByteArray, across: int, down: int) -> ByteArray:
    """Means of blocks of ``down`` rows and ``across`` columns; the last ones may be smaller."""
    height, width = image.shape[:2]
    means = np.empty((-(-height // down), -(-width // across), 3), np.uint8)
    rows = max(1, _STRIP_PIXELS // (width * down))  # of the result
    for top in range(0, len(means), rows):
        strip = Image.fromarray(image[top * down : (top + rows) * down])
        means[top : top + rows] = np.asarray(strip.reduce((across, down)))
    return means


def decode(
    heatmap: FloatArray, size: FloatArray, offset: FloatArray, points: FloatArray, *, min_score: float
) -> list[FaceDetection]:
    """Faces of one picture from the network's maps, as its authors decode them, best first.

    Args:
        heatmap: (1, rows, columns), the probability that a face's center lies in the cell.
        size: (2, rows, columns), logarithm of height and width in cells.
        offset: (2, rows, columns), of the center from the cell's, down and across, in cells.
        points: (10, rows, columns), y and x of right eye, left eye, nose, right and left corner of the mouth, as
            shares of the box.
        min_score: Faces below are left out.
    """
    rows, columns = np.nonzero(heatmap[0] >= min_score)
    order = np.argsort(-heatmap[0, rows, columns], kind="stable")[:_MAX_PEAKS]
    rows, columns = rows[order], columns[order]
    scores = heatmap[0, rows, columns]  # (K,)
    extent = np.exp(size[::-1, rows, columns]).T * _STRIDE  # (K, 2) width, height in pixels
    center = (np.stack([columns, rows], axis=1) + offset[::-1, rows, columns].T + 0.5) * _STRIDE  # (K, 2)
    corners = np.stack([center - extent / 2, center + extent / 2], axis=1).astype(np.float32)  # (K, 2, 2)
    shares = points[:, rows, columns].T.reshape(-1, 5, 2)[..., ::-1]  # (K, 5, 2) as x, y
    marks = corners[:, :1] + shares * extent[:, None]
    return [_as_face(corners[at], marks[at], float(scores[at])) for at in _suppressed(corners)]


def _suppressed(corners: FloatArray, max_iou: float = 0.3) -> list[int]:
    """Rows of boxes, best first, that overlap no better one by more than ``max_iou``."""
    kept, left = [], np.arange(len(corners))
    while left.size:
        kept.append(int(left[0]))
        left = left[1:][corner_ious(corners[left[0]], corners[left[1:]]) <= max_iou]
    return kept


def _as_face(corners: FloatArray, marks: FloatArray, score: float) -> FaceDetection:
    right_eye, left_eye, nose, *mouth = marks
    points = [(float(x), float(y)) for x, y in (right_eye, left_eye, nose, np.mean(mouth, axis=0))]
    return FaceDetection(Box(*(float(value) for value in corners.ravel())), score, FaceLandmarks(*points))
