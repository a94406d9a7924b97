"""The package fer with its defaults: OpenCV's Haar cascade and its quantized network."""

from importlib.metadata import version
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from protocol import Face, corners, serve

_WORDS = {"angry": "anger", "happy": "happiness", "sad": "sadness"}  # the others are ours


class Fer:
    """fer as it is installed."""

    version = version("fer")

    def __init__(self) -> None:
        from fer.fer import FER

        cv2.setNumThreads(1)
        self._reader = FER()
        # FER2013's pictures are what its network learned from: no frame is added around them
        self._plain_reader = FER(offsets=(0, 0))
        self._theirs = list(FER._get_labels().values())  # noqa: SLF001 - nothing public names them
        self.classes = tuple(_WORDS.get(name, name) for name in self._theirs)

    def read_photo(self, path: str) -> list[Face]:
        found = self._reader.detect_emotions(cv2.imread(path))
        return [Face(corners(face["box"]), self._row(face)) for face in found]

    def read_crops(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        rows = []
        for crop in crops:
            frame = [(0, 0, crop.shape[1], crop.shape[0])]
            (face,) = self._plain_reader.detect_emotions(cv2.cvtColor(crop, cv2.COLOR_GRAY2BGR), frame)
            rows.append(self._row(face))
        return np.array(rows)

    def _row(self, face: dict[str, Any]) -> list[float]:
        return [face["emotions"][name] for name in self._theirs]


if __name__ == "__main__":
    serve(Fer())
