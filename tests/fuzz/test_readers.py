"""Every reader of files from outside, on sound files made unsound: read or refused in words, within time and memory.

Half of the cases change any bytes, half the fields that a reader parses, with checksums that fit. Each runs in a worker
process that is ended where it hangs or takes too much memory, and reads a sound file afterwards.
"""

import secrets
from collections import Counter

import pytest

from mien.errors import MienError
from mien.runtime.workers import WorkerPool
from tests.fuzz.cases import Case, all_readers, run_case

#: Longest time of a case, seconds on an idle machine; the first makes the sound input and imports what reads it.
_TIME_S = 300.0


@pytest.mark.parametrize("reader", all_readers())
def test_unsound_files_are_read_or_refused_within_bounds(reader: str, request: pytest.FixtureRequest) -> None:
    soak = request.config.getoption("--soak", default=False)
    cases, seed = (500, secrets.randbelow(10**9)) if soak else (50, 17)
    print(f"{reader}: {cases} cases, seed {seed}")  # noqa: T201 - shown where it fails, and with -s
    told, outcomes = all_readers()[reader], Counter[str]()
    with WorkerPool(run_case, workers=1, time_s=_TIME_S, memory_bytes=told.memory_bytes) as pool:
        for number, outcome in enumerate(pool.map(Case(reader, seed, number) for number in range(cases))):
            assert not isinstance(outcome, MienError), f"case {number} of seed {seed}: {outcome}"
            outcomes[outcome] += 1
    assert outcomes["read"] > 0
    assert outcomes["refused"] > 0 or not told.refuses
