"""Markdown of the JSON files of run.py: what each detector found, and what was aimed at.

    python experiments/detection_benchmark/tables.py FILE …

Recall and pictures with false faces come with Wilson's 95 % intervals. It runs no detector.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from math import sqrt
from pathlib import Path
from typing import Any

#: Counts of one group of pictures by their names, of one detector by group, and of a condition by detector.
Row = Mapping[str, float]
Results = Mapping[str, Mapping[str, Mapping[str, Row]]]


def wilson(hits: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's score interval of a share (Wilson 1927)."""
    if not count:
        return 0.0, 1.0
    share, extra = hits / count, z * z / count
    middle, half = share + extra / 2, z * sqrt(share * (1 - share) / count + extra / count / 4)
    return max(0.0, (middle - half) / (1 + extra)), min(1.0, (middle + half) / (1 + extra))


def merged(files: Iterable[Path]) -> dict[str, Any]:
    """The conditions of several runs; of one that was run for several detectors, all of them."""
    results: dict[str, Any] = {}
    for file in files:
        for condition, by_detector in json.loads(file.read_text(encoding="utf-8"))["conditions"].items():
            results.setdefault(condition, {}).update(by_detector)
    return results


def tables(results: Results) -> list[str]:
    """One table of recall, one of false faces, one of times; a column for each detector."""
    made = []
    with_faces = {name: rows for name, rows in results.items() if _row(rows, "all")["faces"]}
    if with_faces:
        made.append(_table("faces found", with_faces, recall))
    made.append(_table("pictures with a false face", results, false_faces))
    made.append(_table("ms a picture", {name: _only_all(rows) for name, rows in results.items()}, milliseconds))
    return made


def recall(row: Row) -> str:
    low, high = wilson(int(row["found"]), int(row["faces"]))
    return f"{row['found'] / row['faces']:.3f} [{low:.3f}, {high:.3f}]"


def false_faces(row: Row) -> str:
    low, high = wilson(int(row["with_false"]), int(row["pictures"]))
    return f"{int(row['with_false'])} [{low:.1%}, {high:.1%}]"


def milliseconds(row: Row) -> str:
    return f"{1000 * row['seconds'] / row['pictures']:.0f}"


def _table(title: str, results: Results, cell: Any) -> str:
    detectors = list(dict.fromkeys(name for rows in results.values() for name in rows))
    lines = [f"| {title} | | pictures | faces | " + " | ".join(f"`{name}`" for name in detectors) + " |"]
    lines.append("|---|---|---:|---:|" + "---|" * len(detectors))
    for condition, by_detector in results.items():
        first = next(iter(by_detector.values()))
        for group in sorted(first, key=_order):
            cells = [cell(by_detector[name][group]) if name in by_detector else "" for name in detectors]
            counts = f"{int(first[group]['pictures'])} | {int(first[group]['faces'])}"
            lines.append(f"| {condition} | {group} | {counts} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _order(group: str) -> tuple[int, str]:
    """Sizes first, then backgrounds, then all."""
    kinds = (group == "all", group.startswith(("under", "from")), group.startswith("on "))
    return (3, group) if kinds[0] else (2, group) if kinds[1] else (1, group) if kinds[2] else (0, group)


def _row(by_detector: Mapping[str, Mapping[str, Row]], group: str) -> Row:
    return next(iter(by_detector.values()))[group]


def _only_all(by_detector: Mapping[str, Mapping[str, Row]]) -> dict[str, dict[str, Row]]:
    return {name: {"all": groups["all"]} for name, groups in by_detector.items()}


if __name__ == "__main__":
    print("\n\n".join(tables(merged(map(Path, sys.argv[1:])))))
