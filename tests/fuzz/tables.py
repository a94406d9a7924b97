"""Tables, lists and records in text: votes, pixels, decisions, legends, lists, base rates, recipes, predictions."""

import gzip
import io
import json
import lzma
import pickle
import random
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mien.base_rates import read_base_rates
from mien.batch.inputs import list_entries
from mien.batch.tables_in import table_entries
from mien.curation.handover import read_label_studio
from mien.curation.layouts.tables import HUGGINGFACE, TABLE
from mien.data.dataset import open_dataset, open_unchanged
from mien.data.decisions import read_decisions
from mien.data.fer2013 import read_fer2013
from mien.data.ferplus import read_ferplus, read_label_file
from mien.data.prepare import prepare
from mien.data.splits import SPLITS
from mien.data.summary import check_dataset
from mien.data.tables import LIST_LIMITS, read_rows
from mien.errors import DatasetFormatError, MienError
from mien.expressions import FERPLUS_LABELS
from mien.imaging.folders import LeftOut
from tests.fuzz.mutation import anywhere, in_fields, in_json, spans
from tests.fuzz.reader import Reader, of_file
from tests.made import write_fer_files

#: What strangers write in a field.
ODD_FIELDS = (
    *(b"1", b" 2", b"3", b"0", b"", b"-1", b"+5", b"1_0", b"1e3", b"0x1f", b"nan", b"9" * 5000, b"256"),
    *(b"\xc2\xb2", "٣".encode(), b'"', b'"a', b"\x00", b"=1+1", b"a,b", b"\xff\xfe", b" " * 9000, b"\r"),
    *(b"../../etc/passwd", b"/etc/passwd", b"a" * 300),
)


def readers() -> Iterator[tuple[str, Reader]]:
    """Each reader of a table or list, and of the folder that a data set is kept in."""
    for name, read in (
        ("fer2013.csv", read_fer2013),
        ("fer2013new.csv", read_ferplus),
        ("label_train.csv", partial(read_label_file, split=0)),
    ):
        yield name, Reader(partial(_fer_file, name), _change_table, partial(_pickled, read))
    yield (
        "rows",
        of_file(partial(_fer_file, "fer2013new.csv"), in_table, lambda path: list(read_rows(path, LIST_LIMITS))),
    )
    for name, (content, read_text) in _TEXTS.items():
        yield name, of_file(partial(_written, name, content), in_json_lines if "json" in name else in_table, read_text)
    yield "predictions.npy", of_file(_predictions, _in_array, _read_predictions)
    yield "prepared data", Reader(_prepared, _change_data, _read_data)


def in_table(content: bytes, rng: random.Random) -> bytes:
    """One to four lines doubled, lost or lengthened, or fields of them changed."""
    lines = content.split(b"\n")
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(lines)) if lines else 0
        match rng.randrange(6):
            case 0:
                lines.insert(at, rng.choice(lines or [b""]))
            case 1 if len(lines) > 1:
                del lines[at]
            case 2 if lines:
                lines[at] += rng.choice((b",", b",1", b"\r", b'"', b" " * 70_000))
            case _ if lines:
                fields = lines[at].split(b",")
                fields[rng.randrange(len(fields))] = rng.choice(ODD_FIELDS)
                lines[at] = b",".join(fields)
    return b"\n".join(lines)


def in_json_lines(content: bytes, rng: random.Random) -> bytes:
    """A value of a JSON document changed, or of a line of it."""
    try:
        return json.dumps(in_json(json.loads(content), rng)).encode()
    except ValueError:
        lines = content.splitlines()
        at = rng.randrange(len(lines))
        lines[at] = json.dumps(in_json(json.loads(lines[at]), rng)).encode()
        return b"\n".join(lines)


