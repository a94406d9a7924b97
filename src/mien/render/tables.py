"""Tables on standard output."""

from rich.console import Console

#: Columns of a table that goes to a file or a pipe.
_PIPE_WIDTH = 140


def table_console() -> Console:
    """A console as wide as the terminal; wide enough for every table where there is none."""
    console = Console()
    return console if console.is_terminal else Console(width=_PIPE_WIDTH)
