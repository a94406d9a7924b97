"""Tables of text: one type for Markdown, HTML pages and the command line."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mien.text import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

#: Width in characters of a table that is written to a file or a pipe.
_PIPE_WIDTH = 140


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text with a title; the first column names the rows.

    Attributes:
        title: Above it.
        header: Of the columns.
        rows: Each with as many cells as the header.
        note: Shown below it, such as the meaning of a mark.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def to_markdown(self) -> str:
        """A heading and a table; all columns but the first align right."""
        lines = [self.header, ("---",) + ("---:",) * (len(self.header) - 1), *self.rows]
        cells = ([cell.replace("|", r"\|") for cell in line] for line in lines)
        note = f"\n{self.note}\n" if self.note else ""
        return f"### {self.title}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in cells) + note

    def to_rich(self) -> "RichTable":
        """For a console; the cells are plain text."""
        from rich.table import Table as RichTable  # noqa: PLC0415 - not for pages of HTML
        from rich.text import Text  # noqa: PLC0415

        shown = RichTable(title=Text(printable(self.title)), title_justify="left", caption_justify="left")
        if self.note:
            shown.caption = Text(self.note)
        for position, header in enumerate(self.header):
            shown.add_column(Text(header), justify="left" if position == 0 else "right")
        for row in self.rows:
            shown.add_row(
                *(Text(printable(cell)) for cell in row)
            )  # Text, since brackets in a cell would be read as markup
        return shown


def table_console() -> "Console":
    """A console as wide as the terminal; without a terminal, wide enough for every table."""
    from rich.console import Console  # noqa: PLC0415

    console = Console()
    return console if console.is_terminal else Console(width=_PIPE_WIDTH)
