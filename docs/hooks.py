"""What MkDocs does besides turning pages into HTML: the reference of commands, and links to files of the repository."""

import json
import re
from typing import Any

from typer.main import get_command

#: Files beside ``docs/`` that pages link to; the site has no page for them.
_REPOSITORY = re.compile(
    r"\[([^\]]+)\]\((?:\.\./)+((?:notebooks|examples|benchmarks|deploy|DATASETS|MODEL_CARD|NOTICE)[^)]*)\)"
)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the commands in place of their marker; links out of ``docs/`` become the names of the files."""
    if "<!-- commands -->" in markdown:
        markdown = markdown.replace("<!-- commands -->", _commands())
    if "<!-- schemas -->" in markdown:
        markdown = markdown.replace("<!-- schemas -->", _schemas())
    return _REPOSITORY.sub(r"\1 (`\2`)", markdown)


def _schemas() -> str:
    """Every schema of the package, each under its name."""
    from mien.schemas import list_schemas, load_schema

    parts = []
    for name, about in list_schemas().items():
        text = json.dumps(load_schema(name), indent=1, ensure_ascii=False)
        parts.append(f"## {name}\n\n{about}\n\n```json\n{text}\n```\n")
    return "\n".join(parts)


def _commands() -> str:
    """The help of every command, from the command line itself."""
    from click import Context

    from mien.cli.app import app

    root = get_command(app)
    parts: list[str] = []

    def describe(command: Any, name: str) -> None:
        context = Context(command, info_name=name)
        names = command.list_commands(context) if hasattr(command, "list_commands") else []
        children = {child: command.get_command(context, child) for child in names}
        if not children:
            parts.append(f"## {name}\n\n```text\n{_help(command, context)}\n```\n")
        for child, inner in sorted(children.items()):
            describe(inner, f"{name} {child}")

    describe(root, "mien")
    return "\n".join(parts)


def _help(command: Any, context: Any) -> str:
    from click.formatting import HelpFormatter

    formatter = HelpFormatter(width=100)
    command.format_usage(context, formatter)
    text = (command.help or "").replace("\b", "").strip()
    options = []
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record:
            options.append(record)
    if options:
        with formatter.section("Options"):
            formatter.write_dl(options)
    return f"{formatter.getvalue().strip()}\n\n{text}".strip()
