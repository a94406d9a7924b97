"""Pictures that are traps, and workers that die: each costs itself alone, and all other rows stay as they are.

``pytest -s tests/batch/test_poison.py`` prints what became of each trap.
"""

import os
import sys
import tarfile
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from struct import pack

import psutil
import pytest

from mien.batch import BatchProgress, BatchSettings, run
from mien.errors import WorkerStartError
from tests.batch.made import SETTINGS, files, rows, write_pictures

#: Short limits: a trap must not hold up the test.
TRAPPED = BatchSettings(part_size=4, workers=2, memory_mb=300, time_s=20, max_bytes=2_000_000)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("pictures"), 8)


def _png(width: int, height: int, packed: bytes) -> bytes:
    """An 8-bit gray PNG of that size, whatever its data hold."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return pack(">I", len(content)) + kind + content + pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def _traps(good: bytes) -> dict[str, bytes]:
    """Name and content of each trap."""
    rows_of_zeros = zlib.compress(bytes(9001) * 9000)
    return {
        "bomb.png": _png(60_000, 60_000, zlib.compress(bytes(1000))),  # 3.6 billion pixels in its header
        "costly.png": _png(9000, 9000, rows_of_zeros),  # 243 MB as RGB: more than a worker may take
        "cut.png": good[: len(good) // 2],
        "empty.jpg": b"",
        "fat.jpg": b"\xff\xd8\xff" + bytes(2_000_000),
        "garbage.webp": b"RIFF\xff\xff\xff\xffWEBPVP8 " + bytes(range(256)),
        "page.jpg": b"<html><script>alert(1)</script></html>",
        "pickle.jpg": b"\x80\x04\x95\x1e\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
        "scans.jpg": b"\xff\xd8" + b"\xff\xda\x00\x02" * 50_000,
        "text.gif": b"GIF89a" + b"\xff" * 7,
    }


@pytest.fixture(params=["files", "a shard"])
def trapped(request: pytest.FixtureRequest, pictures: Path, tmp_path: Path) -> Iterator[tuple[Path, set[str]]]:
    """Good pictures among traps, as files or as a shard."""
    traps = _traps((pictures / "picture000.png").read_bytes())
    folder = tmp_path / "in"
    folder.mkdir()
    for name, content in ({path.name: path.read_bytes() for path in pictures.iterdir()} | traps).items():
        (folder / name).write_bytes(content)
    if request.param == "files":
        os.mkfifo(folder / "pipe.jpg")  # opening it waits for ever
        (folder / "folder.jpg").mkdir()
        yield folder, set(traps)
        return
    with tarfile.open(tmp_path / "shard.tar", "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)
    yield tmp_path / "shard.tar", set(traps)


def test_a_trap_costs_itself_alone(trapped: tuple[Path, set[str]], pictures: Path, tmp_path: Path) -> None:
    source, traps = trapped
    counted = run([source], tmp_path / "job", settings=TRAPPED)
    run([pictures], tmp_path / "good", settings=TRAPPED)
    found = {Path(str(row["source"])).name: row for row in rows(tmp_path / "job")}
    for name in sorted(traps):
        sys.stdout.write(f"{name}: {found[name]['error_type']}: {found[name]['error']}\n")
    assert {name for name, row in found.items() if row["error_type"]} == traps
    assert counted.failed == len(traps)
    for row in rows(tmp_path / "good"):
        other = found[Path(str(row["source"])).name]
        assert {**other, "source": ""} == pytest.approx({**row, "source": ""}, abs=1e-6, nan_ok=True)


def test_a_path_in_a_table_that_never_answers_is_given_up(pictures: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "list.csv").write_text(f"path\n{pictures / 'picture000.png'}\npipe.jpg\n/dev/zero\n")
    run([tmp_path / "list.csv"], tmp_path / "job", settings=BatchSettings(workers=1, time_s=3))
    assert [row["error_type"] is None for row in rows(tmp_path / "job")] == [True, False, False]


def test_workers_that_are_killed_cost_one_picture_each_and_the_network_runs_all_the_same(
    pictures: Path, tmp_path: Path
) -> None:
    source = write_pictures(tmp_path / "source", 24)
    run([source], tmp_path / "whole", settings=SETTINGS)
    killed: list[int] = []

    def kill(at: BatchProgress) -> None:
        workers = [child for child in psutil.Process().children() if "worker_process" in " ".join(child.cmdline())]
        if len(killed) < 3 and workers and at.pictures < at.entries - 6:
            workers[0].kill()
            killed.append(at.pictures)

    counted = run([source], tmp_path / "job", settings=SETTINGS, progress=kill)
    assert killed
    assert counted.failed <= len(killed)
    whole = {row["source"]: row for row in rows(tmp_path / "whole")}
    for row in rows(tmp_path / "job"):
        if row["error_type"] is None:
            assert row == whole[row["source"]]


def test_where_no_worker_starts_the_job_stops_and_writes_no_row(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = tmp_path / "job"
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", "/bin/false")
        with pytest.raises(WorkerStartError, match="did not start"):
            run([pictures], job, settings=SETTINGS)
    assert not files(job)
    assert threading.active_count() < 20
    run([pictures], job, settings=SETTINGS, resume=True)
    run([pictures], tmp_path / "whole", settings=SETTINGS)
    assert files(job) == files(tmp_path / "whole")
