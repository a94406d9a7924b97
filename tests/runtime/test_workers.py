"""Work in killable processes: order, limits, replacement, bounded memory, and nothing left behind."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import GeneratorType

import numpy as np
import psutil
import pytest

from mien.errors import ConfigError, ImageDecodeError, LimitError, MienError, OverdueError, WorkerError
from mien.runtime.workers import WorkerPool
from tests.conftest import REPOSITORY
from tests.runtime import work

#: The environment of a script that imports from the tests.
WITH_TESTS = {**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *sys.path])}


def test_outcomes_come_in_the_order_of_the_items() -> None:
    with WorkerPool(work.after, workers=2) as pool:
        waits = [0.3, 0.0, 0.1, 0.0, 0.05]
        assert list(pool.map(waits)) == waits


def test_arrays_come_back_whole() -> None:
    with WorkerPool(work.gray, workers=1) as pool:
        (outcome,) = pool.map([2000])
    np.testing.assert_array_equal(outcome, work.gray(2000))


@pytest.mark.parametrize(
    ("how", "kind", "text"),
    [
        ("hang", OverdueError, "took longer than 0.6 s"),
        ("hang deaf", OverdueError, "took longer than 0.6 s"),
        ("segfault", WorkerError, r"crashed \(exit code -11\)"),
        ("exit", WorkerError, r"crashed \(exit code 3\)"),
        ("recursion", WorkerError, "RecursionError"),
        ("unpicklable", WorkerError, "pickle|local object"),  # in the words of each version of Python
        ("theirs", WorkerError, "ZeroDivisionError: 0/0 in a date"),
        ("ours", ImageDecodeError, "bad picture"),
    ],
)
def test_what_goes_wrong_costs_its_own_item_alone(how: str, kind: type[MienError], text: str) -> None:
    with WorkerPool(work.misbehaving, workers=1, time_s=0.6) as pool:
        before, wrong, after = pool.map([1, how, 2])
    assert (before, after) == (1, 2)
    with pytest.raises(kind, match=text):
        raise wrong  # type: ignore[misc]


def test_the_hint_of_an_error_comes_along() -> None:
    with WorkerPool(work.misbehaving, workers=1) as pool, pytest.raises(ImageDecodeError) as caught:
        pool.submit("ours").result()
    assert caught.value.hint == "take another"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone keeps the limit")
def test_an_item_that_takes_too_much_memory_is_refused_and_the_next_is_done() -> None:
    with WorkerPool(work.taken, workers=1, memory_bytes=2**28) as pool:
        small, large, again = pool.map([10, 1000, 10])
    assert small == again == 10 * 2**20
    with pytest.raises(LimitError, match="more memory than the 256 MiB allowed"):
        raise large  # type: ignore[misc]


def test_a_worker_is_used_again_and_replaced_when_it_was_killed() -> None:
    with WorkerPool(work.process_id, workers=1) as pool:
        first, second = pool.map([0, 0])
        assert first == second != os.getpid()
        psutil.Process(first).kill()
        psutil.Process(first).wait()
        assert pool.submit(0).result() != first


def test_a_pool_closes_while_results_of_an_unfinished_map_wait_for_room() -> None:
    with WorkerPool(work.gray, workers=2, held_bytes=1) as pool:
        outcomes = pool.map([2000] * 6)
        assert isinstance(outcomes, GeneratorType)
        next(outcomes)
        time.sleep(0.3)  # the other worker's result waits for its turn, which never comes
    with pytest.raises(WorkerError, match="pool of workers is closed"):
        pool.submit(1)


def test_results_wait_in_the_worker_until_there_is_room() -> None:
    """One slow item first: meanwhile the others are done, but no more than one of 4 MB is let into this process."""
    with WorkerPool(work.gray, workers=2, held_bytes=5 * 2**20) as pool:
        outcomes = pool.map([2000] * 12)
        assert isinstance(outcomes, GeneratorType)
        next(outcomes)
        time.sleep(0.3)
        assert outcomes.gi_frame is not None
        _, *untaken = outcomes.gi_frame.f_locals["waiting"]  # the first one's result has been taken
        assert sum(job.future.done() for job in untaken) <= 2  # the next one's, and one that there is room for
        assert len(list(outcomes)) == 11


def test_items_are_taken_as_they_are_needed() -> None:
    taken = []

    def endless() -> object:
        while True:
            taken.append(1)
            yield len(taken)

    with WorkerPool(work.doubled, workers=2) as pool:
        outcomes = pool.map(endless())  # type: ignore[arg-type]
        assert next(outcomes) == 2
        assert len(taken) <= 2 * 32 + 1  # so many ahead of each worker: small items
        outcomes.close()  # type: ignore[attr-defined]
        assert pool.submit(21).result() == 42


def test_few_large_items_are_taken_ahead() -> None:
    taken = []

    def large() -> Iterator[bytes]:
        for number in range(40):
            taken.append(number)
            yield bytes(2**24)

    with WorkerPool(len, workers=1) as pool:
        outcomes = pool.map(large())
        assert next(outcomes) == 2**24
        assert len(taken) <= 6  # 64 MiB, and one more
        assert len(list(outcomes)) == 39


def test_what_a_decoder_prints_does_not_come_between_the_results() -> None:
    with WorkerPool(work.noisy, workers=1) as pool:
        assert list(pool.map(range(5))) == list(range(5))


def test_a_function_that_workers_cannot_import_is_told(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from mien.runtime.workers import WorkerPool\n"
        "def local(item): return item\n"
        "print([str(outcome) for outcome in WorkerPool(local).map([1])])\n"
    )
    done = subprocess.run([sys.executable, script], env=WITH_TESTS, capture_output=True, text=True, check=True)
    assert "cannot load its function: AttributeError" in done.stdout


def test_a_script_needs_no_guard_and_leaves_no_process_behind(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys\n"
        "from mien.runtime.workers import WorkerPool\n"
        "from tests.runtime import work\n"
        "pool = WorkerPool(work.process_id, workers=2)\n"
        "print(*pool.map([0, 0, 0]), flush=True)\n"
        "pool.submit('hang')\n"
        "os._exit(0)\n"
    )
    done = subprocess.run([sys.executable, script], env=WITH_TESTS, capture_output=True, text=True, check=True)
    ended_by = time.monotonic() + 10
    left = set(map(int, done.stdout.split()))
    while left and time.monotonic() < ended_by:
        left = {number for number in left if psutil.pid_exists(number)}
        time.sleep(0.05)
    assert not left


def test_a_closed_pool_ends_what_runs_and_takes_nothing_more() -> None:
    pool = WorkerPool(work.after, workers=1)
    running, waiting = pool.submit(30), pool.submit(0)
    while not running.running():
        time.sleep(0.01)
    began = time.monotonic()
    pool.close()
    with pytest.raises(WorkerError):
        running.result()
    assert waiting.cancelled()
    assert time.monotonic() - began < 10
    with pytest.raises(WorkerError, match="closed"):
        pool.submit(0)


def test_what_is_canceled_before_it_begins_is_not_done(tmp_path: Path) -> None:
    with WorkerPool(work.told_in_a_file, workers=1) as pool:
        futures = [pool.submit(str(tmp_path / f"{number}")) for number in range(20)]
        canceled = [number for number, future in enumerate(futures) if future.cancel()]
        for number, future in enumerate(futures):
            if number not in canceled:
                future.result()
    assert canceled
    assert not any((tmp_path / f"{number}").exists() for number in canceled)


@pytest.mark.parametrize("time_s", [0.0, -1.0, float("inf"), float("nan"), 1e300])
def test_a_time_limit_that_no_clock_has_is_refused(time_s: float) -> None:
    with pytest.raises(ConfigError, match=r"a time limit of .* s, expected more than 0"):
        WorkerPool(len, time_s=time_s)
