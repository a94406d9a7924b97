"""Callers in several threads share batches, and each gets the rows it would get alone."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from mien.errors import ShapeError
from mien.metadata import InputSpec, ModelMetadata
from mien.recognition.recognizer import Recognizer
from mien.service.inference.batching import BatchingRecognizer
from tests.small_models import write_model


@pytest.fixture(scope="module")
def faces() -> list[np.ndarray]:
    generator = np.random.default_rng(3)
    return [generator.random((count, 48, 48), np.float32) for count in generator.integers(0, 7, 60)]


def test_any_mix_of_callers_gets_the_rows_of_single_calls(model: Path, faces: list[np.ndarray]) -> None:
    alone = Recognizer(model, threads=1)
    batches: list[int] = []
    shared = BatchingRecognizer(model, active=lambda: 8, wait_s=0.02, on_batch=batches.append, threads=1)
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(shared.predict_proba, faces))
    shared.close()
    for given, expected in zip(rows, map(alone.predict_proba, faces), strict=True):
        np.testing.assert_allclose(given, expected, atol=1e-6)
    assert sum(batches) == sum(map(len, faces))
    assert len(batches) < len(faces) / 2


def test_a_network_that_asks_for_another_range_gets_it_once(tmp_path: Path, faces: list[np.ndarray]) -> None:
    metadata = ModelMetadata("small", input=InputSpec(low=-1, high=1))
    model = write_model(tmp_path / "centerd.onnx", metadata)
    shared = BatchingRecognizer(model, active=lambda: 1, threads=1)
    every = np.concatenate(faces)
    given = shared.predict_proba(every)
    shared.close()
    np.testing.assert_allclose(given, Recognizer(model, threads=1).predict_proba(every), atol=1e-6)


def test_a_single_caller_is_never_delayed(model: Path) -> None:
    shared = BatchingRecognizer(model, active=lambda: 1, wait_s=86_400, threads=1)
    assert shared.predict_proba(np.zeros((1, 48, 48), np.uint8)).shape == (1, 8)
    shared.close()


def test_others_are_waited_for_only_so_long(model: Path) -> None:
    shared = BatchingRecognizer(model, active=lambda: 2, wait_s=0.3, threads=1)
    start = time.monotonic()
    assert shared.predict_proba(np.zeros((1, 48, 48), np.uint8)).shape == (1, 8)
    assert time.monotonic() - start >= 0.3
    shared.close()


def test_wrong_faces_fail_their_caller_and_nobody_else(model: Path) -> None:
    shared = BatchingRecognizer(model, active=lambda: 1, threads=1)
    with pytest.raises(ShapeError, match=r"faces of shape \(2, 9, 9\)"):
        shared.predict_proba(np.zeros((2, 9, 9), np.uint8))
    assert shared.predict_proba(np.zeros((2, 48, 48), np.uint8)).shape == (2, 8)
    assert shared.problem is None
    shared.close()
    assert shared.problem == "the inference thread has stopped"
