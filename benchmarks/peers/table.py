"""One Markdown table of what accuracy.py and speed.py wrote: python benchmarks/peers/table.py FILE …."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

#: Key, head and form of what speed.py measures.
COLUMNS = (
    ("photos_per_s", "photos/s", "{:.1f}"),
    ("cold_start_s", "cold start, s", "{:.2f}"),
    ("peak_mb", "peak MB, 12 megapixels", "{:.0f}"),
    ("installed_mb", "installed MB", "{:.0f}"),
)


def table(records: Iterable[dict[str, Any]]) -> str:
    """A row for each package, in the order of the files, then the reasons of those that were skipped."""
    accuracy: dict[str, dict[str, str]] = {}
    speed: dict[str, dict[str, Any]] = {}
    sets: dict[str, str] = {}
    skipped: dict[str, str] = {}
    for record in records:
        skipped |= record["skipped"]
        for result in record["results"]:
            if "set" in result:
                sets[result["set"]] = f"{result['set']} ({result['faces']:,} faces, {result['classes']} classes)"
                accuracy.setdefault(result["package"], {})[result["set"]] = _accuracy(result)
            else:
                speed[result["package"]] = result
    names = list(dict.fromkeys([*speed, *accuracy]))
    head = [
        "",
        *sets.values(),
        *(["faces found; others"] if speed else []),
        *(title for _, title, _ in COLUMNS if speed),
    ]
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---|" * len(sets) + "---:|" * (len(head) - 1 - len(sets))]
    for name in names:
        cells = [accuracy.get(name, {}).get(of_set, "") for of_set in sets]
        if speed:
            cells += _speed(speed.get(name))
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines + [f"\n{name} was skipped: {reason}" for name, reason in skipped.items()])


def _accuracy(result: dict[str, Any]) -> str:
    low, high = result["interval"]
    recall = "" if result["mean_recall"] is None else f"; {result['mean_recall']:.3f}"
    return f"{result['accuracy']:.3f} [{low:.3f}, {high:.3f}]{recall}"


def _speed(result: dict[str, Any] | None) -> list[str]:
    if result is None:
        return [""] * (len(COLUMNS) + 1)
    found = f"{result['found']} of {result['faces']}; {result['beyond']}" if "found" in result else f"{result['boxes']}"
    return [found, *(form.format(result[key]) for key, _, form in COLUMNS)]


if __name__ == "__main__":
    print(table(json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:]))
