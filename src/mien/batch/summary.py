"""What a batch job found, as JSON and as one page: counts, failures by reason, expressions, speed.

It reads part files, a few columns and a few thousand rows at a time.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from mien.batch.entries import Part
from mien.batch.manifest import JobFolder
from mien.batch.rows import rows_of
from mien.expressions import USE_NOTICE, LabelSet
from mien.render.html import Page, html_table, share_bar
from mien.render.tables import Table
from mien.render.text import counted, percent
from mien.runtime.files import write_text

SUMMARY, PAGE = "summary.json", "summary.html"
#: Rows of the page's table of failures, and example pictures of each reason.
_REASONS, _EXAMPLES = 20, 3


def write_summary(
    folder: JobFolder, parts: Sequence[Part], labels: LabelSet, *, seconds: float, new_pictures: int
) -> dict[str, Any]:
    """Write ``summary.json`` and ``summary.html`` beside the parts, and return what the former holds."""
    summary = summarize(folder, parts, labels)
    summary["pictures_per_s"] = round(new_pictures / seconds, 3) if seconds and new_pictures else None
    write_text(folder.path / SUMMARY, json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    write_text(folder.path / PAGE, page(summary, title=folder.path.name))
    return summary


def summarize(folder: JobFolder, parts: Sequence[Part], labels: LabelSet) -> dict[str, Any]:
    """Counts over all parts that are whole."""
    status = folder.status(list(parts))
    expressions: Counter[str] = Counter({str(label): 0 for label in labels})
    faces_of_a_picture: Counter[int] = Counter()
    failures: Counter[str] = Counter()
    examples: dict[str, list[str]] = {}
    unnamed = faces = 0
    source: str | None = None
    wanted = ["source", "face", "expression", "error_type", "error"]
    for row in rows_of((folder.part(part.number) for part in parts if folder.record(part)), wanted):
        if row["source"] != source:
            if source is not None:
                faces_of_a_picture[faces] += 1
            source, faces = row["source"], 0
        if row["error_type"] is not None:
            failures[row["error_type"]] += 1
            shown = examples.setdefault(row["error_type"], [])
            if len(shown) < _EXAMPLES:
                shown.append(f"{row['source']}: {row['error']}"[:300])
        elif row["face"] is not None:
            faces += 1
            if row["expression"] is None:
                unnamed += 1
            else:
                expressions[row["expression"]] += 1
    if source is not None:
        faces_of_a_picture[faces] += 1
    return {
        **status.to_dict(),
        "expressions": dict(expressions),
        "unnamed": unnamed,
        "faces_of_a_picture": {str(count): number for count, number in sorted(faces_of_a_picture.items())},
        "failures": dict(failures.most_common()),
        "examples": examples,
    }


def page(summary: dict[str, Any], *, title: str) -> str:
    """The summary as one page of HTML that loads nothing."""
    made = Page(f"Batch: {title}")
    made.words(USE_NOTICE, kind="notice")
    speed = f", {summary['pictures_per_s']:g} pictures a second" if summary["pictures_per_s"] else ""
    made.words(
        f"{counted(summary['pictures'], 'picture')}, {counted(summary['faces'], 'face')}, "
        f"{summary['without_face']:,} without a face, {summary['failed']:,} failed{speed}."
    )
    made.heading("Expressions")
    made.html(_bars(summary["expressions"], summary["faces"]))
    if summary["unnamed"]:
        made.words(f"{counted(summary['unnamed'], 'face')} too uncertain to be named.", kind="small")
    made.heading("Faces in a picture")
    made.html(_bars(summary["faces_of_a_picture"], summary["pictures"]))
    if summary["failures"]:
        made.heading("Failures")
        rows = tuple(
            (reason, f"{count:,}", "; ".join(summary["examples"].get(reason, ())))
            for reason, count in list(summary["failures"].items())[:_REASONS]
        )
        made.table(Table("Pictures that could not be read", ("reason", "pictures", "for example"), rows))
    return made.to_html()


def _bars(counts: Mapping[str, int], whole: int) -> str:
    """A row for each count with a bar as wide as its share."""
    rows = []
    for name, count in counts.items():
        share = count / whole if whole else 0.0
        rows.append((escape(name), share_bar({name: share}), f"{count:,}", percent(share)))
    return html_table(("", "", "number", "share"), rows)
