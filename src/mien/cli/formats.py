"""Predictions as text: JSON, JSON lines, CSV and a table for people.

Numbers have six significant digits, in the table fewer; those of the library are not rounded.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from mien.errors import ConfigError
from mien.expressions import LabelSet
from mien.recognition.results import FailedImage, ImageResult
from mien.render.text import counted, csv_line, percent, rounded
from mien.text import no_formula, printable

Format = Literal["json", "jsonl", "csv", "table"]
Outcome = ImageResult | FailedImage

#: Between the columns of the picture and those of the probabilities; the same as of ``ImageResult.to_records``.
_FACE_COLUMNS = ("face", "left", "top", "right", "bottom", "detector_score", "expression", "probability")


def choose_format(wanted: Format | None, out: Path | None) -> Format:
    """The requested format, or that of the file's ending, or a table.

    Raises:
        ConfigError: No format has that ending.
    """
    if wanted is not None:
        return wanted
    if out is None:
        return "table"
    by_suffix: dict[str, Format] = {".json": "json", ".jsonl": "jsonl", ".csv": "csv", ".txt": "table"}
    if out.suffix.lower() not in by_suffix:
        raise ConfigError(
            f"--out {out}: no format ends in {out.suffix!r}, expected {', '.join(by_suffix)}", hint="or give --format"
        )
    return by_suffix[out.suffix.lower()]


def chunks(
    outcomes: Iterable[Outcome], form: Format, labels: LabelSet, *, single: bool, excel_safe: bool = False
) -> Iterator[str]:
    """The output in pieces, to be written one after the other; in all formats but JSON, one for each picture.

    Args:
        outcomes: Results and failures, in order.
        form: The format.
        labels: Columns of probabilities in CSV.
        single: A single picture was named: JSON is an object instead of a list.
        excel_safe: In CSV, prefix text that a spreadsheet would run as a formula with an apostrophe.
    """
    # map() lets go of a picture before it asks for the next one; a loop's variable would hold it
    if form == "json":
        # One list is one value, so it cannot be written before the last picture is read.
        records = list(map(_record, outcomes))
        # ensure_ascii=False: names of files stay readable; standard output is UTF-8 whatever the locale
        yield json.dumps(records[0] if single else records, ensure_ascii=False, indent=2) + "\n"
    elif form == "csv":
        # the header comes from the model, so that a run without any face has the same columns
        yield csv_line(("source", "width", "height", *_FACE_COLUMNS, *map(str, labels), "error"))
        yield from map(partial(_csv_text, labels=labels, guard=_guarded if excel_safe else rounded), outcomes)
    elif form == "jsonl":
        yield from map(_json_line, outcomes)
    else:
        yield from map(_table, outcomes)


def _record(outcome: Outcome) -> dict[str, Any]:
    record: dict[str, Any] = rounded(outcome.to_dict())
    return record


def _json_line(outcome: Outcome) -> str:
    return json.dumps(_record(outcome), ensure_ascii=False) + "\n"


def _csv_text(outcome: Outcome, labels: LabelSet, guard: Callable[[Any], Any]) -> str:
    return "".join(csv_line(map(guard, row)) for row in _csv_rows(outcome, labels))


def _guarded(value: Any) -> Any:
    return no_formula(value) if isinstance(value, str) else rounded(value)


def _csv_rows(outcome: Outcome, labels: LabelSet) -> Iterator[Sequence[Any]]:
    """A row for each face; a picture without a face, or that could not be read, has one row with empty columns."""
    empty = [""] * (len(_FACE_COLUMNS) + len(labels))
    if isinstance(outcome, FailedImage):
        yield [outcome.source, "", "", *empty, str(outcome.error)]
        return
    start = [outcome.source, *outcome.size]
    if not outcome.faces:  # each picture has at least one row, so that none is missing from the table
        yield [*start, *empty, ""]
    for record in outcome.to_records():
        yield [*record.values(), ""]


def _table(outcome: Outcome) -> str:
    if isinstance(outcome, FailedImage):
        return ""  # its error is printed on standard error; a terminal would show it twice
    lines = [f"Found {counted(len(outcome.faces), 'face')} in {printable(outcome.source or '')}"]
    for number, face in enumerate(outcome.faces, start=1):
        x, y = (round(value) for value in face.detection.box.center)
        # A decision rule may name another than the most probable, which then comes second.
        others = [pair for pair in face.probabilities.ranked() if pair[0] != face.choice]
        second, likelihood = others[0] if others else ("", 0.0)
        rest = f"then {second} {percent(likelihood)}"
        # no expression is named below --min-confidence
        name = face.expression or f"uncertain, {face.choice}"
        lines.append(f"  {number}  {name:<10} {percent(face.probability):>4}   {rest:<22} at ({x}, {y})")
    return "\n".join(lines) + "\n"
