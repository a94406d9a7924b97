"""A small network with metadata, and a pipeline with it."""

from pathlib import Path

import pytest

from mien.metadata import ModelMetadata
from mien.preprocessing import DEFAULT_FRAMES
from mien.recognition.pipeline import ExpressionPipeline, load
from tests.small_models import write_model


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "small.onnx", ModelMetadata("small", frames=DEFAULT_FRAMES))


@pytest.fixture(scope="session")
def pipeline(small_model: Path) -> ExpressionPipeline:
    return load(small_model, threads=1)
