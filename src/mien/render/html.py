"""Self-contained HTML pages: headings, paragraphs, tables and embedded pictures.

All HTML of the package is made here, so that text is escaped and styled in one place.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from io import BytesIO
from pathlib import Path

from PIL import Image

from mien.render.style import EXPRESSION_COLORS, FAINT, INK, MUTED
from mien.render.tables import Table
from mien.render.text import percent

STYLE = f"""
body {{ font: 15px/1.55 system-ui, sans-serif; color: {INK}; max-width: 1180px; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.7rem; }} h2 {{ margin-top: 2.5rem; border-bottom: 1px solid {FAINT}; }} h3 {{ margin-top: 1.6rem; }}
.notice {{ background: #fff6dd; padding: 0.6rem 0.9rem; border-radius: 6px; }}
.small, figcaption, caption {{ color: {MUTED}; font-size: 0.9rem; text-align: left; }}
nav a {{ margin-right: 1rem; }}
figure {{ margin: 1rem 0; }}
figure img {{ max-width: 100%; height: auto; }}
.row {{ display: flex; flex-wrap: wrap; gap: 0 2rem; }} .row figure {{ max-width: 31rem; }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: 0.88rem; margin: 0.8rem 0; }}
th, td {{ padding: 0.25rem 0.6rem; text-align: right; border-bottom: 1px solid {FAINT}; white-space: nowrap; }}
th:first-child, td:first-child {{ text-align: left; }}
td img {{ width: 48px; height: 48px; display: block; border-radius: 4px; }}
.shares {{ display: flex; width: min(9rem, 26vw); height: 1rem; border-radius: 3px; }}
.shares {{ overflow: hidden; background: {FAINT}; }}
.shares span {{ display: block; height: 100%; }}
"""
_MEDIA_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".svg": "image/svg+xml"}


class Page:
    """A page to which parts are appended; :meth:`to_html` returns its text."""

    def __init__(self, title: str) -> None:
        self._title, self._headings = title, list[str]()
        self._parts: list[str] = []

    def heading(self, text: str) -> None:
        """Start a section, which the navigation at the top lists."""
        self._headings.append(text)
        self._parts.append(f'<h2 id="{_anchor(text)}">{escape(text)}</h2>')

    def subheading(self, text: str) -> None:
        self._parts.append(f"<h3>{escape(text)}</h3>")

    def words(self, text: str, *, kind: str = "") -> None:
        """A paragraph; ``kind`` may be ``notice`` or ``small``."""
        styled = f' class="{kind}"' if kind else ""
        self._parts.append(f"<p{styled}>{escape(text)}</p>")

    def table(self, table: Table, *, folded: bool = False) -> None:
        """A table; a folded one shows only its title until the reader opens it."""
        shown = text_table(replace(table, title="") if folded else table)
        self._parts.append(f"<details><summary>{escape(table.title)}</summary>{shown}</details>" if folded else shown)

    def pictures(self, pictures: Sequence[tuple[Path | bytes, str]]) -> None:
        """Pictures with captions, as files or the bytes of a PNG; several are placed side by side."""
        figures = "".join(_figure(picture, caption) for picture, caption in pictures)
        self._parts.append(f'<div class="row">{figures}</div>' if len(pictures) > 1 else figures)

    def html(self, fragment: str) -> None:
        """Append HTML without escaping; the caller has escaped text from outside."""
        self._parts.append(fragment)

    def to_html(self) -> str:
        """The whole page."""
        links = "".join(f'<a href="#{_anchor(text)}">{escape(text)}</a>' for text in self._headings)
        head = (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(self._title)}</title>'
            f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
        )
        body = "\n".join([f"<h1>{escape(self._title)}</h1>", f"<nav>{links}</nav>", *self._parts])
        return f"{head}<body>\n{body}\n</body></html>\n"


def text_table(table: Table) -> str:
    """A table of text as HTML, its title as a caption and its note below."""
    cells = [[escape(cell) for cell in row] for row in table.rows]
    note = f'<p class="small">{escape(table.note)}</p>' if table.note else ""
    return html_table(table.header, cells, caption=table.title) + note


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str = "") -> str:
    """A table in a scrollable box; header and caption are text and are escaped, cells are HTML."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="scroll"><table>{title}<tr>{head}</tr>{body}</table></div>'


def share_bar(shares: Mapping[str, float]) -> str:
    """A stacked bar of shares in the colors of the expressions, with name and percent as a tooltip of each part."""
    parts = "".join(
        f'<span style="width:{share:.2%};background:{EXPRESSION_COLORS.get(name, MUTED)}" '
        f'title="{escape(name)} {percent(share)}"></span>'
        for name, share in shares.items()
    )
    return f'<div class="shares">{parts}</div>'


def data_uri(data: bytes, media_type: str = "image/png") -> str:
    """Bytes as a ``data:`` URI."""
    return f"data:{media_type};base64,{b64encode(data).decode()}"


def picture_uri(picture: Image.Image) -> str:
    """A photo as the ``data:`` URI of a JPEG."""
    encoded = BytesIO()
    picture.convert("RGB").save(encoded, "JPEG", quality=85)
    return data_uri(encoded.getvalue(), "image/jpeg")


def _figure(picture: Path | bytes, caption: str) -> str:
    if isinstance(picture, bytes):
        source = data_uri(picture)
    else:
        source = data_uri(picture.read_bytes(), _MEDIA_TYPES[picture.suffix.lower()])
    return f'<figure><img alt="{escape(caption)}" src="{source}"><figcaption>{escape(caption)}</figcaption></figure>'


def _anchor(text: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in text.lower())
