"""What docs/predict.md tells users to type runs as it stands."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.photos import portrait

PAGE = (Path(__file__).parents[2] / "docs" / "predict.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a reader stands: a photo, and two folders of photos."""
    for name in ("photo.jpg", "holiday/one.jpg", "more/two.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(portrait()).save(tmp_path / name)
    return tmp_path


def test_the_python_runs(folder: Path) -> None:
    (code,) = blocks("python")
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True, text=True)
    assert "happiness" in done.stdout
    assert (folder / "drawn.png").exists()


def test_the_commands_run(folder: Path) -> None:
    for line in "".join(blocks("sh")).splitlines():
        command = line.replace("mien ", f"{shlex.quote(sys.executable)} -m mien ", 1)
        subprocess.run(command, shell=True, cwd=folder, check=True, capture_output=True)  # noqa: S602 - our own page
    assert len((folder / "faces.csv").read_text().splitlines()) == 3
    assert sorted(file.name for file in (folder / "drawn").iterdir()) == ["one.png", "two.png"]


def test_the_json_shown_has_the_keys_that_come(folder: Path) -> None:
    (shown,) = (json.loads(block) for block in blocks("json"))
    command = [sys.executable, "-m", "mien", "predict", "photo.jpg", "--format", "json"]
    came = json.loads(subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout)
    assert list(came) == list(shown)
    assert list(came["faces"][0]) == list(shown["faces"][0])
    assert list(came["faces"][0]["probabilities"]) == list(shown["faces"][0]["probabilities"])
