"""Faces found, photos a second, cold start, memory and size of each peer, in one run on one core.

    python benchmarks/peers/speed.py ENVIRONMENTS PHOTOS --json speed.json

PHOTOS is a folder; with an expected.json in it that says `faces_by_eye` of each photo, what was found is compared with
that. The adapters run side by side and read the photos in turns, so that other work on the machine meets all of them.
"""

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from client import FOLDER, Adapter, NotToBeHad, PeerPackage, load_packages
from PIL import Image

#: Size of the photo that memory is measured with: 12 megapixels.
LARGE = (4000, 3000)


def photos_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in {".jpg", ".jpeg", ".png"})


def counted(folder: Path) -> dict[str, int]:
    """Faces that a person counts in each photo, where that is known."""
    file = folder / "expected.json"
    if not file.is_file():
        return {}
    photos = json.loads(file.read_text(encoding="utf-8"))["photos"]
    return {name: entry["faces_by_eye"] for name, entry in photos.items()}


def enlarged(photo: Path, folder: Path) -> Path:
    path = folder / "large.jpg"
    Image.open(photo).convert("RGB").resize(LARGE, Image.Resampling.BICUBIC).save(path, quality=90)
    return path


def cost_of_one(package: PeerPackage, photo: Path) -> tuple[float, float]:
    """Processor seconds and peak megabytes of a new process that reads one photo."""
    adapter = Adapter(package)
    try:
        adapter.ask(photo=str(photo))
    finally:
        costs = adapter.close()
    return costs


def megabytes(folder: Path) -> float:
    """Size of an environment, links not counted."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6


def faces_found(found: Mapping[str, int], by_eye: Mapping[str, int]) -> dict[str, int]:
    """Boxes in all; where faces were counted, how many of them at most were found, and boxes beyond them."""
    if not by_eye:
        return {"boxes": sum(found.values())}
    most = sum(min(found[name], count) for name, count in by_eye.items() if name in found)
    return {
        "boxes": sum(found.values()),
        "faces": sum(by_eye.values()),
        "found": most,
        "beyond": sum(found.values()) - most,
    }


@dataclass
class Reading:
    """What one adapter has done: seconds of each round, boxes of each photo."""

    adapter: Adapter
    seconds: list[float] = field(default_factory=list)
    boxes: dict[str, int] = field(default_factory=dict)

    def read(self, photos: list[Path]) -> None:
        replies = [self.adapter.ask(photo=str(photo)) for photo in photos]
        self.boxes = {photo.name: len(reply["faces"]) for photo, reply in zip(photos, replies, strict=True)}
        self.seconds.append(sum(reply["seconds"] for reply in replies))

    def photos_per_s(self) -> float:
        """By the median round; the first one warms up."""
        return len(self.boxes) / statistics.median(self.seconds[1:])


def read_in_turns(
    packages: dict[str, PeerPackage], photos: list[Path], rounds: int
) -> tuple[dict[str, Reading], dict[str, str]]:
    """All photos by all adapters, round by round; and why some are not there."""
    running: dict[str, Reading] = {}
    skipped: dict[str, str] = {}
    try:
        for name, package in packages.items():
            try:
                running[name] = Reading(Adapter(package))
            except NotToBeHad as reason:
                skipped[name] = str(reason)
        for _ in range(rounds + 1):
            for name, reading in running.items():
                try:
                    if name not in skipped:
                        reading.read(photos)
                except NotToBeHad as reason:
                    skipped[name] = str(reason)
    finally:
        for reading in running.values():
            reading.adapter.close()
    return {name: reading for name, reading in running.items() if name not in skipped}, skipped


def measure(packages: dict[str, PeerPackage], folder: Path, rounds: int) -> dict[str, Any]:
    photos, by_eye = photos_of(folder), counted(folder)
    read, skipped = read_in_turns(packages, photos, rounds)
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        large = enlarged(photos[0], Path(scratch))
        for name, reading in read.items():
            try:
                cold = statistics.median(cost_of_one(packages[name], photos[0])[0] for _ in range(rounds))
                peak = cost_of_one(packages[name], large)[1]
            except NotToBeHad as reason:
                skipped[name] = str(reason)
                continue
            results.append(
                {
                    "package": f"{name} {reading.adapter.version}",
                    **faces_found(reading.boxes, by_eye),
                    "photos_per_s": reading.photos_per_s(),
                    "cold_start_s": cold,
                    "peak_mb": peak,
                    "installed_mb": megabytes(packages[name].environment),
                }
            )
    return {"photos": len(photos), "results": results, "skipped": skipped}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("environments", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--peers", type=Path, default=FOLDER / "peers.toml")
    parser.add_argument("--name", nargs="+", help="only these")
    parser.add_argument("--rounds", type=int, default=3, help="of which medians are taken")
    parser.add_argument("--json", type=Path, required=True)
    given = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # the adapters inherit it
    packages = load_packages(given.environments, given.peers)
    chosen = {name: package for name, package in packages.items() if not given.name or name in given.name}
    given.json.write_text(
        json.dumps(measure(chosen, given.photos.absolute(), given.rounds), indent=1), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
