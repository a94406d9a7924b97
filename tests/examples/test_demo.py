import runpy
import sys
from pathlib import Path

import pytest

from mien.weights import list_weights
from tests.conftest import REPOSITORY


def test_the_demo_names_the_astronauts_smile_and_draws_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "default" in list_weights()
    monkeypatch.setattr(sys, "argv", ["demo.py", str(tmp_path)])
    runpy.run_path(str(REPOSITORY / "examples" / "demo.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert "face 1: happiness" in printed
    assert "not what a person feels" in printed
    assert (tmp_path / "astronaut-read.png").stat().st_size > 10_000
