"""What import-linter does not see: the root package is never imported from inside."""

import ast
from pathlib import Path

import pytest

import mien

SOURCES = sorted(path for path in Path(mien.__path__[0]).rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_module_imports_the_package_root(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            assert node.module != "mien", f"{path}:{node.lineno} imports from the root"
        if isinstance(node, ast.Import):
            assert all(alias.name != "mien" for alias in node.names), f"{path}:{node.lineno} imports the root"
