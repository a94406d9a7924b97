"""The network behind an array interface, against the same network computed in NumPy."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from scipy.special import softmax

from mien.errors import ConfigError, ModelFileError, ShapeError, UnknownModelError
from mien.expressions import FERPLUS_LABELS
from mien.metadata import METADATA_KEY, ModelMetadata
from mien.recognition.recognizer import Recognizer, load_recognizer
from tests.small_models import write_model


@pytest.fixture
def faces() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (10, 48, 48)).astype(np.uint8)


def by_hand(path: Path, faces: np.ndarray) -> np.ndarray:
    (weights,) = (numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer)
    probabilities: np.ndarray = softmax(faces.reshape(len(faces), -1) / 255.0 @ weights, axis=1)
    return probabilities


def test_each_layout_and_batch_size_gives_the_same_probabilities(small_model: Path, faces: np.ndarray) -> None:
    expected = by_hand(small_model, faces)
    for batch_size in (1, 3, 64):
        recognizer = Recognizer(small_model, batch_size=batch_size, threads=1)
        for images in (faces, faces[..., None], faces[:, None], faces / 255.0):
            probabilities = recognizer.predict_proba(images)
            assert probabilities.dtype == np.float32
            np.testing.assert_allclose(probabilities, expected, atol=1e-5)


def test_no_faces_give_no_rows(small_model: Path) -> None:
    assert Recognizer(small_model).predict_proba(np.empty((0, 48, 48), np.uint8)).shape == (0, 8)


def test_calls_from_several_threads_do_not_disturb_each_other(small_model: Path, faces: np.ndarray) -> None:
    recognizer = Recognizer(small_model, threads=1)
    expected = by_hand(small_model, faces)
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(lambda k: recognizer.predict_proba(faces[k % 10 : k % 10 + 1])[0], range(200)))
    np.testing.assert_allclose(rows, expected[np.arange(200) % 10], atol=1e-5)


def test_the_metadata_and_provider_are_told(small_model: Path) -> None:
    recognizer = load_recognizer(small_model)
    assert recognizer.metadata.name == "small"
    assert recognizer.labels == FERPLUS_LABELS
    assert recognizer.providers == ("CPUExecutionProvider",)


def test_wrong_arrays_are_refused(small_model: Path) -> None:
    with pytest.raises(ShapeError, match=r"shape \(2, 64, 64\)"):
        Recognizer(small_model).predict_proba(np.zeros((2, 64, 64), np.uint8))


def test_a_file_without_metadata_of_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="carries no metadata"):
        Recognizer(write_model(tmp_path / "bare.onnx"))
    model = onnx.load(write_model(tmp_path / "other.onnx"))
    onnx.helper.set_model_props(model, {METADATA_KEY: '{"schema": 99}'})
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ModelFileError, match="layout 99"):
        Recognizer(tmp_path / "other.onnx")


def test_a_network_with_other_outputs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"\['images', 'scores'\]"):
        Recognizer(write_model(tmp_path / "x.onnx", ModelMetadata("x"), output="scores"))


def test_names_and_paths_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError, match="no model 'capstoen'"):
        load_recognizer("capstoen")
    with pytest.raises(ModelFileError, match="no such model file"):
        load_recognizer("capstoen.onnx")
    with pytest.raises(ModelFileError, match="no such model file"):
        load_recognizer(tmp_path / "capstone")


def test_a_batch_of_none_is_refused(small_model: Path) -> None:
    with pytest.raises(ConfigError, match="batch_size is 0"):
        Recognizer(small_model, batch_size=0)
