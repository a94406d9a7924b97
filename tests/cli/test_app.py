"""The commands as a whole: each is there, and none is imported for another."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from mien.cli.app import COMMANDS, app


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_of_the_table_has_help_of_its_own(name: str) -> None:
    if name == "serve":
        pytest.skip("its settings read --help themselves; tests/service has it")
    result = CliRunner().invoke(app, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert f"mien {name}" in result.output


def test_the_list_of_commands_names_them_all() -> None:
    result = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert [name for name in COMMANDS if name not in result.output] == []


def test_an_unknown_command_is_a_wrong_call() -> None:
    result = CliRunner().invoke(app, ["predikt"])
    assert result.exit_code == 2
    assert "predikt" in result.output


def test_predicting_imports_neither_another_command_nor_what_only_tables_and_bars_need() -> None:
    code = "import sys; from mien.cli.app import app;import mien.cli.predict; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    )
    others = {f"mien.cli.{place.split(':')[0]}" for place in COMMANDS.values()} - {"mien.cli.predict"}
    assert not loaded & others
    assert not loaded & {"rich.progress", "rich.table", "mien.video", "mien.batch", "mien.evaluation", "onnxruntime"}
