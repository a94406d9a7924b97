"""What a batch job found, as JSON and as one page: counts, failures by reason, expressions, speed, hashes.

It reads part files, a few columns and a few thousand rows at a time.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from mien.batch.entries import Part
from mien.batch.manifest import JobFolder, Manifest
from mien.batch.progress import BatchProgress
from mien.batch.rows import rows_of
from mien.expressions import USE_NOTICE, LabelSet
from mien.render.html import Page, html_table, share_bar
from mien.render.text import percent
from mien.runtime.files import write_text

SUMMARY, PAGE = "summary.json", "summary.html"
#: Reasons of failures on the page, and example pictures of each reason.
_REASONS, _EXAMPLES = 20, 3
#: Characters of an example.
_LONGEST = 300


def write_summary(folder: JobFolder, manifest: Manifest, parts: Sequence[Part], at: BatchProgress) -> dict[str, Any]:
    """Write ``summary.json`` and ``summary.html`` beside the parts, and return what the former holds.

    Args:
        folder: The job's.
        manifest: Its record.
        parts: Its plan.
        at: Where the run that ends has come, for its speed.
    """
    summary = summarize(folder, parts, manifest.label_set)
    summary["pictures_per_s"] = round(at.pictures_per_s, 3) if at.new_pictures else None
    summary["faces_per_s"] = round(at.faces_per_s, 3) if at.new_pictures else None
    summary |= {"inputs": list(manifest.inputs), "version": manifest.version}
    summary |= {"model_sha256": manifest.model_sha256, "detector_sha256": manifest.detector_sha256}
    write_text(folder.path / SUMMARY, json.dumps(summary, indent=2) + "\n")  # ASCII: names may be no Unicode
    write_text(folder.path / PAGE, page(summary, title=folder.path.resolve().name))
    return summary


def summarize(folder: JobFolder, parts: Sequence[Part], labels: LabelSet) -> dict[str, Any]:
    """Counts over all parts that are whole."""
    status = folder.status(list(parts))
    expressions: Counter[str | None] = Counter({str(label): 0 for label in labels})
    faces_of_a_picture: Counter[int] = Counter()
    failures: Counter[str] = Counter()
    examples: dict[str, list[str]] = {}
    faces = 0
    source: str | None = None  # of the picture whose rows are being read; None for one that failed
    wanted = ["source", "face", "expression", "error_type", "error"]
    for row in rows_of((folder.part(part.number) for part in parts if folder.record(part)), wanted):
        if source is not None and row["source"] != source:
            faces_of_a_picture[faces] += 1
            source = None
        if row["error_type"] is not None:
            failures[row["error_type"]] += 1
            shown = examples.setdefault(row["error_type"], [])
            if len(shown) < _EXAMPLES:
                shown.append(f"{row['source']}: {row['error']}"[:_LONGEST])
            continue
        # rows of a picture are consecutive
        faces = faces if row["source"] == source else 0
        source = row["source"]
        if row["face"] is not None:
            faces += 1
            expressions[row["expression"]] += 1
    if source is not None:
        faces_of_a_picture[faces] += 1
    unnamed = expressions.pop(None, 0)
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
    speed = f"; {summary['pictures_per_s']:,.1f} pictures a second" if summary["pictures_per_s"] else ""
    made.words(
        f"{summary['pictures']:,} pictures and videos, {summary['faces']:,} faces, "
        f"{summary['without_face']:,} without a face, {summary['failed']:,} failed{speed}."
    )
    made.heading("Expressions")
    made.html(_bars(summary["expressions"], summary["faces"]))
    if summary["unnamed"]:
        made.words(f"{summary['unnamed']:,} faces were too uncertain to be named.", kind="small")
    made.heading("Faces in a picture")
    made.html(_bars(summary["faces_of_a_picture"], summary["pictures"] - summary["failed"]))
    if summary["failures"]:
        made.heading("Failures")
        for reason, count in list(summary["failures"].items())[:_REASONS]:
            made.subheading(f"{reason}: {count:,}")
            made.html(_list(summary["examples"].get(reason, ())))
    made.heading("How it was read")
    detector = ", ".join(f"{name} {value[:12]}" for name, value in summary["detector_sha256"].items())
    made.html(
        _list(
            [
                f"input: {', '.join(summary['inputs'])[:_LONGEST]}",
                f"mien {summary['version']}",
                f"model: SHA-256 {summary['model_sha256'][:12]}…",
                f"detector: SHA-256 of {detector}…" if detector else "detector: no file",
            ]
        )
    )
    return made.to_html()


def _list(lines: Sequence[str]) -> str:
    """Lines of any length, which wrap."""
    return '<ul style="overflow-wrap:anywhere">' + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _bars(counts: Mapping[str, int], whole: int) -> str:
    """A row for each count with a bar as wide as its share."""
    rows = []
    for name, count in counts.items():
        share = count / whole if whole else 0.0
        rows.append((escape(name), f"{count:,}", percent(share), share_bar({name: share})))
    return html_table(("", "number", "share", ""), rows)
