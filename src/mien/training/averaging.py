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

    A mean of weights is only useful when the runs share their initial weights: both started from one run, or one from
    the other. Recipe, history and ancestors in the folder are those of the first run; ``averaged`` in its record names
    all runs. The folder can be exported, started from and used as a teacher, but not resumed.

    Args:
        runs: At least two run folders, of the same network and trained on the same data.
        out: The folder to write, all or nothing.

    Raises:
        ConfigError: Fewer than two runs.
        CheckpointError: One is not a run folder, holds another network or saw other data, or ``out`` exists.
        StorageError: ``out`` cannot be written.
    """
    if len(runs) < 2:
        raise ConfigError(f"{counted(len(runs), 'run')} to average", hint="give two run folders or more")
    if out.exists():
        raise CheckpointError(f"{out}: exists already", hint="choose another folder")
    folders = [RunFolder(run) for run in runs]
    first = folders[0].read_record()
    averaged = tuple(folder.source() for folder in folders)
    for folder in folders[1:]:
        _check_alike(folders[0], folder)
    states = [folder.load_best() for folder in folders]
    # weights and buffers alike: batch norm statistics are averaged with the weights that they belong to
    mean = {name: _mean([state["network"][name] for state in states]) for name in states[0]["network"]}
    with atomic_folder(out) as temporary:
        written = RunFolder(temporary)
        # the best epoch and its metrics were of the first run's own weights
        written.write_record(replace(first, epochs=None, best=None, averaged=averaged))
        for name in (HISTORY, CURVES):
            if (runs[0] / name).exists():
                shutil.copyfile(runs[0] / name, temporary / name)
        written.save_best(mean, epoch=states[0]["epoch"])


def _check_alike(first: RunFolder, other: RunFolder) -> None:
    """Refuse a run whose weights cannot be averaged with those of the first."""
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
    """The mean of floating-point tensors; of integer ones, such as the batch counts of batch norms, the first."""
    return torch.stack(list(values)).mean(dim=0) if values[0].is_floating_point() else values[0]
