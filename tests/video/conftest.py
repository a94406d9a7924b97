"""The small network and its pipeline, and two short videos: a head that moves, and heads that come and go."""

from pathlib import Path

import pytest

from mien.recognition.pipeline import ExpressionPipeline, load
from tests.recognition.conftest import small_model
from tests.videos import scene, write_video

__all__ = ["small_model"]


@pytest.fixture(scope="session")
def pipeline(small_model: Path) -> ExpressionPipeline:
    return load(small_model, threads=1)


@pytest.fixture(scope="session")
def pan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 frames of a head of 200 pixels that moves by 6 pixels a frame. Not to be changed."""
    path = tmp_path_factory.mktemp("videos") / "pan.mp4"
    return write_video(path, (scene([(20 + 6 * n, 120, 200)]) for n in range(40)), sound="aac")


@pytest.fixture(scope="session")
def come_and_go(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 frames: ten with a head, ten without, ten with two."""
    empty = scene([])
    pictures = [scene([(200, 100, 200)])] * 10 + [empty] * 10 + [scene([(60, 100, 200), (360, 100, 200)])] * 10
    return write_video(tmp_path_factory.mktemp("videos") / "come.mp4", pictures)
