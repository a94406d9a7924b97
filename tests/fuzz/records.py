"""Files of our own after an accident or a stranger: progress of videos, batch jobs, jobs of the service."""

import hashlib
import json
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mien.batch import merge
from mien.batch.entries import Part, divide
from mien.batch.inputs import list_entries
from mien.batch.manifest import JobFolder as BatchFolder
from mien.batch.manifest import Manifest
from mien.batch.rows import columns, write_part
from mien.batch.summary import summarize
from mien.expressions import FERPLUS_LABELS
from mien.imaging.folders import LeftOut
from mien.metadata import ModelMetadata
from mien.recognition.pipeline import load
from mien.service.http.limits import Client
from mien.service.jobs.folder import JobFolder
from mien.service.jobs.worker import JobWorker
from mien.video.outputs import VideoOutputs
from mien.video.resume import progress_file
from tests.fuzz.mutation import anywhere, in_json
from tests.fuzz.reader import Reader
from tests.fuzz.tables import in_json_lines
from tests.small_models import write_model
from tests.video.recording import Killed, killed_at, record
from tests.videos import scene, write_video


def readers() -> Iterator[tuple[str, Reader]]:
    """Each kind of record."""
    yield "progress file", Reader(begun_video, _change_progress, resume_video, memory_bytes=2 << 30)
    yield "batch job", Reader(made_batch_job, _change_batch, _read_batch)
    yield "service job", Reader(_service_job, _change_job, _work, memory_bytes=2 << 30, refuses=False)


def begun_video(folder: Path) -> Path:
    write_model(folder / "m.onnx", ModelMetadata("small"))
    write_video(folder / "a.mp4", [scene([(10 + 3 * n, 10, 90)], (120, 120)) for n in range(5)])
    pipeline = load(folder / "m.onnx", "whole", threads=1)
    try:
        record(pipeline, folder / "a.mp4", VideoOutputs(folder / "t.csv"), listener=killed_at(2), note_every_s=0)
    except Killed:
        return folder / "t.csv"
    raise AssertionError("it was not killed")


def _change_progress(table: Path, rng: random.Random, is_in_fields: bool) -> None:
    path = progress_file(table)
    if not is_in_fields:
        target = path if rng.random() < 0.7 else table
        target.write_bytes(anywhere(target.read_bytes(), rng))
        return
    document = json.loads(path.read_text())
    del document["checksum"]
    document = in_json(document, rng)
    if isinstance(document, dict):
        text = json.dumps(document, sort_keys=True)
        document["checksum"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps(document))


def resume_video(table: Path) -> bytes:
    pipeline = load(table.parent / "m.onnx", "whole", threads=1)
    record(pipeline, table.parent / "a.mp4", VideoOutputs(table), resume=True)
    return table.read_bytes()


def made_batch_job(folder: Path) -> Path:
    (folder / "in").mkdir()
    for number in range(4):
        (folder / "in" / f"{number}.jpg").write_bytes(b"a picture")
    entries = list_entries([str(folder / "in")], LeftOut())
    parts = divide(entries, 2)
    settings = {"model": "default", "part_size": 2}
    labels = tuple(map(str, FERPLUS_LABELS))
    whole = [entry for part in parts for entry in part.entries]
    job = BatchFolder(folder / "job")
    job.begin(Manifest((str(folder / "in"),), Part(0, tuple(whole)).fingerprint, 4, "0", {}, labels, settings), parts)
    for part in parts:
        rows = [{"source": entry.name, "width": 5, "height": 5} for entry in part.entries]
        rows[0] |= {"face": 1, "expression": "fear", "probability": 0.5}
        write_part(job.part(part.number), part, rows, columns(FERPLUS_LABELS))
    return job.path


def _change_batch(folder: Path, rng: random.Random, is_in_fields: bool) -> None:
    path = folder / rng.choice(("manifest.json", "entries.jsonl", "part-000000.parquet"))
    if is_in_fields and path.suffix != ".parquet":
        path.write_bytes(in_json_lines(path.read_bytes(), rng))
    elif rng.random() < 0.1:
        _replace(path, rng, folder)
    else:
        path.write_bytes(anywhere(path.read_bytes(), rng))


