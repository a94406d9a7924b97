"""Every notebook runs from top to bottom on made data, and is kept without outputs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from PIL import Image

from tests.conftest import REPOSITORY
from tests.photos import pasted, portrait
from tests.videos import scene, write_video

NOTEBOOKS = REPOSITORY / "notebooks"


def outputs_of(name: str, monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, object]) -> list[Any]:
    """The outputs of all cells, after the notebook ran with the ``environment``."""
    for key, value in environment.items():
        monkeypatch.setenv(key, str(value))
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)  # faces of data sets stay out of the repository
    NotebookClient(notebook, timeout=300).execute()
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def printed(outputs: list[Any]) -> str:
    return "".join(output.text for output in outputs if output.output_type == "stream")


def shown(outputs: list[Any], kind: str) -> list[str]:
    return [output.data[kind] for output in outputs if kind in output.get("data", {})]


@pytest.mark.slow
def test_the_capstone_by_library_calls(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = outputs_of("capstone", monkeypatch, {"MIEN_DATA": prepared, "MIEN_EPOCHS": 2, "MIEN_NETWORK": "tiny"})
    for expected in ("158 faces", "best epoch", "happiness"):
        assert expected in printed(outputs)
    assert len(shown(outputs, "image/png")) == 7
    assert "The capstone's table" in "".join(shown(outputs, "text/markdown"))


@pytest.mark.slow
def test_first_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas", reason="needs mien[bridges]")
    Image.fromarray(portrait()).save(tmp_path / "a.jpg")
    Image.fromarray(pasted(220, [(80, 120), (500, 380)])).save(tmp_path / "b.png")
    (tmp_path / "broken.jpg").write_bytes(b"none")
    outputs = outputs_of("first-steps", monkeypatch, {"MIEN_PHOTOS": tmp_path})
    assert "2 pictures, 3 faces, 1 failed" in printed(outputs)
    pages = shown(outputs, "text/html")
    assert pages[0].startswith('<img alt="&lt;ImageResult 512×512: happiness')
    assert pages[1].count("<tr") == 3 + 1  # the data frame: a row a face and the header
    assert len(shown(outputs, "image/png")) == 1


@pytest.mark.slow
def test_a_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("av", "pandas"):
        pytest.importorskip(package, reason="needs mien[video,bridges]")
    write_video(tmp_path / "clip.mp4", (scene([(100 + 4 * n, 120, 200)]) for n in range(25)))
    outputs = outputs_of("video", monkeypatch, {"MIEN_VIDEO": tmp_path / "clip.mp4"})
    assert "0.00 s (<TrackedFace track 1 happiness" in printed(outputs)
    assert len(shown(outputs, "image/png")) == 2  # a frame and a chart


@pytest.mark.slow
def test_judging_a_model(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = outputs_of("judge-a-model", monkeypatch, {"MIEN_DATA": prepared, "MIEN_RESAMPLES": 20})
    for expected in ("majority   mine", "drawn      mine", "capstone minus mine:"):
        assert expected in printed(outputs)
    assert "majority, validation split" in shown(outputs, "text/html")[0]
    assert len(shown(outputs, "image/png")) == 1
