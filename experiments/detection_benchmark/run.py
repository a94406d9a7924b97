"""Recall, false faces and time of detectors on pictures whose faces are known.

    python experiments/detection_benchmark/run.py LONDON BACKGROUNDS [--part tune|table] [--per N] [--detector NAME …]

LONDON holds neutral/ and smiling/ of the Face Research Lab London Set, BACKGROUNDS what sources.py fetched. A face
counts as found where a box's center lies within 0.4 face sides of its center and its width is half to twice the
face's. Ranges are Wilson's 95 % intervals. Times are of the processor, on one thread.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from typing import cast

from pictures import CONDITIONS, Scene, Sources, TrueFace

from mien.detection.base import Detector, FaceDetection
from mien.detection.registry import build_detector
from mien.detection.settings import SearchMode, SearchSettings


def wilson(hits: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's score interval of a share (Wilson 1927)."""
    if not count:
        return 0.0, 1.0
    share, extra = hits / count, z * z / count
    middle, half = share + extra / 2, z * sqrt(share * (1 - share) / count + extra / count / 4)
    return (middle - half) / (1 + extra), (middle + half) / (1 + extra)


def is_found(face: TrueFace, box: FaceDetection) -> bool:
    """Whether a box shows a true face, by center and size; overlap would favor detectors that frame faces alike."""
    (x, y), (u, v) = face.center, box.box.center
    side = (box.box.width * box.box.height) ** 0.5
    return bool(((x - u) ** 2 + (y - v) ** 2) ** 0.5 < 0.4 * face.side and 0.5 < side / face.side < 2)


def count(scene: Scene, found: Sequence[FaceDetection]) -> tuple[int, int, int]:
    """Faces found, boxes on no face, and second boxes on a face."""
    hits = [sum(is_found(face, box) for box in found) for face in scene.faces]
    false = sum(not any(is_found(face, box) for face in scene.faces) for box in found)
    return sum(hit > 0 for hit in hits), false, sum(hit - 1 for hit in hits if hit > 1)


def judge(detector: Detector, name: str, sources: Sources, per: int) -> dict[str, dict[str, float]]:
    """Counts and times of one condition, summed for each group."""
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for scene in CONDITIONS[name](sources, per):
        start = time.thread_time()  # processor time of this thread: other programs do not count
        found = detector.detect(scene.image)
        took = time.thread_time() - start
        hits, false, double = count(scene, found)
        for group in (*scene.groups, "all"):
            row = sums[group]
            row["pictures"] += 1
            row["faces"] += len(scene.faces)
            row["found"] += hits
            row["false"] += false
            row["with_false"] += false > 0  # pictures, whose interval is of independent trials
            row["double"] += double
            row["seconds"] += took
            row["megapixels"] += scene.image.shape[0] * scene.image.shape[1] / 1e6
    return {group: dict(row) for group, row in sums.items()}


def line(group: str, row: dict[str, float]) -> str:
    pictures, faces = int(row["pictures"]), int(row["faces"])
    text = f"{group} | {pictures} | "
    if faces:
        low, high = wilson(int(row["found"]), faces)
        text += f"{row['found'] / faces:.3f} [{low:.3f}, {high:.3f}] of {faces} | "
    else:
        text += " | "
    low, high = wilson(int(row["with_false"]), pictures)
    text += f"{int(row['false'])} in {int(row['with_false'])} [{low:.1%}, {high:.1%}] | {int(row['double'])} | "
    return text + f"{1000 * row['seconds'] / pictures:.0f} | {1000 * row['seconds'] / row['megapixels']:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("london", type=Path)
    parser.add_argument("backgrounds", type=Path)
    parser.add_argument("--part", choices=("tune", "table"), default="tune")
    parser.add_argument("--per", type=int, default=8, help="pictures of a cell")
    parser.add_argument("--detector", action="append", help="NAME or NAME/SEARCH, and :FILE behind it for yunet")
    parser.add_argument("--condition", action="append", choices=CONDITIONS)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    sources = Sources(given.london, given.backgrounds, given.part)
    results = {}
    for spec in given.detector or ["blazeface"]:
        named, _, file = spec.partition(":")  # NAME/SEARCH:FILE
        name, _, mode = named.partition("/")
        search = SearchSettings(mode=cast("SearchMode", mode or "default"))
        detector = build_detector(name, file=Path(file) if file else None, search=search, threads=1)
        for condition in given.condition or CONDITIONS:
            rows = judge(detector, condition, sources, given.per)
            results[f"{spec} {condition}"] = rows
            print(f"\n{spec}, {condition}\n\ngroup | pictures | recall | false faces | double | ms | ms/MP")
            print("---|---|---|---|---|---|---")
            for group, row in rows.items():
                print(line(group, row), flush=True)
    if given.json:
        given.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
