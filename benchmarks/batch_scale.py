"""How a batch job grows: python benchmarks/batch_scale.py --pictures FOLDER [--counts 1000 10000] [--repeats 3].

From the pictures in FOLDER it makes as many as each count says, by crops, mirroring, scale and light from a seed, and
reads them with `mien batch`: pictures a second by the clock and by the cores' time, and memory of the parent and of its
workers in the first tenth, once two parts are whole, and in the last. With --compare N it then reads N such pictures in
turns in one process with one thread, with `mien predict` and with `mien batch`, each --repeats times, and compares the
best of each. It works in a folder of its own, which it removes, or in the folder --keep, where the pictures stay.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

#: The pictures of the arguments in one process with one thread, as a script of a user's own would read them.
_LOOP = """
import sys, mien
with open(sys.argv[1], "w") as out:
    for result in mien.load(threads=1).stream(sys.argv[2:]):
        print(result.to_json(), file=out)
"""
MIEN = [sys.executable, "-m", "mien"]
#: Pictures of four parts, of which two are written by then.
WARM = 1024


class Memory(NamedTuple):
    """What the processes of a job hold after so many pictures; pages that they share count once for each."""

    pictures: int
    parent_mib: float
    workers_mib: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What one command took.

    Attributes:
        pictures: That it read.
        wall_s: By the clock.
        core_s: Of all cores, user and system.
        memory: Of the parent and of its workers in MiB, after so many pictures.
    """

    pictures: int
    wall_s: float
    core_s: float
    memory: tuple["Memory", ...] = ()

    def __str__(self) -> str:
        return (
            f"{self.pictures / self.wall_s:.1f} pictures/s, {self.pictures / self.core_s:.1f} for each second of a core"
        )

    def growth(self) -> str:
        """Medians over the first tenth of the pictures, once libraries are loaded (four parts), and over the last."""
        samples = self.memory[:-1] or self.memory  # workers end with the last picture
        first = [at for at in samples if WARM < at.pictures <= max(2 * WARM, 0.1 * self.pictures)] or samples[:1]
        last = [at for at in samples if at.pictures > 0.9 * self.pictures] or samples[-1:]
        words = []
        for name, column in (("parent", 1), ("workers", 2)):
            begins, ends = (median(at[column] for at in some) for some in (first, last))
            words.append(f"{name} {begins:.0f} MiB, at the end {ends:.0f} ({ends / begins - 1:+.1%})")
        return "; ".join(words)


def make_pictures(sources: Sequence[Path], folder: Path, count: int) -> list[Path]:
    """Pictures 0 … count - 1, the same for each number however many there are; those that exist stay."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number // 1000:04d}" / f"{number:07d}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
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
    return paths


def family(pid: int) -> list[int]:
    """A process with its children and theirs."""
    found = [pid]
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [each for child in path.read_text().split() for each in family(int(child))]
        except OSError:
            continue
    return found


def resident_mib(pids: Sequence[int]) -> float:
    pages = 0
    for pid in pids:
        try:
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except OSError:
            continue
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def batch(pictures: Sequence[Path], out: Path, workers: int) -> Reading:
    """One job, its memory taken at each line of progress."""
    inputs = out.with_suffix(".txt")
    inputs.write_text("".join(f"{path.resolve()}\n" for path in pictures))
    before, began, memory = children_s(), time.perf_counter(), list[Memory]()
    command = [*MIEN, "batch", str(inputs), "--out", str(out), "--workers", str(workers), "--progress", "json"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr or ():
            if line.startswith("{"):
                processes = family(process.pid)
                done = json.loads(line)["pictures"]
                memory.append(Memory(done, resident_mib(processes[:1]), resident_mib(processes[1:])))
            else:
                print(f"    {line.strip()}")
    if process.returncode:
        sys.exit("the job failed")
    return Reading(memory[-1].pictures, time.perf_counter() - began, children_s() - before, tuple(memory))


def alone(pictures: Sequence[Path], command: Sequence[str]) -> Reading:
    """One process that is given the pictures as its last arguments."""
    before, began = children_s(), time.perf_counter()
    if subprocess.run([*command, *map(str, pictures)], check=False).returncode:
        sys.exit(f"{command[:4]} failed")
    return Reading(len(pictures), time.perf_counter() - began, children_s() - before)


def compare(pictures: Sequence[Path], folder: Path, workers: int, repeats: int) -> None:
    """All ways in turns, so that what else the machine does falls on all alike."""
    out = str(folder / "faces.csv")
    ways: dict[str, Callable[[int], Reading]] = {
        "one process, one thread": lambda _: alone(pictures, [sys.executable, "-c", _LOOP, out]),
        "mien predict": lambda _: alone(pictures, [*MIEN, "predict", "--quiet", "--out", out]),
        "mien batch": lambda turn: batch(pictures, folder / f"compared{turn}", workers),
    }
    best: dict[str, Reading] = {}
    for turn in range(repeats):
        for name, read in ways.items():
            reading = read(turn)
            best[name] = min(reading, best.get(name, reading), key=lambda each: each.wall_s)
            print(f"  {name}: {reading}", flush=True)
    job = best.pop("mien batch")
    for name, reading in best.items():
        print(
            f"best of {repeats}: mien batch is {reading.wall_s / job.wall_s:.2f} times as fast as {name} by the clock "
            f"and takes {job.core_s / reading.core_s:.2f} times the time of cores"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--counts", type=int, nargs="*", default=[1_000, 10_000])
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="make the pictures in this folder, and only those it lacks")
    parser.add_argument("--compare", type=int, default=0, metavar="N", help="pictures that both commands read in turns")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    sources = sorted(path for path in options.pictures.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    print(f"{len(sources)} photographs; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with TemporaryDirectory(prefix="mien-batch-") as name:
        folder = Path(name)
        made = options.keep or folder / "made"
        for count in options.counts:
            inputs = make_pictures(sources, made, count)
            reading = batch(inputs, folder / f"job{count}", options.workers)
            print(f"{count:,}: {reading}; {reading.growth()}", flush=True)
        if options.compare:
            compare(make_pictures(sources, made, options.compare), folder, options.workers, options.repeats)


if __name__ == "__main__":
    main()
