"""This package, as its users load it."""

from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
from protocol import Face, serve


class Mien:
    """The default model and detector on one thread."""

    version = version("mien")

    def __init__(self) -> None:
        import mien

        self._pipeline = mien.load(threads=1)
        self._recognizer = self._pipeline.recognizer
        self.classes = tuple(str(label) for label in self._recognizer.labels)
        rule = self._recognizer.decision
        self.weights = None if rule is None else rule.weights

    def read_photo(self, path: str) -> list[Face]:
        faces = self._pipeline.predict(path).faces
        boxes = (face.detection.box for face in faces)
        return [
            Face((box.left, box.top, box.right, box.bottom), face.probabilities.row)
            for box, face in zip(boxes, faces, strict=True)
        ]

    def read_crops(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        return self._recognizer.predict_proba(crops)


if __name__ == "__main__":
    serve(Mien())
