# ruff: noqa: PT017, S311, T201
"""Run ``python -m tests.curation.fuzz_readers READER SEED CASES``: damaged lists are read or refused in words.

A child process of the test, with bounds on memory and time; prints how many were read and how many refused.
"""

import json
import random
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from mien.curation.handover import read_label_studio
from mien.curation.importing import ImportOptions, import_dataset
from mien.data.decisions import read_decisions
from mien.errors import MienError
from tests.curation import trees
from tests.fuzz.mutation import anywhere
from tests.fuzz.tables import in_table

NAMES = ("happy", "sad", "anger", "Neutral")


def decisions(root: Path) -> Path:
    rows = ((1, "relabel", "happiness=7 neutral=3", "seen"), (2, "drop", "", ""), (3, "accept", "", 'a "quoted" word'))
    return trees.write_csv(root / "decisions.csv", ("row", "action", "votes", "why"), *rows, (9, "skip", "", ""))


def label_studio(root: Path) -> Path:
    tasks = [
        {
            "data": {"row": number},
            "annotations": [{"was_cancelled": False, "result": [{"value": {"choices": ["happiness"]}}]}],
        }
        for number in range(4)
    ]
    (root / "export.json").write_text(json.dumps(tasks, indent=1))
    return root / "export.json"


def legend(root: Path) -> Path:
    rows = [(f"An_Other_{number:04}.jpg", "someone", ("HAPPINESS", "neutral")[number % 2]) for number in range(6)]
    trees.legend(root, *rows)
    return root / "legend.csv"


def rafdb(root: Path) -> Path:
    lines = []
    for number in range(6):
        name = f"{('train', 'test')[number % 2]}_{number:05}"
        trees.save(root / "Image" / "aligned" / f"{name}_aligned.jpg", number)
        lines.append(f"{name}.jpg {number + 1}\n")
    (root / "EmoLabel").mkdir()
    (root / "EmoLabel" / "list_patition_label.txt").write_text("".join(lines))
    return root / "EmoLabel" / "list_patition_label.txt"


def expw(root: Path) -> Path:
    for number in range(3):
        trees.save(root / "image" / f"{number}.jpg", number)
    (root / "label").mkdir()
    lines = "".join(f"{number % 3}.jpg {number} 4 2 40 44 99.5 {number}\n" for number in range(6))
    (root / "label" / "label.lst").write_text(lines)
    return root / "label" / "label.lst"


def london(root: Path) -> Path:
    trees.london(root)
    return root / "london_info.csv"


def table(root: Path) -> Path:
    rows = [(trees.save(root / f"{n}.png", n).name, name, "train", f"p{n}", "30") for n, name in enumerate(NAMES)]
    return trees.write_csv(root / "faces.csv", ("path", "label", "split", "person", "age"), *rows)


def image_folder(root: Path) -> Path:
    lines = []
    for number, name in enumerate(NAMES):
        trees.save(root / f"{number}.png", number)
        lines.append(json.dumps({"file_name": f"{number}.png", "label": name}) + "\n")
    (root / "metadata.jsonl").write_text("".join(lines))
    return root / "metadata.jsonl"


def parquet(root: Path) -> Path:
    import pyarrow as pa  # an optional package
    from pyarrow import parquet as files

    images = [{"bytes": trees.save(root.parent / f"{n}.png", n).read_bytes(), "path": None} for n in range(4)]
    files.write_table(pa.table({"image": images, "label": list(NAMES)}), root / "train-0.parquet")
    return root / "train-0.parquet"


#: What makes the sound file, and what reads it: a function, or the name of a layout.
READERS: dict[str, tuple[Callable[[Path], Path], Callable[[Path], object] | str]] = {
    "decisions": (decisions, read_decisions),
    "label-studio": (label_studio, read_label_studio),
    "lfw": (legend, "lfw"),
    "rafdb": (rafdb, "rafdb"),
    "expw": (expw, "expw"),
    "london": (london, "london"),
    "csv": (table, "csv"),
    "huggingface": (image_folder, "huggingface"),
    "parquet": (parquet, "parquet"),
}


def main(reader: str, seed: int, cases: int) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
    make, read = READERS[reader]
    rng = random.Random(seed)
    outcomes = {"read": 0, "refused": 0}
    with TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        source.mkdir()
        path = make(source)
        sound = path.read_bytes()
        for case in range(cases):
            change = in_table if rng.random() < 0.5 else anywhere
            path.write_bytes(change(sound, rng) if case else sound)
            options = ImportOptions(skip_bad=case % 3 == 1)
            signal.alarm(20)  # a hang ends the process, and the test
            try:
                if isinstance(read, str):
                    import_dataset(source, read, Path(folder) / "out", options=options)
                else:
                    read(path)
                outcomes["read"] += 1
            except MienError as err:
                assert str(source) in str(err), f"seed {seed}, case {case}: {err} does not name the file"
                assert len(str(err)) < 3 * len(folder) + 400, f"seed {seed}, case {case}: {str(err)[:800]}"
                outcomes["refused"] += 1
            except BaseException:
                print(f"{reader}: seed {seed}, case {case}")
                raise
    print(*outcomes.values())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
