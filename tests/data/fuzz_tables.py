# ruff: noqa: PT017, S311, T201
"""Run ``python -m tests.data.fuzz_tables READER SEED CASES``: damaged tables are read or refused in words.

A child process of the test, with bounds on memory and time; prints how many were read and how many refused.
"""

import random
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from mien.data.fer2013 import read_fer2013
from mien.data.ferplus import read_ferplus, read_label_file
from mien.data.tables import LIST_LIMITS, read_rows
from mien.errors import MienError
from tests.data.mutations import mutated, packed
from tests.made import write_fer_files

#: Reader and the file that it reads, by name.
READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "fer2013": ("fer2013.csv", read_fer2013),
    "ferplus": ("fer2013new.csv", read_ferplus),
    "labels": ("label_train.csv", lambda path: read_label_file(path, 0)),
    "rows": ("fer2013new.csv", lambda path: list(read_rows(path, LIST_LIMITS))),
}


def main(reader: str, seed: int, cases: int) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
    name, read = READERS[reader]
    rng = random.Random(seed)
    outcomes = {"read": 0, "refused": 0}
    with TemporaryDirectory() as folder:
        sound = (write_fer_files(Path(folder) / "sound", per_split=(6, 3, 3)) / name).read_bytes()
        for case in range(cases):
            file, content = packed(mutated(sound, rng), name, rng)
            path = Path(folder) / file
            path.write_bytes(content)
            signal.alarm(20)  # a hang ends the process, and the test
            try:
                read(path)
                outcomes["read"] += 1
            except MienError as err:
                assert str(path) in str(err), f"seed {seed}, case {case}: {err} does not name the file"
                assert len(str(err)) < len(folder) + 400, f"seed {seed}, case {case}: {str(err)[:800]}"
                outcomes["refused"] += 1
            except BaseException:
                print(f"{reader}: seed {seed}, case {case}, {file}")
                raise
    print(*outcomes.values())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
