"""Opening networks leaves no trace: no identifier of the machine, no cache of events."""

import os
import subprocess
import sys
from pathlib import Path


def test_reading_a_face_writes_nothing_anywhere(tmp_path: Path) -> None:
    environment = {name: str(tmp_path) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
    code = "import mien, numpy; mien.load(threads=1).predict(numpy.zeros((64, 64, 3), 'uint8'))"
    kept = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    subprocess.run([sys.executable, "-B", "-c", code], env=kept | environment, cwd=tmp_path, check=True)
    assert list(tmp_path.rglob("*")) == []
