"""Pipelines, detectors and recognizers in other processes and threads: the same answers wherever they run."""

import copy
import multiprocessing
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import joblib
import pytest

from mien.detection.registry import build_detector
from mien.errors import ModelFileError
from mien.recognition.pipeline import ExpressionPipeline, load
from mien.recognition.recognizer import Recognizer, load_recognizer
from tests.conftest import REPOSITORY
from tests.photos import portrait


def answer(pipeline: ExpressionPipeline, _: object = None) -> str:
    return pipeline.predict(portrait()).to_json()


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])  # noqa: S301
@pytest.mark.parametrize("detector", ["blazeface", "haar", "whole"])
def test_a_copy_answers_the_same(
    again: Callable[[ExpressionPipeline], ExpressionPipeline], detector: str, small_model: Path
) -> None:
    pipeline = load(small_model, detector, min_confidence=0.3)
    assert answer(again(pipeline)) == answer(pipeline)
    assert again(pipeline).min_confidence == 0.3


def test_detectors_and_recognizers_are_pickled_by_what_they_were_loaded_from(small_model: Path) -> None:
    detector, recognizer = build_detector("blazeface"), load_recognizer(small_model, batch_size=7)
    content = pickle.dumps((detector, recognizer))
    assert len(content) < 20_000  # no weights
    twin, reader = pickle.loads(content)  # noqa: S301 - our own bytes
    assert twin.detect(portrait()) == detector.detect(portrait())
    assert (reader.batch_size, reader.metadata, reader.labels) == (7, recognizer.metadata, recognizer.labels)


def test_a_file_that_is_gone_is_told_where_it_is_unpickled(small_model: Path, tmp_path: Path) -> None:
    moved = tmp_path / "m.onnx"
    moved.write_bytes(small_model.read_bytes())
    content = pickle.dumps(Recognizer(moved))
    moved.unlink()
    with pytest.raises(ModelFileError, match=r"m\.onnx: no such model file"):
        pickle.loads(content)  # noqa: S301 - our own bytes


def test_a_pipeline_loaded_by_a_relative_path_works_from_elsewhere(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small_model.parent)
    content = pickle.dumps(load(small_model.name))
    monkeypatch.chdir(tmp_path)
    assert len(pickle.loads(content).predict(portrait()).faces) == 1  # noqa: S301 - our own bytes


def test_spawned_workers_answer_the_same(pipeline: ExpressionPipeline) -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(answer, [pipeline] * 2)) == [answer(pipeline)] * 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_forked_workers_that_inherit_a_used_pipeline_answer_the_same(small_model: Path) -> None:
    """In a process of its own: what pytest imports, torch's threads above all, does not survive a fork."""
    script = (
        "import os, sys, warnings\n"
        "from mien import load\n"
        "from tests.photos import portrait\n"
        "warnings.simplefilter('ignore')\n"
        f"pipeline = load({str(small_model)!r}, threads=2)\n"
        "before = pipeline.predict(portrait()).to_json()\n"
        "for _ in range(2):\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        os._exit(0 if pipeline.predict(portrait()).to_json() == before else 1)\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
    )
    path = os.pathsep.join([str(REPOSITORY), *sys.path])
    subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path}, check=True, timeout=300)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib_answers_the_same(pipeline: ExpressionPipeline, backend: str) -> None:
    found = joblib.Parallel(n_jobs=2, backend=backend)(joblib.delayed(answer)(pipeline, k) for k in range(3))
    assert found == [answer(pipeline)] * 3


def test_a_pool_of_threads_answers_the_same(pipeline: ExpressionPipeline) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(answer, [pipeline] * 12)) == {answer(pipeline)}
