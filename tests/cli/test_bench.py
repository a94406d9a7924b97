"""``mien bench``: every figure is there; none is judged."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from mien.benchmark import run_benchmark
from mien.cli.app import app
from mien.errors import ConfigError


def test_every_figure_is_in_the_json_and_the_table() -> None:
    pytest.importorskip("skimage")
    result = CliRunner().invoke(app, ["bench", "--rounds", "1", "--format", "json", "--model", "resnet"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert list(found["stages_ms"]) == ["decode", "detect", "crop", "recognize", "render", "write"]
    assert list(found["face_ms"]) == ["p50", "p99"]
    assert list(found["faces_per_s"]) == ["1", "8", "64"]
    assert len(found["images_per_s"]) == 6
    assert found["in_8_bit"]
    assert found["devices"] == ["cpu"]
    numbers = [found["cold_start_s"], found["multiply_adds"], found["network_rate"], found["machine_rate"]]
    assert np.isfinite(numbers).all()
    assert min(numbers) > 0


def test_a_photo_without_a_face_is_an_error(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), "gray").save(tmp_path / "flat.png")
    with pytest.raises(ConfigError, match="no face is found"):
        run_benchmark(tmp_path / "flat.png", rounds=1)


def test_rounds_below_one_are_refused() -> None:
    with pytest.raises(ConfigError, match="rounds is 0"):
        run_benchmark(rounds=0)
