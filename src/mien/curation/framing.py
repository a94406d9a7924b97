"""How far the faces of a set lie from where training puts a face: what the detector finds against the whole picture.

It does not judge pictures without a face that is found: at 48 pixels a miss says little about a picture.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from PIL import Image

from mien.detection.base import Detector
from mien.detection.centerface import CenterFace
from mien.geometry import WHOLE_FRAME, Box, ByteArray, iou
from mien.preprocessing import DEFAULT_FRAMES

#: Side to which a picture is resized and the edge that is repeated around it, in pixels: of 400 training faces of FER+
#: the detector finds .91 so, .69 without resizing, and .94 at three times the cost with 160 and 80.
_SIDE, _EDGE = 96, 24
_MIN_SCORE = 0.3
_BATCH = 256


def misframed(images: npt.NDArray[np.uint8], detector: Detector | None = None) -> npt.NDArray[np.float64]:
    """One minus the overlap (IoU) of each picture with the crop that recognition would take of it, float64 (N,).

    0 is framed as in training, and also what a picture has in which no face is found; a face that fills half of the
    frame's area has .5.

    Args:
        images: Gray, uint8 (N, S, S, 1).
        detector: What finds the faces; None takes CenterFace, one look at each picture.
    """
    finder = detector or CenterFace(min_score=_MIN_SCORE, threads=1)
    scores = np.zeros(len(images))
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(images), _BATCH):
            batch = np.asarray(images[start : start + _BATCH, :, :, 0])  # (b, S, S)
            found = pool.map(lambda image: _of_picture(image, finder), batch)
            scores[start : start + len(batch)] = list(found)
    return scores


def _of_picture(image: ByteArray, detector: Detector) -> float:
    """Of one gray picture uint8 (S, S); of several faces the best framed counts."""
    resized = np.asarray(Image.fromarray(image).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC))
    padded = np.pad(resized, _EDGE, mode="edge")  # a detector needs to see around a face
    faces = detector.detect(np.repeat(padded[:, :, None], 3, axis=2))
    picture = Box(_EDGE, _EDGE, _EDGE + _SIDE, _EDGE + _SIDE)
    frame = DEFAULT_FRAMES.get(detector.name, WHOLE_FRAME)
    return min((1 - iou(frame.crop_box(face.box), picture) for face in faces), default=0.0)
