"""The mean of several runs' weights as a run folder of its own (a "uniform soup", Wortsman et al. 2022, section 2)."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from mien.errors import CheckpointError, ConfigError
from mien.render.text import counted
from mien.runtime.files import atomic_folder
from mien.training.runs import CURVES, HISTORY, RunFolder


def average_runs(runs: Sequence[Path], out: Path) -> None:
    """Write a run folder whose weights are the mean of the best weights of ``runs``.

    The mean is worth something where the runs grew from the same weights: begun from one run, or one from another.
    Recipe, history and ancestors in the folder are those of the first run; ``averaged`` in its record names all of
    them. The folder can be exported, started from and learned from, and not be resumed.

    Args:
        runs: Two run folders or more, of the same network and trained on the same data.
        out: The folder to write, all or nothing.

    Raises:
        ConfigError: Fewer than two runs.
        CheckpointError: One of them is no run folder, holds another network or saw other data, or ``out`` is there.
        StorageError: ``out`` cannot be written.
    """
    if len(runs) < 2:
        raise ConfigError(f"{counted(len(runs), 'run')} to average", hint="give two run folders or more")
    if out.exists():
        raise CheckpointError(f"{out}: is there already", hint="choose another folder")
    folders = [RunFolder(run) for run in runs]
    first = folders[0].read_record()
    averaged = tuple(folder.source() for folder in folders)
    for folder in folders[1:]:
        _check_alike(folders[0], folder)
    states = [folder.load_best() for folder in folders]
    mean = {name: _mean([state["network"][name] for state in states]) for name in states[0]["network"]}
    with atomic_folder(out) as temporary:
        written = RunFolder(temporary)
        written.write_record(replace(first, epochs=None, best=None, averaged=averaged))
        for name in (HISTORY, CURVES):
            if (runs[0] / name).exists():
                shutil.copyfile(runs[0] / name, temporary / name)
        written.save_best(mean, epoch=states[0]["epoch"])


def _check_alike(first: RunFolder, other: RunFolder) -> None:
    """Refuse a run whose weights do not stand for the same thing."""
    wanted, found = first.read_record(), other.read_record()
    names = [f"{record.config.network} network" for record in (found, wanted)]
    if found.config.network != wanted.config.network or found.config.classes != wanted.config.classes:
        raise CheckpointError(
            f"{other.path}: holds a {names[0]}, {first.path} a {names[1]}", hint="average one kind of network"
        )
    if not found.data.same_splits(wanted.data):
        raise CheckpointError(
            f"{other.path}: was trained on other data than {first.path}", hint="average runs on the same data"
        )


def _mean(values: Sequence[Tensor]) -> Tensor:
    """Their mean; the first of counts, such as batches seen."""
    return torch.stack(list(values)).mean(dim=0) if values[0].is_floating_point() else values[0]
