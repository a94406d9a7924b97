"""``mien schema``: JSON Schemas of what commands and the service write."""

import json
from typing import Annotated

import typer
from rich.table import Table

from mien.cli.last_line import print_last_line
from mien.render.tables import table_console
from mien.render.text import counted
from mien.schemas import list_schemas, load_schema


def schema(
    name: Annotated[str | None, typer.Argument(help="A schema; without it, all are listed.")] = None,
) -> None:
    """Print the JSON Schema of an output, for validators and generators of code.

    Examples:
        mien schema

        mien schema prediction > prediction.schema.json
    """
    if name is not None:
        # standard output holds the schema and nothing else, to be redirected to a file
        print(json.dumps(load_schema(name), indent=2, ensure_ascii=False))
        print_last_line(f"schema {name}")
        return
    table = Table("schema", "what it describes", title="Schemas of outputs")
    for known, about in list_schemas().items():
        table.add_row(known, about)
    table_console().print(table)
    print_last_line(counted(len(list_schemas()), "schema"))
