"""The example runs as it stands."""

import subprocess
import sys
from pathlib import Path

from mien.metadata import ModelMetadata
from mien.preprocessing import DEFAULT_FRAMES
from tests.small_models import write_model
from tests.videos import scene, write_video

EXAMPLE = Path(__file__).parents[2] / "examples" / "follow_video.py"


def test_a_video_is_followed(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.mp4", (scene([(100 + 4 * n, 120, 200)]) for n in range(10)))
    write_model(tmp_path / "model.onnx", ModelMetadata("small", frames=DEFAULT_FRAMES))
    command = [sys.executable, str(EXAMPLE), "clip.mp4", "model.onnx"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[0].startswith("   0.00 s  face 1  ")
    assert len(EXAMPLE.read_text().splitlines()) <= 30
