"""The plain way of a first project: OpenCV's Haar cascade, and the capstone's network in Keras with our weights of it.

The weights lie as capstone.npz in the environment; setup.py takes them from the shipped model file.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from protocol import Face, corners, serve
from tensorflow import keras

_PREFIX = "network.network.layers."


def network(weights: Mapping[str, npt.NDArray[np.float32]]) -> Any:
    """Convolutions in pairs with 32, 64 and 128 maps, each pair halved; 500 units; 8 expressions."""
    layers = [keras.layers.Input((48, 48, 1))]
    for width, pair in ((32, "1"), (64, "2"), (128, "3")):
        for letter in "ab":
            layers += [keras.layers.Conv2D(width, 3, padding="same", name=f"conv{pair}{letter}")]
            layers += [keras.layers.BatchNormalization(name=f"conv{pair}{letter}_norm"), keras.layers.ReLU()]
        layers.append(keras.layers.MaxPooling2D())
    layers += [keras.layers.Flatten(), keras.layers.Dense(500, name="dense")]
    layers += [keras.layers.BatchNormalization(name="dense_norm"), keras.layers.ReLU()]
    layers.append(keras.layers.Dense(8, activation="softmax", name="logits"))
    model = keras.Sequential(layers)
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(_of_layer(weights, layer.name))
    return model


def _of_layer(weights: Mapping[str, npt.NDArray[np.float32]], name: str) -> list[npt.NDArray[np.float32]]:
    if name.endswith("_norm"):
        return [weights[f"{_PREFIX}{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
    kernel, bias = weights[f"{_PREFIX}{name}.weight"], weights[f"{_PREFIX}{name}.bias"]
    if kernel.ndim == 4:
        return [kernel.transpose(2, 3, 1, 0), bias]  # PyTorch's (out, in, height, width)
    if name == "dense":  # maps come first in PyTorch's flattened features, last in Keras'
        kernel = kernel.reshape(500, 128, 6, 6).transpose(0, 2, 3, 1).reshape(500, -1)
    return [kernel.T, bias]


class PlainWay:
    """Cascade, crop, network, face by face."""

    version = f"Keras {keras.__version__}"
    classes: tuple[str, ...] = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")

    def __init__(self) -> None:
        cv2.setNumThreads(1)
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        self._model = network(np.load(Path(sys.prefix) / "capstone.npz", allow_pickle=False))
        self._cascade = cv2.CascadeClassifier(
            str(Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml")
        )

    def read_photo(self, path: str) -> list[Face]:
        gray: Any = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
        faces = []
        for box in self._cascade.detectMultiScale(gray, 1.3, 5):
            left, top, width, height = box
            crop = cv2.resize(gray[top : top + height, left : left + width], (48, 48))
            (row,) = self._model.predict(crop[None, ..., None] / 255.0, verbose=0)
            faces.append(Face(corners(box), row))
        return faces

    def read_crops(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        faces = np.array([cv2.resize(crop, (48, 48)) for crop in crops])
        return np.asarray(self._model.predict(faces[..., None] / 255.0, batch_size=64, verbose=0))


if __name__ == "__main__":
    serve(PlainWay())
