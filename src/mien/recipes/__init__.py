"""Recipes of training runs as TOML files: ``shipped`` are those of the shipped weights, ``research`` experiments.

This module finds the files by name; :mod:`mien.training.config` documents their settings.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mien.errors import ConfigError
from mien.text import name_hint

_FOLDER = Path(__file__).parent
GROUPS = ("shipped", "research")


@dataclass(frozen=True, slots=True)
class RecipeFile:
    """One recipe of the package.

    Attributes:
        name: File name without the ending.
        path: The TOML file.
        group: ``shipped`` or ``research``.
        about: The comment in its first line.
    """

    name: str
    path: Path
    group: str
    about: str


def list_recipes(group: str | None = None) -> Mapping[str, RecipeFile]:
    """The recipes of the package by name, all or those of a group.

    Examples:
        >>> list_recipes()["ferplus-cnn-fast"].group
        'shipped'
    """
    groups = GROUPS if group is None else (group,)
    files = [_read(path, group) for group in groups for path in sorted((_FOLDER / group).glob("*.toml"))]
    return {file.name: file for file in files}


def find_recipe(name: str) -> Path:
    """The file of a recipe, given by its path or by its name in the package.

    Raises:
        ConfigError: No recipe of the package has that name; similar names are in the hint.
    """
    if name.endswith(".toml") or Path(name).exists():  # whether it can be read is found out by the reader
        return Path(name)
    recipes = list_recipes()
    if name not in recipes:
        raise ConfigError(
            f"no recipe called {name!r}",
            hint=f"{name_hint(name, recipes)}; a file is given by its path, ending in .toml",
        )
    return recipes[name].path


def _read(path: Path, group: str) -> RecipeFile:
    # the first line of every recipe is a comment that describes it
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return RecipeFile(path.stem, path, group, first.removeprefix("#").strip())
