"""The ``mien`` command: its sub-commands, and the door where errors become exit codes.

A command's module is imported when the command is called or its help is shown, so that no command waits for the imports
of another. This module does not know what the commands do.
"""

import os
import sys
import traceback
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from mien.cli.streams import guarded_streams
from mien.errors import MienError, SourceError
from mien.expressions import USE_NOTICE
from mien.text import printable

#: Where each command is, ``module:name`` below ``mien.cli``: a function, or a Typer application with commands of its
#: own.
COMMANDS = {
    "predict": "predict:predict",
    "explain": "explain:explain",
    "video": "video:video",
    "webcam": "webcam:webcam",
    "batch": "batch:app",
    "serve": "serve:serve",
    "data": "curation:data_app",
    "recipes": "recipes:app",
    "train": "train:train",
    "average": "train:average",
    "export": "train:export",
    "fit-decision": "decision:fit_decision",
    "adapt": "adapt:adapt",
    "evaluate": "evaluate:evaluate",
    "compare": "compare:compare",
    "card": "card:card",
    "report": "report:report",
    "models": "models:models",
    "schema": "schema:schema",
    "doctor": "doctor:doctor",
    "bench": "bench:bench",
}


class LazyGroup(TyperGroup):
    """The commands of :data:`COMMANDS`, each imported when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - newer Typers bundle their own click
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """The command, or None where there is none of that name."""
        # `mien --help` asks for every command, to print its first line; the others ask for one
        if cmd_name in COMMANDS and cmd_name not in self.commands:
            self.commands[cmd_name] = _built(cmd_name)
        return self.commands.get(cmd_name)


def _built(name: str) -> Any:
    module, attribute = COMMANDS[name].split(":")
    found = import_module(f"mien.cli.{module}")
    command = getattr(found, attribute)
    # Typer turns a function into a click command only as part of an application: one for each, with a single entry
    holder = typer.Typer(add_completion=False, rich_markup_mode="rich")
    holder.callback()(lambda: None)  # a single command without a callback would have no name
    if isinstance(command, typer.Typer):
        holder.add_typer(command, name=name)
    else:
        # `serve` alone brings arguments of registration, since its settings parse its options
        holder.command(name, **getattr(found, "REGISTRATION", {}))(command)
    built: Any = get_command(holder)
    return built.commands[name]


app = typer.Typer(
    name="mien",
    cls=LazyGroup,
    help=f"Read the expression on every face of a picture; train and judge the network that does it.\n\n{USE_NOTICE}",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from mien.version import __version__  # reads the installed metadata, which other commands do without

        print(f"mien {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the whole trace of an error that ends the command.")
    ] = False,
) -> None:
    """Options of every command."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; an error of the library is one line on standard error and its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        with guarded_streams():
            app(args=given, prog_name="mien")
    except MienError as err:
        if "--debug" in given:  # parsed options are out of reach here
            traceback.print_exc()
        hint = f" ({printable(err.hint)})" if err.hint else ""
        print(f"mien: {err}{hint}", file=sys.stderr)
        sys.exit(err.exit_code)
    except OSError as err:  # a name that no file can have, or a folder without permission
        if err.filename is None or "--debug" in given:  # without a file it is a fault of the program: show where
            raise
        print(f"mien: {printable(os.fsdecode(err.filename), limit=80)}: {err.strerror}", file=sys.stderr)
        sys.exit(SourceError.exit_code)