def _read_batch(folder: Path) -> Any:
    job = BatchFolder(folder)
    manifest, parts = job.read()
    now = job.read()[0]
    assert manifest.difference(now) is None
    told = summarize(job, parts, manifest.label_set)
    rows = merge(folder, folder.parent / "all.csv", partial=True)
    return job.status(parts), rows, merge(folder, folder.parent / "all.parquet", partial=True), str(told)[:2000]


_ODD: list[Any] = [
    *(None, True, 0, -1, 2**70, 1e308, float("nan"), float("inf"), "", "..", "../victim", "done", "a" * 70_000),
    *([], [[]], ["rows.csv"], [".."], {}, {"a": {}}, "\0", "\ud800", [None] * 1000),
]
_PHASES = ("waiting", "running", "uploading", "done", "failed", "canceled")


def _jobs(folder: Path, keep_s: float = 1e10) -> JobFolder:
    return JobFolder(folder / "jobs", max_bytes=10**8, max_waiting=99, keep_s=keep_s)


def _service_job(folder: Path) -> Path:
    """A job that waits, and a folder beside the jobs that nothing may touch."""
    with _jobs(folder).uploading("clip.mp4", Client("a")) as job:
        _jobs(folder).source(job).write_bytes(b"video")
    (folder / "victim").mkdir()
    (folder / "victim" / "secret.txt").write_text("secret")
    return folder


def _change_job(folder: Path, rng: random.Random, is_in_fields: bool) -> None:
    (place,) = (folder / "jobs").iterdir()
    path = place / "job.json"
    if rng.random() < 0.4:
        part = place / rng.choice(["job.json", "lock", "source", "work", "results", "canceled"])
        part.unlink(missing_ok=True)
        _replace(part, rng, folder / "victim")
    elif is_in_fields:
        document = json.loads(path.read_text()) | {"phase": rng.choice(_PHASES)}
        if rng.random() < 0.2:
            document.pop(rng.choice([*document]))
        else:
            document[rng.choice([*document, "more"])] = rng.choice(_ODD)
        path.write_text(json.dumps(document))
    else:
        path.write_bytes(anywhere(path.read_bytes(), rng))


def _replace(part: Path, rng: random.Random, victim: Path) -> None:
    """Put something else in the place of a file."""
    part.unlink(missing_ok=True)
    match rng.choice(("link", "folder", "pipe", "file", "loop", "gone")):
        case "link":
            part.symlink_to(rng.choice([victim, victim / "secret.txt"]))
        case "folder":
            (part / "deep").mkdir(parents=True)
        case "pipe":
            os.mkfifo(part)
        case "file":
            part.write_bytes(rng.randbytes(50))
        case "loop":
            part.symlink_to(part)


def _copy(source: Path, folder: Path, job: object, progress: object) -> None:
    """A reader for the worker."""
    (folder / "rows.csv").write_bytes(source.read_bytes())


def _work(folder: Path) -> str:
    """Another job is done, whatever lies beside it; results are served and removed, and nothing outside is."""
    jobs = _jobs(folder)
    with jobs.uploading("next.mp4", Client("b")) as after:
        jobs.source(after).write_bytes(b"video")
    worker = JobWorker(jobs, _copy)
    while (now := jobs.find(after.id)) is not None and not now.ended:
        worker.wake()
    worker.close()
    assert now is not None
    assert now.phase == "done", now
    for found in jobs.all():
        for name in found.files:
            jobs.result(found, name)
        jobs.cancel(found)
        jobs.remove(found)
    _jobs(folder, keep_s=0.0).tidy()
    assert (folder / "victim" / "secret.txt").read_text() == "secret"
    assert [path.name for path in (folder / "victim").iterdir()] == ["secret.txt"]
    shutil.rmtree(folder / "jobs")
    return "done"
