"""Processor time of one `mien predict PHOTO` from nothing, against plain Python that does the least, in the same run.

    python benchmarks/cold_start.py [PHOTO]

The least is to import numpy, Pillow and onnxruntime, decode the photo and run the network once on it, without looking
for faces. Both run in turns, each in a new process on one core; medians, so that other work matters little. Without a
photo, scikit-image's public-domain portrait is enlarged to 2100 × 1700.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from mien.weights import weight_path

ROUNDS = 15
PLAIN = """
import sys
import numpy, onnxruntime
from PIL import Image
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
face = Image.open(sys.argv[2]).convert("L").resize((48, 48))
session.run(None, {"images": numpy.asarray(face, numpy.float32)[None, None] / 255})
"""


def cost(command: list[str]) -> tuple[float, float]:
    """Processor seconds and peak megabytes of a command; what it prints is thrown away."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def made_photo(folder: Path) -> Path:
    from PIL import Image
    from skimage import data

    path = folder / "portrait.jpg"
    Image.fromarray(data.astronaut()).resize((2100, 1700)).save(path, quality=90)
    return path


def measure(photo: Path) -> dict[str, tuple[float, float]]:
    """Median seconds and largest megabytes of each command."""
    commands = {
        "mien predict": [sys.executable, "-m", "mien", "predict", str(photo)],
        "plain Python": [sys.executable, "-c", PLAIN, str(weight_path("default")), str(photo)],
    }
    for command in commands.values():
        cost(command)  # compiles what was never imported
    rounds = [{name: cost(command) for name, command in commands.items()} for _ in range(ROUNDS)]
    return {
        name: (statistics.median(row[name][0] for row in rounds), max(row[name][1] for row in rounds))
        for name in commands
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", nargs="?", type=Path)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # the commands inherit it
    with tempfile.TemporaryDirectory() as folder:
        found = measure(parser.parse_args().photo or made_photo(Path(folder)))
    print("| command | processor time | peak memory |\n|---|---:|---:|")
    for name, (seconds, megabytes) in found.items():
        print(f"| {name} | {seconds:.2f} s | {megabytes:.0f} MB |")
    print(f"\nmien predict takes {found['mien predict'][0] / found['plain Python'][0]:.2f} times plain Python's time")


if __name__ == "__main__":
    main()
