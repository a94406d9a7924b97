"""Jobs that are killed again and again, at random times and while files appear, and then go on to the same bytes.

Five kills on this machine belong to the suite; ``pytest --soak -s tests/batch/test_kills.py`` does fifty on each engine
from a random seed and prints what it did. ``MIEN_KILLS`` sets another number, ``MIEN_SEED`` a seed.
"""

import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from mien.batch import BatchSettings, merge, run, status
from mien.errors import CheckpointError
from tests.batch.made import files, write_pictures
from tests.conftest import REPOSITORY

#: Many small parts: files are renamed all the time.
SETTINGS = BatchSettings(part_size=2, workers=1)
PICTURES = 16
_POLL_S = 0.01

#: A process that has everything imported and forks a copy of itself for each job: a kill costs no start of Python.
_NURSERY = """
import os, sys
from mien.batch import merge, run
from tests.batch.test_kills import SETTINGS
import pandas, pyarrow.parquet  # which pyarrow loads where it is there
engine = sys.argv[1]
if engine == "ray":
    import ray.data
for line in sys.stdin:
    pictures, job = line.rstrip("\\n").split("\\t")
    child = os.fork()
    if not child:
        sys.stdin.close()
        run([pictures], job, settings=SETTINGS, engine=engine, resume=True)
        merge(job, job + ".parquet")
        merge(job, job + ".csv")
        os._exit(0)
    print(child, flush=True)
    _, ended = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(ended), flush=True)
"""


@dataclass(slots=True)
class Outcome:
    """What became of a series of kills."""

    kills: Counter[str] = field(default_factory=Counter)
    jobs: int = 0


class Nursery:
    """Runs jobs in processes that can be killed."""

    def __init__(self, engine: str) -> None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(REPOSITORY)])}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _NURSERY, engine],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def begin(self, pictures: Path, job: Path) -> int:
        """The number of the process that runs the job."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{pictures}\t{job}\n")
        self._process.stdin.flush()
        return int(self._line())

    def end(self) -> int:
        """Wait for the job; its exit code, negative where it was killed."""
        return int(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def close(self) -> None:
        if self._process.stdin and self._process.stdout:
            self._process.stdin.close()
            self._process.stdout.close()
        self._process.wait(30)


def kill_again_and_again(
    engine: str, kills: int, seed: int, pictures: Path, whole: Path, folder: Path
) -> Iterator[Outcome]:
    """Kill jobs until there were so many kills; each job goes on until it is done, and is then compared."""
    random, outcome, nursery = np.random.default_rng(seed), Outcome(), Nursery(engine)
    expected = files(whole)
    merged = [whole.with_suffix(f"{whole.suffix}{ending}").read_bytes() for ending in (".parquet", ".csv")]
    try:
        began = time.monotonic()
        nursery.begin(pictures, folder / "warm")
        assert nursery.end() == 0
        whole_s = time.monotonic() - began
        while outcome.kills.total() < kills:
            job = folder / f"job{outcome.jobs}"
            code = -signal.SIGKILL
            while code == -signal.SIGKILL:
                process = nursery.begin(pictures, job)
                if outcome.kills.total() < kills:
                    kind = _kill_at_some_time(process, whole_s, job, random)
                    outcome.kills[kind] += kind != "too late"
                code = nursery.end()
                _check_visible_parts(job, expected)
            assert code == 0
            assert files(job) == expected
            assert [job.with_name(job.name + ending).read_bytes() for ending in (".parquet", ".csv")] == merged
            outcome.jobs += 1
            yield outcome
    finally:
        nursery.close()


def _kill_at_some_time(process: int, whole_s: float, job: Path, random: np.random.Generator) -> str:
    """Half at a time uniform over a whole run, half just when some further name appears: before or after a rename."""
    is_timed = bool(random.integers(2))
    until = time.monotonic() + (random.uniform(0, whole_s) if is_timed else 10 * whole_s)
    names, wanted = _names(job), int(random.integers(1, 20))
    while time.monotonic() < until and _is_running(process):
        if not is_timed and len(_names(job) - names) >= wanted:
            time.sleep(random.uniform(0, 0.005))
            break
        time.sleep(_POLL_S)
    if not _is_running(process):
        return "too late"
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    kind = "at a random time" if is_timed else "while a file appeared"
    is_merging = len(files(job)) * SETTINGS.part_size == PICTURES
    return f"{kind}, all parts there" if is_merging else kind


def _names(job: Path) -> set[str]:
    """All names in and beside the job, temporary ones too."""
    return {path.name for folder in (job, job.parent) if folder.is_dir() for path in folder.iterdir()}


def _is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return False


def _check_visible_parts(job: Path, expected: dict[str, bytes]) -> None:
    """Whatever a kill leaves is whole: a part that is there has the bytes of an undisturbed one."""
    found = files(job) if job.is_dir() else {}
    assert {name: content for name, content in found.items() if expected.get(name) != content} == {}
    if (job / "manifest.json").exists():
        assert status(job).pictures == sum(SETTINGS.part_size for _ in found)
    else:
        with pytest.raises(CheckpointError, match="no batch job here"):
            status(job)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("pictures"), PICTURES)


@pytest.fixture(scope="module")
def whole(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job that nothing disturbed, merged. Not to be changed."""
    out = tmp_path_factory.mktemp("whole") / "job"
    run([pictures], out, settings=SETTINGS)
    merge(out, f"{out}.parquet")
    merge(out, f"{out}.csv")
    return out


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Ray node of its own, which outlives the drivers that are killed."""
    pytest.importorskip("ray", reason="needs mien[scale]")
    command = [str(Path(sys.executable).with_name("ray")), "start", "--head", "--port=0", "--num-cpus=2", "--block"]
    command += ["--include-dashboard=false", "--object-store-memory=100000000", "--disable-usage-stats"]
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # a token in the user's home would be asked of the drivers
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(REPOSITORY)])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment) as ray:
        assert ray.stdout is not None
        told: list[str] = []
        while not (found := re.search(r"--address='([\d.:]+)'", "".join(told[-1:]))):
            told.append(ray.stdout.readline())
            assert told[-1], "".join(told)[-3000:]
        monkeypatch.setenv("RAY_ADDRESS", found[1])
        yield
        ray.terminate()


def _test(engine: str, kills: int, seed: int, pictures: Path, whole: Path, folder: Path) -> None:
    for outcome in kill_again_and_again(engine, kills, seed, pictures, whole, folder):
        told = "; ".join(f"{count} {kind}" for kind, count in sorted(outcome.kills.items()) if count)
        sys.stdout.write(f"{engine}: {outcome.kills.total()} kills ({told}), {outcome.jobs} jobs done; seed {seed}\n")
        sys.stdout.flush()


def _wanted() -> tuple[int, int]:
    """Kills and seed of a long run."""
    return int(os.environ.get("MIEN_KILLS", "50")), int(os.environ.get("MIEN_SEED", secrets.randbelow(10**9)))


@pytest.mark.slow
def test_killed_jobs_end_with_the_bytes_of_one_that_nothing_disturbed(
    pictures: Path, whole: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    soak = request.config.getoption("--soak", default=False)
    kills, seed = _wanted() if soak else (5, 3)
    _test("local", kills, seed, pictures, whole, tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_killed_drivers_of_a_cluster_end_with_the_bytes_of_one_machine(
    pictures: Path, whole: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if not request.config.getoption("--soak", default=False):
        pytest.skip("takes minutes; --soak kills fifty drivers")
    _test("ray", *_wanted(), pictures, whole, tmp_path)
