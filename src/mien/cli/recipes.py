"""``mien recipes``: the recipes of the package, to list, to read, and to copy and change."""

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from mien.cli.last_line import print_last_line
from mien.errors import ConfigError
from mien.recipes import find_recipe, list_recipes
from mien.render.tables import table_console
from mien.render.text import counted
from mien.runtime.files import atomic_file

app = typer.Typer(help="List, show and copy the recipes of training runs.", no_args_is_help=False)
NameArgument = Annotated[str, typer.Argument(help="A recipe, or `shipped` or `research` to copy all of them.")]


@app.callback(invoke_without_command=True)
def _default(context: typer.Context) -> None:
    """List, show and copy the recipes of training runs.

    Examples:
        mien recipes

        mien recipes show ferplus-cnn-fast

        mien recipes copy ferplus-cnn-fast mine.toml
    """
    if context.invoked_subcommand is None:  # Typer runs this callback before a subcommand too
        list_all()


@app.command("list")
def list_all() -> None:
    """List the recipes of the package."""
    table = Table("recipe", "group", "what it trains", title="Recipes in this package")
    for name, recipe in list_recipes().items():
        table.add_row(name, recipe.group, escape(recipe.about))  # [[data]] is no markup
    table_console().print(table)
    print("next: mien recipes show NAME, or mien train NAME --data FOLDER --out RUN")
    print_last_line(counted(len(list_recipes()), "recipe"))


@app.command()
def show(name: Annotated[str, typer.Argument(help="A recipe.")]) -> None:
    """Print a recipe."""
    path = find_recipe(name)
    print(
        path.read_text(encoding="utf-8"), end=""
    )  # as it is, comments included, so that it can be redirected to a file
    print_last_line(f"recipe {path}")


@app.command()
def copy(
    name: NameArgument,
    to: Annotated[Path, typer.Argument(help="The file to write, or the folder for a group.")],
) -> None:
    """Copy a recipe, or all of a group, to change them; recipes that one extends are found in the package."""
    group = [recipe.path for recipe in list_recipes().values() if recipe.group == name]
    targets = {path: to / path.name for path in group} or {
        find_recipe(name): to / f"{name}.toml" if to.is_dir() else to
    }
    # all are checked before the first is written: a group is copied whole or not at all
    if there := [target for target in targets.values() if target.exists()]:
        raise ConfigError(f"{there[0]}: exists already", hint="choose another name")
    for path, target in targets.items():
        with atomic_file(target) as temporary:
            shutil.copyfile(path, temporary)
    print_last_line(counted(len(targets), "recipe"), targets.values())
