"""The example runs as it stands."""

import subprocess
import sys
from pathlib import Path

from PIL import Image

from mien.metadata import ModelMetadata
from mien.preprocessing import DEFAULT_FRAMES
from tests.photos import portrait
from tests.small_models import write_model

EXAMPLE = Path(__file__).parents[2] / "examples" / "predict_photo.py"


def test_a_photo_is_read_and_drawn(tmp_path: Path) -> None:
    Image.fromarray(portrait()).save(tmp_path / "photo.png")
    write_model(tmp_path / "model.onnx", ModelMetadata("small", frames=DEFAULT_FRAMES))
    command = [sys.executable, str(EXAMPLE), "photo.png", "model.onnx"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert len(done.stdout.splitlines()) == 1
    assert ", then " in done.stdout
    with Image.open(tmp_path / "faces.png") as drawn:
        assert drawn.width > 512
