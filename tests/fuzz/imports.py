"""The lists of published data sets, read with their pictures as ``mien data import`` reads them."""

import json
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

from mien.curation.importing import ImportOptions, import_dataset
from mien.data.dataset import open_dataset
from tests.curation import trees
from tests.fuzz.mutation import anywhere, in_fields, spans
from tests.fuzz.reader import Reader
from tests.fuzz.tables import in_json_lines, in_table


def _legend(root: Path) -> Path:
    rows = [(f"An_Other_{number:04}.jpg", "someone", ("HAPPINESS", "neutral")[number % 2]) for number in range(6)]
    return trees.legend(root, *rows)


#: By layout: what makes the folder, and the file in it that is changed.
_LAYOUTS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "lfw": (_legend, "legend.csv"),
    "london": (trees.london, "london_info.csv"),
    "rafdb": (trees.rafdb, "EmoLabel/list_patition_label.txt"),
    "affectnet": (trees.affectnet, "training.csv"),
    "affectnet-npy": (trees.affectnet_npy, "train_set/annotations/0_exp.npy"),
    "expw": (trees.expw, "label/label.lst"),
    "huggingface": (trees.image_folder, "train/metadata.jsonl"),
    "csv": (trees.table, "list.csv"),
    "parquet": (trees.parquet, "data/validation-00000-of-00001.parquet"),
}


def readers() -> Iterator[tuple[str, Reader]]:
    """Each layout that has a list."""
    for layout, (make, file) in _LAYOUTS.items():
        # pyarrow maps 1.8 GiB of address space, of which it uses little, for its pool and its threads
        memory = (3 if layout == "parquet" else 1) << 30
        read = partial(_import, layout, file)
        yield f"import {layout}", Reader(partial(_made, make), partial(_change, file), read, memory_bytes=memory)
    yield "imported data", Reader(_imported, _change_text, _read_text)


def _made(make: Callable[[Path], Path], folder: Path) -> Path:
    (folder / "source").mkdir()
    return make(folder / "source")


def _change(file: str, source: Path, rng: random.Random, is_in_fields: bool) -> None:
    path = source / file
    in_fields = in_json_lines if path.suffix == ".jsonl" else in_table
    is_text = path.suffix not in {".npy", ".parquet"}
    path.write_bytes((in_fields if is_in_fields and is_text else anywhere)(path.read_bytes(), rng))


def _import(layout: str, file: str, source: Path) -> Any:
    """The splits of what is imported; with half of the contents bad rows are left out, with half they are refused."""
    options = ImportOptions(skip_bad=crc32((source / file).read_bytes()) % 2 == 0)
    return import_dataset(source, layout, source.parent / "out", options=options).manifest["splits"]


def _imported(folder: Path) -> Path:
    import_dataset(trees.london(folder / "source"), "london", folder / "out")
    return folder / "out"


def _change_text(folder: Path, rng: random.Random, is_in_fields: bool) -> None:
    path = folder / f"{rng.choice(('names', 'persons', 'groups', 'labels', 'found'))}.npy"
    content = path.read_bytes() if path.exists() else b""
    fields = spans(128, len(content), sizes=(4,))
    path.write_bytes(in_fields(content, fields, rng) if is_in_fields else anywhere(content, rng))


def _read_text(folder: Path) -> Any:
    data = open_dataset(folder)
    text = [array.tolist() for array in (data.names, data.persons, data.groups, data.labels) if array is not None]
    return json.dumps(text, ensure_ascii=False).encode("utf-8", "replace")
