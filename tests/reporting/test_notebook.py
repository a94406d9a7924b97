from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import REPOSITORY

NOTEBOOK = REPOSITORY / "notebooks" / "capstone.ipynb"


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"MIEN_DATA": str(prepared), "MIEN_EPOCHS": "2", "MIEN_NETWORK": "tiny"}.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)  # faces of the data set stay out of the repository
    NotebookClient(notebook, timeout=300).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    printed = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "158 faces" in printed
    assert "best epoch" in printed
    assert "happiness" in printed
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 7
    tables = "".join(output.data.get("text/markdown", "") for output in outputs if "data" in output)
    assert "The capstone's table" in tables
