"""What an adapter and the driver say to each other: JSON lines over standard input and output.

    adapter → {"ready": true, "classes": ["neutral", …], "version": "25.10.3"}
    driver  → {"photo": "/path/of/a.jpg"}
    adapter → {"seconds": 0.1, "faces": [{"box": [left, top, right, bottom], "probabilities": [0.9, …]}]}
    driver  → {"crops": "/path/of/faces.bin", "side": 48}      gray bytes, one square face after the other
    adapter → {"seconds": 2.0, "probabilities": [[0.9, …], …]}

Classes are in our words, probabilities in their order; a peer whose own rule names another expression than the most
probable one says by which "weights" it multiplies them. Seconds are the peer's own, from path or array to answer.
Adapters run in the peer's environment, so that this module needs nothing but the standard library and NumPy.
"""

import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt


class Face(NamedTuple):
    """A found face: left, top, right and bottom in pixels, and probabilities in the order of the peer's classes."""

    box: tuple[float, float, float, float]
    probabilities: Sequence[float]


def corners(box: Iterable[float]) -> tuple[float, float, float, float]:
    """OpenCV's box of left, top, width and height as left, top, right and bottom."""
    left, top, width, height = (float(value) for value in box)
    return left, top, left + width, top + height


class Peer(Protocol):
    """What an adapter offers."""

    classes: tuple[str, ...]
    version: str

    def read_photo(self, path: str) -> list[Face]:
        """The faces of a photo and their expressions."""

    def read_crops(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """Probabilities (N, classes) of faces cut out elsewhere, (N, side, side) gray; nothing is detected."""


def serve(peer: Peer) -> None:
    """Answer until standard input ends. What else the peer prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    weights = getattr(peer, "weights", None)
    hello = {"ready": True, "classes": list(peer.classes), "version": peer.version}
    _say(answers, hello if weights is None else {**hello, "weights": list(weights)})
    for line in sys.stdin:
        _say(answers, _answer(peer, json.loads(line)))


def _answer(peer: Peer, request: dict[str, Any]) -> dict[str, Any]:
    start = time.perf_counter()
    if "photo" in request:
        faces = peer.read_photo(request["photo"])
        seconds = time.perf_counter() - start
        plain = [
            {"box": [float(v) for v in f.box], "probabilities": [float(p) for p in f.probabilities]} for f in faces
        ]
        return {"seconds": seconds, "faces": plain}
    side = int(request["side"])
    crops = np.fromfile(request["crops"], np.uint8).reshape(-1, side, side)
    rows = np.asarray(peer.read_crops(crops), np.float64)
    return {"seconds": time.perf_counter() - start, "probabilities": rows.tolist()}


def _say(stream: Any, message: dict[str, Any]) -> None:
    stream.write(json.dumps(message) + "\n")
    stream.flush()
