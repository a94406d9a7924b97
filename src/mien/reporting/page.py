"""A page of HTML with everything inside, that opens without a network: headings, words, tables, pictures.

It does not know what it shows.
"""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from pathlib import Path

from mien.evaluation.report import Table

_STYLE = """
body { font: 15px/1.55 system-ui, sans-serif; color: #1c1f24; max-width: 1080px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #e6e8ec; } h3 { margin-top: 1.6rem; }
.notice { background: #fff6dd; padding: 0.6rem 0.9rem; border-radius: 6px; }
nav a { margin-right: 1rem; }
figure { margin: 1rem 0; }
.row { display: flex; flex-wrap: wrap; gap: 0 2rem; } .row figure { max-width: 31rem; }
figure img { max-width: 100%; height: auto; }
figcaption, caption { color: #5b6270; font-size: 0.9rem; text-align: left; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.88rem; margin: 0.8rem 0; }
th, td { padding: 0.25rem 0.6rem; text-align: right; border-bottom: 1px solid #e6e8ec; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
"""
_KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".svg": "image/svg+xml"}


class Page:
    """Grows from top to bottom and becomes text at the end."""

    def __init__(self, title: str) -> None:
        self._title, self._headings = title, list[str]()
        self._parts: list[str] = []

    def heading(self, text: str) -> None:
        """A part of the page, listed at its top."""
        self._headings.append(text)
        self._parts.append(f'<h2 id="{_anchor(text)}">{escape(text)}</h2>')

    def subheading(self, text: str) -> None:
        self._parts.append(f"<h3>{escape(text)}</h3>")

    def words(self, text: str, *, notice: bool = False) -> None:
        """A paragraph."""
        self._parts.append(f"<p{' class=notice' if notice else ''}>{escape(text)}</p>")

    def table(self, table: Table, *, folded: bool = False) -> None:
        """A table; a folded one shows only its title until it is opened."""
        head = "".join(f"<th>{escape(cell)}</th>" for cell in table.header)
        rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
        caption = "" if folded else f"<caption>{escape(table.title)}</caption>"
        shown = f'<div class="scroll"><table>{caption}<tr>{head}</tr>{rows}</table></div>'
        self._parts.append(f"<details><summary>{escape(table.title)}</summary>{shown}</details>" if folded else shown)

    def pictures(self, pictures: Sequence[tuple[Path, str]]) -> None:
        """Picture files with what they show; their bytes become part of the page. Several stand side by side."""
        figures = "".join(_figure(path, shown) for path, shown in pictures)
        self._parts.append(f'<div class="row">{figures}</div>' if len(pictures) > 1 else figures)

    def to_html(self) -> str:
        links = "".join(f'<a href="#{_anchor(text)}">{escape(text)}</a>' for text in self._headings)
        head = (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(self._title)}</title>'
            f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        )
        body = "\n".join([f"<h1>{escape(self._title)}</h1>", f"<nav>{links}</nav>", *self._parts])
        return f"{head}<body>\n{body}\n</body></html>\n"


def _figure(path: Path, shown: str) -> str:
    source = f"data:{_KINDS[path.suffix]};base64,{b64encode(path.read_bytes()).decode()}"
    return f'<figure><img alt="{escape(shown)}" src="{source}"><figcaption>{escape(shown)}</figcaption></figure>'


def _anchor(text: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in text.lower())
