"""Mutates job folders and works on them: python -m tests.service.job_fuzz SEED CASES FOLDER.

After each mutation the next job must be done, and a folder beside the jobs must be as it was. It prints ``sound``.
"""

import json
import logging
import os
import random
import resource
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from mien.service.http.limits import Client
from mien.service.jobs.folder import JobFolder
from mien.service.jobs.worker import JobWorker

VALUES: list[Any] = [
    *(None, True, 0, -1, 2**70, 1e308, float("nan"), float("inf"), "", "..", "../victim", "done", "a" * 70_000),
    *([], [[]], ["rows.csv"], [".."], {}, {"a": {}}, "\0", "\ud800", [None] * 1000),
]
PHASES = ["waiting", "running", "uploading", "done", "failed", "canceled"]
#: Longest time for a case, and memory for all of them.
LIMIT_S, LIMIT_BYTES = 20, 2**31


def mutate(pick: random.Random, place: Path, record: dict[str, Any], victim: Path) -> None:
    """Change a field, some bytes or a part of the job in ``place``."""
    kind = pick.choice(["field", "field gone", "bytes", "part", "part"])
    if kind == "field":
        record[pick.choice([*record, "more"])] = pick.choice(VALUES)
    elif kind == "field gone":
        record.pop(pick.choice([*record]))
    text = json.dumps(record).encode()
    if kind == "bytes":
        raw = bytearray(text)
        for _ in range(pick.randrange(1, 8)):
            raw[pick.randrange(len(raw))] = pick.randrange(256)
        text = bytes(raw[: pick.choice([len(raw), pick.randrange(len(raw))])])
    (place / "job.json").write_bytes(text)
    if kind == "part":
        replace_part(pick, place / pick.choice(["job.json", "lock", "source", "work", "results", "canceled"]), victim)


def replace_part(pick: random.Random, part: Path, victim: Path) -> None:
    """Put something else in a part's place."""
    part.unlink(missing_ok=True)
    kind = pick.choice(["link", "folder", "pipe", "file", "loop", "gone"])
    if kind == "link":
        part.symlink_to(pick.choice([victim, victim / "secret.txt"]))
    elif kind == "folder":
        (part / "deep").mkdir(parents=True)
    elif kind == "pipe":
        os.mkfifo(part)
    elif kind == "file":
        part.write_bytes(pick.randbytes(50))
    elif kind == "loop":
        part.symlink_to(part)


def copy(source: Path, folder: Path, job: object, progress: object) -> None:
    """A reader for the worker."""
    (folder / "rows.csv").write_bytes(source.read_bytes())


def run_case(pick: random.Random, root: Path, victim: Path) -> None:
    """One mutation, and what must go on."""
    jobs = JobFolder(root / "jobs", max_bytes=10**8, max_waiting=99, keep_s=pick.choice([0.0, 1e10]))
    with jobs.uploading("clip.mp4", Client("a")) as job:
        jobs.source(job).write_bytes(b"video")
    mutate(pick, root / "jobs" / job.id, job.to_dict() | {"phase": pick.choice(PHASES)}, victim)
    with jobs.uploading("next.mp4", Client("b")) as after:
        jobs.source(after).write_bytes(b"video")
    worker = JobWorker(jobs, copy)
    while (now := jobs.find(after.id)) is not None and not now.ended:
        worker.wake()
    worker.close()
    assert now is None or now.phase == "done", now  # None: it was done and is already too old
    for found in jobs.all():
        for name in found.files:
            jobs.result(found, name)
        jobs.cancel(found)
        jobs.remove(found)
    shutil.rmtree(root / "jobs")
    assert (victim / "secret.txt").read_text() == "secret"
    assert [path.name for path in victim.iterdir()] == ["secret.txt"]


def main(seed: int, cases: int, root: Path) -> None:
    """Run the cases."""
    logging.disable()
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    pick, victim = random.Random(seed), root / "victim"  # noqa: S311 - cases, not keys
    victim.mkdir()
    (victim / "secret.txt").write_text("secret")
    for case in range(cases):
        signal.alarm(LIMIT_S)
        try:
            run_case(pick, root, victim)
        except BaseException:
            sys.stderr.write(f"case {case} of seed {seed}\n")
            raise
    sys.stdout.write("sound\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
