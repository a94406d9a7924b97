"""The comparison with other packages, run with this package as the only peer that is there."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import mien
from mien.data.dataset import open_dataset
from mien.evaluation.peers import load_peers
from mien.evaluation.run import evaluate
from mien.recognition.recognizer import load_recognizer
from tests.conftest import REPOSITORY
from tests.photos import portrait

pytestmark = pytest.mark.slow  # processes start from nothing, as a comparison wants it

#: Says that it is there, and ends at its first question.
CRASHING = """
import json, sys
print(json.dumps({"ready": True, "classes": ["neutral"], "version": "1"}), flush=True)
sys.stdin.readline()
raise SystemExit("no memory left")
"""
FOLDER = REPOSITORY / "benchmarks" / "peers"


@pytest.fixture
def peers(tmp_path: Path) -> Path:
    """A list of four: ours in this environment, one that was not installed, and two that end early."""
    for name in ("ours", "broken", "crashing"):
        (tmp_path / "environments" / name).mkdir(parents=True)
    crashing = tmp_path / "crashing.py"
    crashing.write_text(CRASHING)
    file = tmp_path / "peers.toml"
    commands = {
        "ours": [sys.executable, "mien_adapter.py"],
        "absent": ["{python}", "mien_adapter.py"],
        "broken": [sys.executable, "-c", "raise SystemExit('its cascade is gone')"],
        "crashing": [sys.executable, str(crashing)],
    }
    file.write_text("".join(f"[{name}]\ncommand = {json.dumps(command)}\n" for name, command in commands.items()))
    return file


def run(script: str, peers: Path, *arguments: str | Path) -> dict[str, Any]:
    out = peers.with_name(f"{script}.json")
    command = [sys.executable, FOLDER / f"{script}.py", peers.with_name("environments"), *arguments, "--peers", peers]
    subprocess.run([*command, "--json", out], check=True, capture_output=True)
    record: dict[str, Any] = json.loads(out.read_text())
    assert record["skipped"]["broken"] == "its cascade is gone"
    assert record["skipped"]["crashing"] == "no memory left"
    assert "setup.py" in record["skipped"]["absent"]
    return record


def table_of(*records: Path) -> str:
    command = [sys.executable, str(FOLDER / "table.py"), *map(str, records)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_accuracy_is_what_our_own_evaluation_finds_and_a_report_reads_it(peers: Path, prepared: Path) -> None:
    record = run("accuracy", peers, f"made={prepared}")
    (found,) = record["results"]
    (expected,) = evaluate(load_recognizer(), open_dataset(prepared))
    assert (found["set"], found["faces"]) == ("made", expected.n)
    assert found["accuracy"] == pytest.approx(expected.accuracy, abs=5e-5)
    (peer,) = load_peers(peers.with_name("accuracy.json"))
    assert (peer.package, peer.set) == (found["package"], "made")
    assert f"{expected.accuracy:.3f}" in table_of(peers.with_name("accuracy.json"))


def test_faces_are_counted_as_the_library_finds_them(peers: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(portrait()).save(photos / "one.jpg")
    Image.new("RGB", (64, 64), "gray").save(photos / "none.png")
    by_eye = {"one.jpg": {"faces_by_eye": 3}, "none.png": {"faces_by_eye": 0}}
    (photos / "expected.json").write_text(json.dumps({"photos": by_eye}))
    record = run("speed", peers, photos, "--rounds", "1")
    (found,) = record["results"]
    boxes = len(mien.load(threads=1).predict(photos / "one.jpg").faces)
    assert (found["boxes"], found["faces"], found["beyond"]) == (boxes, 3, 0)
    assert min(found[key] for key in ("photos_per_s", "cold_start_s", "peak_mb")) > 0
    assert f"{found['found']} of 3; {found['beyond']}" in table_of(peers.with_name("speed.json"))
