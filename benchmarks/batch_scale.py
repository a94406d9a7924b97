"""How a batch job grows: python benchmarks/batch_scale.py --pictures FOLDER [--counts 1000 10000] [--repeats 3].

From the pictures in FOLDER it makes as many as each count says, by crops, mirroring, scale and light from a seed, and
reads them with `mien batch`: pictures a second by the clock and by the cores' time, and memory of all its processes in
the first tenth, once two parts are whole, and in the last. With --compare N it then reads N such pictures in turns with
one process of `mien predict` and with `mien batch`, each --repeats times, and compares the best of each. It works in a
folder of its own, which it removes.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

MIEN = [sys.executable, "-m", "mien"]
#: Pictures of two parts.
WARM = 512


@dataclass(frozen=True, slots=True)
class Reading:
    """What one command took.

    Attributes:
        pictures: That it read.
        wall_s: By the clock.
        core_s: Of all cores, user and system.
        first_mib, last_mib: Memory of all processes, median over the first tenth of the pictures (once two parts are
            whole) and over the last.
    """

    pictures: int
    wall_s: float
    core_s: float
    first_mib: float = 0.0
    last_mib: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.pictures / self.wall_s:.1f} pictures/s, {self.pictures / self.core_s:.1f} for each second of a core"
        )


def make_pictures(sources: Sequence[Path], folder: Path, count: int) -> None:
    """Pictures 0 … count - 1, the same for each number however many there are; those that exist stay."""
    folder.mkdir(exist_ok=True)
    for number in range(count):
        path = folder / f"{number // 1000:04d}" / f"{number:07d}.jpg"
        if path.exists():
            continue
        path.parent.mkdir(exist_ok=True)
        random = np.random.default_rng(number)
        with Image.open(sources[number % len(sources)]) as opened:
            picture = opened.convert("RGB")
        width, height = picture.size
        left, top, right, bottom = random.uniform(0, 0.08, 4)
        picture = picture.crop(
            (round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height))
        )
        if random.integers(2):
            picture = ImageOps.mirror(picture)
        picture = ImageEnhance.Brightness(picture).enhance(random.uniform(0.8, 1.2))
        scale = random.uniform(0.9, 1.1)
        picture.resize((round(picture.width * scale), round(picture.height * scale))).save(path, quality=90)


def family(pid: int) -> list[int]:
    """A process with its children and theirs."""
    found = [pid]
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [each for child in path.read_text().split() for each in family(int(child))]
        except OSError:
            continue
    return found


def resident_mib(pid: int) -> float:
    """Memory of a process and its children: what is shared is counted once for each, as it is at any time."""
    pages = 0
    for each in family(pid):
        try:
            pages += int(Path(f"/proc/{each}/statm").read_text().split()[1])
        except OSError:
            continue
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def batch(inputs: Path, out: Path, workers: int) -> Reading:
    """One job, its memory taken at each line of progress."""
    before, began, memory = children_s(), time.perf_counter(), list[tuple[int, float]]()
    command = [*MIEN, "batch", str(inputs), "--out", str(out), "--workers", str(workers), "--progress", "json"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr or ():
            if line.startswith("{"):
                memory.append((json.loads(line)["pictures"], resident_mib(process.pid)))
            else:
                print(f"    {line.strip()}")
    if process.returncode:
        sys.exit("the job failed")
    wall_s, count = time.perf_counter() - began, memory[-1][0]
    memory = memory[1:-1] or memory  # workers end with the last picture
    # before two parts are whole, libraries are still being loaded: tables, the network's memory
    first = [mib for done, mib in memory if WARM < done <= max(2 * WARM, 0.1 * count)] or [memory[0][1]]
    last = [mib for done, mib in memory if done > 0.9 * count] or [memory[-1][1]]
    return Reading(count, wall_s, children_s() - before, median(first), median(last))


def predict(inputs: Path, out: Path) -> Reading:
    """One process of `mien predict` over a folder, with all its defaults."""
    before, began = children_s(), time.perf_counter()
    done = subprocess.run([*MIEN, "predict", str(inputs), "--out", str(out), "--quiet"], check=False, text=True)
    if done.returncode:
        sys.exit("predict failed")
    pictures = len({line.split(",", 1)[0] for line in out.read_text().splitlines()[1:]})
    return Reading(pictures, time.perf_counter() - began, children_s() - before)


def compare(inputs: Path, folder: Path, workers: int, repeats: int) -> None:
    """Both ways in turns, so that what else the machine does falls on both alike."""
    alone, jobs = [], []
    for repeat in range(repeats):
        alone.append(predict(inputs, folder / f"faces{repeat}.csv"))
        jobs.append(batch(inputs, folder / f"compared{repeat}", workers))
        print(f"  mien predict: {alone[-1]}\n  mien batch:   {jobs[-1]}")
    slow, fast = min(alone, key=lambda r: r.wall_s), min(jobs, key=lambda r: r.wall_s)
    print(f"best of {repeats}: mien batch is {slow.wall_s / fast.wall_s:.2f} times as fast by the clock", end=", ")
    cheap = min(r.core_s for r in jobs) / min(r.core_s for r in alone)
    print(f"and takes {cheap:.2f} times the time of cores")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--counts", type=int, nargs="*", default=[1_000, 10_000])
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--compare", type=int, default=0, metavar="N", help="pictures that both commands read in turns")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    sources = sorted(path for path in options.pictures.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    print(f"{len(sources)} photographs; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with TemporaryDirectory(prefix="mien-batch-") as name:
        folder = Path(name)
        for count in options.counts:
            make_pictures(sources, folder / f"made{count}", count)
            reading = batch(folder / f"made{count}", folder / f"job{count}", options.workers)
            growth = reading.last_mib / reading.first_mib - 1
            print(
                f"{count:,}: {reading}; {reading.first_mib:.0f} MiB, at the end {reading.last_mib:.0f} ({growth:+.1%})"
            )
        if options.compare:
            make_pictures(sources, folder / "compared", options.compare)
            compare(folder / "compared", folder, options.workers, options.repeats)


if __name__ == "__main__":
    main()
