"""A run's files: the state to go on from, the best weights, the history and the record of what was run.

It does not train.

    run.json         configuration, seed, versions, hash of the data, precision, figures of the best epoch
    history.csv      a line an epoch
    curves.png       the history as curves
    teachers.pt      what the teachers say of the training faces, where there are any
    last.pt          everything that the next epoch needs
    best.pt          the weights of the best epoch
"""

import csv
import io
import json
import pickle
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from mien.data.dataset import FerDataset
from mien.errors import CheckpointError, MissingDependencyError
from mien.render.plots import save_plot
from mien.runtime.files import atomic_file, write_text
from mien.training.config import TrainingConfig, config_from_dict
from mien.training.curves import history_figure
from mien.version import __version__

RECORD, HISTORY, CURVES = "run.json", "history.csv", "curves.png"
LAST, BEST, ANSWERS = "last.pt", "best.pt", "teachers.pt"
#: What a record must hold.
_KEYS = frozenset({"config", "data", "precision", "recipe_sha256", "versions"})
#: What to do about a damaged file.
_HINTS = {
    LAST: f"remove it to start afresh; the best weights so far are in {BEST}",
    ANSWERS: "remove it and resume: the teachers are asked again",
}
_NAMES = {"start": "another start", "teachers": "other teachers"}


def save_state(state: Mapping[str, Any], path: Path) -> None:
    """Write tensors and plain values to ``path``, all or nothing.

    Raises:
        StorageError: It cannot be written (a full disk, say); an older checkpoint stays as it was.
    """
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    with atomic_file(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def load_state(path: Path) -> dict[str, Any]:
    """Read what :func:`save_state` wrote; nothing but tensors and plain values is unpickled.

    Raises:
        CheckpointError: The file is absent, damaged or cut short.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as err:
        raise CheckpointError(f"{path}: no such file", hint="has this run finished an epoch yet?") from err
    except (RuntimeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile, ValueError, OSError) as err:
        first = str(err).splitlines()[0] if str(err) else type(err).__name__
        raise CheckpointError(
            f"{path}: the checkpoint is damaged or cut short ({first})", hint=_HINTS.get(path.name)
        ) from err
    return state


def open_run(
    folder: Path,
    config: TrainingConfig,
    dataset: FerDataset,
    *,
    origins: Mapping[str, Any],
    resume: bool,
) -> dict[str, Any]:
    """The record of the run in ``folder``: what stands there if it is to be resumed, else a new one.

    Args:
        folder: The run folder.
        config: The recipe.
        dataset: The prepared data set.
        origins: Other runs that this one begins from or learns from, see :class:`mien.training.initialization.Origins`.
        resume: A run that stands there is to go on.

    Raises:
        CheckpointError: A run is there and ``resume`` is off, or its recipe, data set or origins are others, or its
            record is gone.
    """
    new = {
        "config": config.to_dict(),
        "recipe_sha256": config.sha256,
        **origins,
        "data": {"manifest_sha256": dataset.manifest_sha256, **_splits(dataset)},
        "versions": {"mien": __version__, "torch": torch.__version__},
        "threads": torch.get_num_threads(),
        "precision": None,
    }
    if not (folder / RECORD).exists():
        if left := [name for name in (LAST, BEST, ANSWERS) if (folder / name).exists()]:
            raise CheckpointError(
                f"{folder}: holds {left[0]} and no {RECORD} that says of what run",
                hint="put it back, or choose another folder",
            )
        return new
    if not resume:
        raise CheckpointError(
            f"{folder}: holds a run already", hint="add --resume to go on with it, or choose another folder"
        )
    old = read_record(folder)
    if "averaged" in old:
        raise CheckpointError(
            f"{folder}: holds the mean of several runs, which has no next epoch",
            hint=f"choose another folder, and --start {folder}",
        )
    other = [what for key, what in _NAMES.items() if old.get(key) != new[key]]
    if not same_data(old, dataset):
        other.append("another data set")
    if config_from_dict(old["config"], source=str(folder / RECORD)) != config:  # a setting it lacks came later
        other.insert(0, "another recipe")
    if other:
        raise CheckpointError(
            f"{folder}: was run with {other[0]}", hint="resume with the same, or choose another folder"
        )
    return old


def same_data(record: Mapping[str, Any], dataset: FerDataset) -> bool:
    """Whether training and validation split of ``dataset`` are those of a run, whoever prepared them."""
    seen: dict[str, str] = record["data"]
    return _splits(dataset).items() <= seen.items()


def _splits(dataset: FerDataset) -> dict[str, str]:
    """Hashes of the splits that a run sees."""
    return {split: entry["sha256"] for split, entry in dataset.manifest["splits"].items() if split != "test"}


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write ``run.json``."""
    write_text(folder / RECORD, json.dumps(record, indent=2, sort_keys=True) + "\n")


def read_record(folder: Path) -> dict[str, Any]:
    """Read ``run.json``.

    Raises:
        CheckpointError: ``folder`` is no run folder, or its record is damaged.
    """
    try:
        record: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as err:
        raise CheckpointError(
            f"{folder}: not a run folder, it has no {RECORD}", hint="mien train … --out makes one"
        ) from err
    except ValueError as err:
        raise CheckpointError(f"{folder / RECORD}: not JSON ({err})") from err
    whole = isinstance(record, dict) and record.keys() >= _KEYS
    if not whole or not isinstance(record["config"], dict) or "model" not in record["config"]:
        raise CheckpointError(f"{folder / RECORD}: expected an object with {', '.join(sorted(_KEYS))} of a run")
    return record


def read_history(folder: Path) -> list[dict[str, float]]:
    """The rows that :func:`write_history` wrote.

    Raises:
        CheckpointError: They are not there or damaged.
    """
    path = folder / HISTORY
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(stream)]
            return [row | {"epoch": int(row["epoch"])} for row in rows]
    except (OSError, ValueError, TypeError, KeyError) as err:
        raise CheckpointError(f"{path}: cannot be read ({err})", hint="mien train … --resume writes it anew") from err


def write_history(folder: Path, history: list[dict[str, float]]) -> None:
    """Write ``history.csv`` and, where matplotlib is installed, ``curves.png``."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_text(folder / HISTORY, text.getvalue())
    with suppress(MissingDependencyError):
        save_plot(history_figure(history), folder / CURVES)
