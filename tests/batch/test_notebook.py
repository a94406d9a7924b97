from pathlib import Path

import pytest

from tests.batch.made import write_pictures
from tests.conftest import REPOSITORY

NOTEBOOK = REPOSITORY / "notebooks" / "batch.ipynb"


@pytest.mark.slow
def test_the_notebook_opens_a_job_in_three_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("duckdb", "polars", "pandas"):
        pytest.importorskip(name, reason="the notebook opens results with it")
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pictures = write_pictures(tmp_path / "pictures", 3)  # one of them without a face
    (pictures / "broken.jpg").write_bytes(b"no picture")
    monkeypatch.setenv("MIEN_PICTURES", str(pictures))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)  # they appear when it is run
    nbclient.NotebookClient(notebook, timeout=300, startup_timeout=300).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    printed = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "4 pictures, 2 faces, 1 without a face, 1 failed" in printed
    assert "4 rows in faces.csv; pandas and polars count the same: True" in printed
    tables = [output["data"]["text/plain"] for output in outputs if "data" in output]
    assert "ImageFormatError" in tables[-1]
    assert tables[2].split()[-2] == "3"  # pictures that could be read, by SQL
