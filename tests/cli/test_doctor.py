"""``mien doctor``."""

import typer
from typer.testing import CliRunner

from mien.cli.doctor import doctor
from mien.version import __version__


def test_versions_weights_and_extras_are_told() -> None:
    app = typer.Typer()
    app.command()(doctor)
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 0
    assert f"mien {__version__}" in result.stdout
    assert "onnxruntime 1" in result.stdout
    assert "detector blazeface: blazeface.onnx, 0.56 MB, hash ok" in result.stdout
    assert "extra haar: installed" in result.stdout
