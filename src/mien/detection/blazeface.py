"""BlazeFace, "back camera" (Bazarevsky et al. 2019): a fast detector of large faces; its weights are in the package.

    picture → letterbox (256, 256, 3) → network → 896 × (box, six points), 896 × score → clusters → faces

It sees a picture as 256 × 256 pixels and finds faces from 6 % of that; ``multiscale.py`` handles smaller ones.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from mien.detection.base import FaceDetection, in_reading_order, moved
from mien.detection.traits import SearchTraits
from mien.geometry import Box, ByteArray, FaceLandmarks, FloatArray, corner_ious
from mien.runtime.devices import Device
from mien.runtime.files import sha256_of
from mien.runtime.onnx import open_session
from mien.weights import weight_path

_SIDE = 256
#: Stride of each layer of anchors; every cell of a layer has two anchors (MediaPipe's SSD options, back model).
_STRIDES = (16, 32, 32, 32)
_ANCHORS_PER_CELL = 2
#: From this long side a picture is thinned out before it is averaged down.
_ENOUGH_PIXELS = 1024
#: Logits beyond this saturate (as in MediaPipe).
_LOGIT_LIMIT = 80.0

#: What it sees from which size on, and what its scores mean (measured on made pictures: experiments/).
BLAZEFACE_TRAITS = SearchTraits(
    min_score=0.55,
    doubtful_score=0.3,
    visible_share=0.056,
    coarse_share=0.075,
    tight_share=0.6,
    sure_score=0.8,
    confirmed_score=0.6,
    confirmed_tile_score=0.7,
    rolled_deg=15.0,
    cutout_px=_SIDE,
    cutout_share=0.4,
)


class BlazeFace:
    """Finds faces of at least 6 % of the picture's long side, with six key points, rolled by up to 90° and more.

    Args:
        min_score: Faces below this confidence are left out.
        path: Another ONNX file of the same network; None takes the shipped one.
        threads: Threads within one call; None leaves it to onnxruntime.
        device: What the network runs on.
    """

    name = "blazeface"

    def __init__(
        self, *, min_score: float = 0.5, path: Path | None = None, threads: int | None = None, device: Device = "auto"
    ) -> None:
        self.min_score = min_score
        self._path = path or weight_path("blazeface", kind="detector")
        self._session = open_session(self._path, threads=threads, device=device)
        self._anchors = anchor_centers()

    @property
    def files(self) -> Mapping[str, str]:
        return {self.name: sha256_of(self._path)}

    def detect(self, image: ByteArray) -> tuple[FaceDetection, ...]:
        """Faces of an RGB uint8 picture (H, W, 3), from left to right."""
        canvas, scale, left, top = letterbox(image)
        tensor = canvas[None].astype(np.float32) / 127.5 - 1  # (1, 256, 256, 3) in [-1, 1]
        # (1, 896, 16) boxes and points relative to their anchors; (1, 896, 1) logits
        regressors, logits = self._session.run(["regressors", "classificators"], {"input": tensor})
        scores = 1 / (1 + np.exp(-np.clip(logits[0, :, 0], -_LOGIT_LIMIT, _LOGIT_LIMIT)))  # (896,)
        wanted = scores >= self.min_score
        points = decode_points(regressors[0][wanted], self._anchors[wanted])  # (K, 8, 2)
        faces = weighted_suppression(points, scores[wanted])
        return in_reading_order(moved(face, -left / scale, -top / scale, 1 / scale) for face in faces)


def anchor_centers() -> FloatArray:
    """Centers of the 896 anchors in pixels of the 256-pixel input, (896, 2) as x, y.

    Layers of the same stride share their cells, so that a cell's anchors follow each other.
    """
    layers = []
    for stride in sorted(set(_STRIDES)):
        cells = _SIDE // stride
        grid = (np.arange(cells, dtype=np.float32) + 0.5) * stride
        across, down = np.meshgrid(grid, grid)
        anchors = _ANCHORS_PER_CELL * _STRIDES.count(stride)
        layers.append(np.repeat(np.stack([across.ravel(), down.ravel()], axis=1), anchors, axis=0))
    return np.concatenate(layers)


def letterbox(image: ByteArray) -> tuple[ByteArray, float, int, int]:
    """The picture fitted into 256 × 256 on black; with the scale and the left and top margins in pixels."""
    height, width = image.shape[:2]
    scale = _SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # of a huge picture not every pixel is worth averaging; a sliver has none to spare
    skip = max(1, min(max(height, width) // _ENOUGH_PIXELS, height, width))
    sparse = np.ascontiguousarray(image[skip // 2 :: skip, skip // 2 :: skip]) if skip > 1 else image
    gap = 2.0 if min(size) > 1 else None  # Pillow cannot reduce to a single row
    small = Image.fromarray(sparse).resize(size, Image.Resampling.BILINEAR, reducing_gap=gap)
    canvas = np.zeros((_SIDE, _SIDE, 3), np.uint8)
    left, top = (_SIDE - size[0]) // 2, (_SIDE - size[1]) // 2
    canvas[top : top + size[1], left : left + size[0]] = np.asarray(small)
    return canvas, scale, left, top


def decode_points(regressors: FloatArray, anchors: FloatArray) -> FloatArray:
    """Two corners and six key points of each box in pixels of the input, (N, 8, 2).

    Args:
        regressors: (N, 16): box center, box size, then six points, all but the size relative to the anchor.
        anchors: (N, 2) centers.
    """
    center = regressors[:, 0:2] + anchors
    half = regressors[:, 2:4] / 2
    points = regressors[:, 4:].reshape(-1, 6, 2) + anchors[:, None]
    return np.concatenate([(center - half)[:, None], (center + half)[:, None], points], axis=1)


def weighted_suppression(points: FloatArray, scores: FloatArray, *, min_iou: float = 0.3) -> list[FaceDetection]:
    """Each cluster of overlapping boxes as one face: the mean of its points, weighted by their scores.

    Args:
        points: (N, 8, 2), corners first.
        scores: (N,) in [0, 1].
        min_iou: Boxes that overlap the best of a cluster by more belong to it.
    """
    faces = []
    left = np.argsort(-scores, kind="stable")
    while left.size:
        near = corner_ious(points[left[0], :2], points[left, :2]) > min_iou
        near[0] = True
        cluster = left[near]
        mean = np.average(points[cluster], axis=0, weights=scores[cluster])
        faces.append(_as_face(mean, float(scores[cluster[0]])))
        left = left[~near]
    return faces


def _as_face(points: FloatArray, score: float) -> FaceDetection:
    (left, top), (right, bottom), *marks = [(float(x), float(y)) for x, y in points]
    return FaceDetection(Box(left, top, right, bottom), score, FaceLandmarks(*marks))
