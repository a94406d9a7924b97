"""The ``mien`` command: its sub-commands, and the door where errors become exit codes.

It does not know what the commands do.
"""

import sys
import traceback
from typing import Annotated

import typer

from mien.cli import (
    adapt,
    batch,
    card,
    compare,
    curation,
    data,
    decision,
    doctor,
    evaluate,
    explain,
    models,
    predict,
    recipes,
    report,
    serve,
    train,
    video,
    webcam,
)
from mien.cli.streams import guarded_streams
from mien.errors import MienError
from mien.expressions import USE_NOTICE
from mien.text import printable
from mien.version import __version__

app = typer.Typer(
    name="mien",
    help=f"Read the expression on every face of a picture; train and judge the network that does it.\n\n{USE_NOTICE}",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(data.app, name="data")
data.app.command("import")(curation.import_)
data.app.command("audit")(curation.audit)
data.app.command("select")(curation.select)
data.app.command("decide")(curation.decide)
app.add_typer(recipes.app, name="recipes")
app.add_typer(batch.app, name="batch")
app.command("predict")(predict.predict)
app.command("explain")(explain.explain)
app.command("video")(video.video)
app.command("webcam")(webcam.webcam)
app.command("serve", context_settings=serve.CONTEXT, add_help_option=False)(serve.serve)
app.command("models")(models.models)
app.command("train")(train.train)
app.command("average")(train.average)
app.command("export")(train.export)
app.command("fit-decision")(decision.fit_decision)
app.command("adapt")(adapt.adapt)
app.command("evaluate")(evaluate.evaluate)
app.command("card")(card.card)
app.command("compare")(compare.compare)
app.command("report")(report.report)
app.command("doctor")(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
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
        if "--debug" in given:
            traceback.print_exc()
        hint = f" ({printable(err.hint)})" if err.hint else ""
        print(f"mien: {err}{hint}", file=sys.stderr)
        sys.exit(err.exit_code)