def _change_table(path: Path, rng: random.Random, is_in_fields: bool) -> None:
    """The table as it comes, or packed into an archive that may itself be damaged."""
    content = (in_table if is_in_fields else anywhere)(path.read_bytes(), rng)
    kind = rng.choice(("plain", "plain", "gz", "xz", "zip", "tar.gz"))
    if kind in {"gz", "xz"}:
        content = gzip.compress(content, 1) if kind == "gz" else lzma.compress(content, preset=0)
    elif kind != "plain":
        buffer = io.BytesIO()
        if kind == "zip":
            with zipfile.ZipFile(buffer, "w") as archive:
                archive.writestr(path.name, content)
        else:
            with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
                entry = tarfile.TarInfo(path.name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        content = buffer.getvalue()
    path.write_bytes(anywhere(content, rng) if kind != "plain" and rng.random() < 0.5 else content)


def _fer_file(name: str, folder: Path) -> Path:
    return write_fer_files(folder, per_split=(6, 3, 3)) / name


def _pickled(read: Callable[[Path], Any], path: Path) -> bytes:
    """Arrays in records do not compare; their bytes do."""
    return pickle.dumps(read(path))


def _written(name: str, content: str, folder: Path) -> Path:
    for picture in ("a.jpg", "b.png"):
        (folder / picture).write_bytes(b"a picture")
    (folder / name).write_text(content)
    return folder / name


def _items(layout: Any, path: Path) -> list[str]:
    """What a layout makes of its rows; their errors are values, as one bad row costs only itself."""
    found = []
    for item in layout.read(path):
        if isinstance(item, MienError) and len(str(item)) > len(str(path)) + 400:
            raise AssertionError(str(item)[:800])
        found.append(str(item).replace(str(path.parent), ""))
    return found


def _list_file(path: Path) -> list[str]:
    return [entry.name for entry in list_entries([str(path)], LeftOut())]


def _recipe(path: Path) -> Any:
    from mien.training.recipes import load_recipe  # needs torch

    return load_recipe(path)


_RATES = (
    '{"neutral": 0.3, "happiness": 0.2, "surprise": 0.1, "sadness": 0.1, "anger": 0.1, "disgust": 0.1, "fear": 0.1}'
)
_TASK = (
    '{"id": 1, "data": {"row": 7}, "annotations": [{"result": [{"type": "choices", "value": {"choices": ["fear"]}}]}]}'
)
_TEXTS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "decisions.csv": (
        "row,action,votes,why\n1,relabel,happiness=7 neutral=3,seen\n2,drop,,\n3,accept,,\n4,relabel,fear,\n",
        read_decisions,
    ),
    "legend.csv": (
        "path,label,split,person,gender\na.jpg,happiness,train,Ann,female\nb.png,anger,test,Bob,male\n",
        partial(_items, TABLE),
    ),
    "classes.csv": ("path,neutral,happiness\na.jpg,0.5,0.5\nb.png,3,7\n", partial(_items, TABLE)),
    "metadata.jsonl": (
        '{"file_name": "a.jpg", "label": "fear"}\n{"file_name": "b.png", "label": "anger", "split": "test"}\n',
        lambda path: _items(HUGGINGFACE, path.parent),
    ),
    "list.txt": ("a.jpg\nb.png\n", _list_file),
    "pictures.csv": ("image,more\na.jpg,1\nb.png,2\n", lambda path: list(table_entries(path, None, version="1"))),
    "rates.json": (_RATES, lambda path: read_base_rates(path, FERPLUS_LABELS)),
    "tasks.json": (f"[{_TASK}, {_TASK}]", read_label_studio),
    "recipe.toml": (
        'model = "tiny"\nepochs = 6\nbatch_size = 8\nlearning_rate = 0.01\n[augmentation]\nflip = 0.5\n',
        _recipe,
    ),
}


def _predictions(folder: Path) -> Path:
    np.save(folder / "p.npy", np.full((5, 8), 1 / 8, np.float32))
    return folder / "p.npy"


def _in_array(content: bytes, rng: random.Random) -> bytes:
    """Numbers of the array, or its header in text."""
    if rng.random() < 0.5:
        return in_fields(content, spans(128, len(content), sizes=(4,)), rng)
    header = content[10:128].decode("latin-1").rstrip()
    old, new = rng.choice(
        [
            ("<f4", rng.choice(["|O", "<f8", "<U4", ">f2", "<c8", "|V0", "<M8", "<i1"])),
            ("(5, 8)", rng.choice(["()", "(5, -8)", "(2**40,)", f"({10**15}, 8)", "(0, 8)", "(8, 5)", "(5, 8, 1)"])),
            ("False", rng.choice(["True", "0", "None"])),
            ("'descr'", "'other'"),
        ]
    )
    return content[:10] + header.replace(old, new).ljust(117).encode()[:117] + b"\n" + content[128:]


def _read_predictions(path: Path) -> Any:
    from mien.evaluation.predictors import load_predictions

    return load_predictions(path).tolist()


def _prepared(folder: Path) -> Path:
    files = write_fer_files(folder / "files", per_split=(6, 3, 3))
    prepare(files / "fer2013.csv", files / "fer2013new.csv", out=folder / "data", labels=files)
    return folder / "data"


def _change_data(folder: Path, rng: random.Random, is_in_fields: bool) -> None:
    path = folder / rng.choice(("manifest.json", "images.npy", "votes.npy", "splits.npy", "rows.npy", "emotions.npy"))
    content = path.read_bytes()
    if not is_in_fields:
        path.write_bytes(anywhere(content, rng))
    elif path.suffix == ".json":
        path.write_bytes(in_json_lines(content, rng))
    else:
        path.write_bytes(in_fields(content, spans(0, 1000, sizes=(1, 2)), rng))


def _read_data(folder: Path) -> Any:
    dataset = open_dataset(folder)
    counts = [len(dataset.split_rows(split)) for split in SPLITS]
    with suppress(DatasetFormatError):  # where pixels or votes changed
        open_unchanged(folder, "all")
    return counts, str(dataset.classes), dataset.group_names, dataset.manifest_sha256, check_dataset(dataset)
