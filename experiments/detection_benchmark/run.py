"""Recall, false faces and time of detectors on pictures whose faces are known.

    python experiments/detection_benchmark/run.py LONDON BACKGROUNDS [--part tune|table] [--per N]
        [--detector NAME/SEARCH …] [--condition NAME …] [--json FILE]

LONDON holds neutral/ and smiling/ of the Face Research Lab London Set, BACKGROUNDS what sources.py fetched. A face
counts as found where a box's center lies within 0.4 face sides of its center and its width is half to twice the
face's. Each picture is made once and shown to every detector. Times are of the processor, on one thread. tables.py
makes Markdown of the JSON files of one or more runs.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pictures import CONDITIONS, Scene, Sources, TrueFace
from tables import tables

from mien.detection.base import Detector, FaceDetection
from mien.detection.registry import build_detector
from mien.detection.settings import SearchMode, SearchSettings


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


def judge(detectors: Mapping[str, Detector], scenes: Iterable[Scene]) -> dict[str, dict[str, dict[str, float]]]:
    """Counts and times of each detector on the same scenes, summed for each of their groups."""
    sums: dict[str, dict[str, dict[str, float]]] = {name: defaultdict(lambda: defaultdict(float)) for name in detectors}
    for scene in scenes:
        for name, detector in detectors.items():
            start = time.thread_time()  # processor time of this thread: other programs do not count
            found = detector.detect(scene.image)
            took = time.thread_time() - start
            hits, false, double = count(scene, found)
            for group in (*scene.groups, "all"):
                row = sums[name][group]
                row["pictures"] += 1
                row["faces"] += len(scene.faces)
                row["found"] += hits
                row["false"] += false
                row["with_false"] += false > 0  # pictures, whose interval is of independent trials
                row["double"] += double
                row["seconds"] += took
                row["megapixels"] += scene.image.shape[0] * scene.image.shape[1] / 1e6
    return {name: {group: dict(row) for group, row in groups.items()} for name, groups in sums.items()}


def built(spec: str) -> Detector:
    """The detector of NAME, NAME/SEARCH or, with a file, NAME/SEARCH:FILE."""
    named, _, file = spec.partition(":")
    name, _, mode = named.partition("/")
    search = SearchSettings(mode=cast("SearchMode", mode or "default"))
    return build_detector(name, file=Path(file) if file else None, search=search, threads=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("london", type=Path)
    parser.add_argument("backgrounds", type=Path)
    parser.add_argument("--part", choices=("tune", "table"), default="tune")
    parser.add_argument("--per", type=int, default=8, help="pictures of a cell")
    parser.add_argument("--detector", nargs="+", default=["centerface"], help="NAME/SEARCH, with :FILE for yunet")
    parser.add_argument("--condition", nargs="+", choices=CONDITIONS, default=list(CONDITIONS))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    sources = Sources(given.london, given.backgrounds, given.part)
    detectors = {spec.partition(":")[0]: built(spec) for spec in given.detector}
    results: dict[str, Any] = {}
    for condition in given.condition:
        results[condition] = judge(detectors, CONDITIONS[condition](sources, given.per))
        if given.json:  # after each condition, so that a run that is ended early leaves what it has
            given.json.write_text(json.dumps({"per": given.per, "conditions": results}, indent=1), encoding="utf-8")
        print("\n\n".join(tables({condition: results[condition]})), flush=True)


if __name__ == "__main__":
    main()
