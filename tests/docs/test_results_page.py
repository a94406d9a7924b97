"""The JSON that docs/reference/results.md shows has the keys that come."""

import json
import re
import subprocess
import sys
from pathlib import Path

from PIL import Image

from tests.conftest import REPOSITORY
from tests.photos import portrait


def test_the_json_shown_has_the_keys_that_come(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "reference" / "results.md").read_text(encoding="utf-8")
    shown = json.loads(re.findall(r"```json\n(.*?)```", page, re.DOTALL)[0])
    Image.fromarray(portrait()).save(tmp_path / "photo.jpg")
    command = [sys.executable, "-m", "mien", "predict", "photo.jpg", "--format", "json"]
    came = json.loads(subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout)
    assert list(came) == list(shown)
    assert list(came["faces"][0]) == list(shown["faces"][0])
    assert list(came["faces"][0]["probabilities"]) == list(shown["faces"][0]["probabilities"])
    assert came["schema"] == shown["schema"]
