"""What memory import and audit take for many images: peak of each in a process of its own, on a made set.

    python benchmarks/curation_memory.py [--images 100000]

The set is a folder per class of gray PNGs of 48 pixels; probabilities are given. 100,000 images take some minutes.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

#: Names of the folders; mien knows all of them.
CLASSES = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")
MIEN = (sys.executable, "-m", "mien", "data")
#: Pictures that differ; the rest are links to them, since it is their number that is measured.
DIFFERENT = 2000


def make_tree(folder: Path, images: int) -> None:
    """``images`` files in a folder per class."""
    rng = np.random.default_rng(0)
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
    first: list[Path] = []
    for number in range(images):
        path = folder / CLASSES[number % len(CLASSES)] / f"{number:07}.png"
        if number < DIFFERENT:
            Image.fromarray(rng.integers(0, 256, (48, 48), np.uint8)).save(path)
            first.append(path)
        else:
            os.link(first[number % DIFFERENT], path)


def measured(*arguments: str) -> tuple[float, float]:
    """Seconds and peak memory in MB of ``mien data`` with ``arguments``."""
    start = time.perf_counter()
    process = subprocess.Popen([*MIEN, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"mien data {arguments[0]} failed")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_tree(folder / "tree", given.images)
        seconds, memory = measured("import", str(folder / "tree"), "--layout", "folder", "--out", str(folder / "data"))
        print(f"import of {given.images:,} images: {seconds:.0f} s, peak {memory:,.0f} MB")
        rows = np.load(folder / "data" / "rows.npy").shape[0]
        np.save(folder / "p.npy", np.random.default_rng(0).dirichlet(np.ones(8), rows).astype(np.float32))
        seconds, memory = measured(
            *("audit", str(folder / "data"), "--probabilities", str(folder / "p.npy"), "--out", str(folder / "audit"))
        )
        print(f"audit of {given.images:,} images: {seconds:.0f} s, peak {memory:,.0f} MB")


if __name__ == "__main__":
    main()
