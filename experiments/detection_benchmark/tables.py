"""Markdown of the JSON files of run.py: what each detector found, and what was aimed at.

    python experiments/detection_benchmark/tables.py FILE …

Recall and pictures with false faces come with Wilson's 95 % intervals. It runs no detector.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
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
    brief = {name: rows if name == "faceless" else _only_all(rows) for name, rows in results.items()}
    made.append(_table("pictures with a false face", brief, false_faces))
    made.append(_table("ms a picture", brief, milliseconds))
    return made


def targets_table(results: Results) -> str:
    """What was aimed at, and what each detector reaches; empty where a target's pictures were not run."""
    detectors = _detectors(results)
    lines = ["| target | " + " | ".join(f"`{name}`" for name in detectors) + " |", "|---|" + "---|" * len(detectors)]
    for text, condition, groups, cell in TARGETS:
        by_detector = results.get(condition, {})
        cells = [cell(_pooled(by_detector[name], groups)) if name in by_detector else "" for name in detectors]
        lines.append(f"| {text} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _pooled(rows: Mapping[str, Row], groups: tuple[str, ...]) -> Row:
    """The sums of the groups whose names start so."""
    chosen = [row for group, row in rows.items() if group.strip().startswith(groups)]
    return {key: sum(row[key] for row in chosen) for key in chosen[0]}


def recall(row: Row) -> str:
    low, high = wilson(int(row["found"]), int(row["faces"]))
    return f"{row['found'] / row['faces']:.3f} [{low:.3f}, {high:.3f}]"


def false_faces(row: Row) -> str:
    low, high = wilson(int(row["with_false"]), int(row["pictures"]))
    return f"{int(row['with_false'])} [{low:.1%}, {high:.1%}]"


def milliseconds(row: Row) -> str:
    return f"{1000 * row['seconds'] / row['pictures']:.0f}"


def false_in_100(row: Row) -> str:
    return f"{100 * row['false'] / row['pictures']:.1f}"


def ms_a_megapixel(row: Row) -> str:
    return f"{1000 * row['seconds'] / row['megapixels']:.0f}"


def doubles(row: Row) -> str:
    return f"{int(row['double'])} in {int(row['faces'])}"


#: What is aimed at, the pictures that show it (condition, starts of group names), and what is told of them.
TARGETS: tuple[tuple[str, str, tuple[str, ...], Callable[[Row], str]], ...] = (
    ("upright, 24 to 600 px: at least .98", "sizes", ("24 ", "32 ", "48 ", "96 ", "200 ", "400 ", "600 "), recall),
    ("cut by up to 40 %: at least .95", "cuts", ("10%", "20%", "30%", "40%"), recall),
    ("at any turn, from 48 px: at least .95", "turns", ("64 ", "160 ", "320 "), recall),
    ("at any turn, 32 px: at least .95", "turns", ("32 ",), recall),
    ("a face fills the picture: at least .995", "tight", ("all",), recall),
    ("false faces in 100 pictures without people: at most 2", "faceless", ("all",), false_in_100),
    ("boxes on a face that has one: none", "crowds", ("all",), doubles),
    ("ms a megapixel without a face: at most 100", "faceless", ("photo",), ms_a_megapixel),
    ("ms of a portrait (600 px): at most 1.2 times `blazeface/default`", "sizes", ("600 ",), milliseconds),
)


def _table(title: str, results: Results, cell: Any) -> str:
    detectors = _detectors(results)
    lines = [f"| {title} | | pictures | faces | " + " | ".join(f"`{name}`" for name in detectors) + " |"]
    lines.append("|---|---|---:|---:|" + "---|" * len(detectors))
    for condition, by_detector in results.items():
        first = next(iter(by_detector.values()))
        for group in sorted(_telling(first), key=_order):
            cells = [cell(by_detector[name][group]) if name in by_detector else "" for name in detectors]
            counts = f"{int(first[group]['pictures'])} | {int(first[group]['faces'])}"
            lines.append(f"| {condition} | {group.strip()} | {counts} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _telling(rows: Mapping[str, Row]) -> list[str]:
    """Without the groups that hold the same pictures as a shorter one."""
    return [group for group in rows if "px, on" not in group or rows[group] != rows.get(group.partition("px, ")[2])]


def _order(group: str) -> tuple[int, str]:
    """Sizes first, then backgrounds, then all."""
    kinds = (group == "all", group.startswith(("under", "from")), group.startswith("on "))
    return (3, group) if kinds[0] else (2, group) if kinds[1] else (1, group) if kinds[2] else (0, group)


def _detectors(results: Results) -> list[str]:
    """All of them, in the order of the run that had most."""
    longest_first = sorted(results.values(), key=lambda rows: -len(rows))
    return list(dict.fromkeys(name for rows in longest_first for name in rows))


def _row(by_detector: Mapping[str, Mapping[str, Row]], group: str) -> Row:
    return next(iter(by_detector.values()))[group]


def _only_all(by_detector: Mapping[str, Mapping[str, Row]]) -> dict[str, dict[str, Row]]:
    return {name: {"all": groups["all"]} for name, groups in by_detector.items()}


if __name__ == "__main__":
    found = merged(map(Path, sys.argv[1:]))
    print(targets_table(found), *tables(found), sep="\n\n")
