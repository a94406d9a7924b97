"""The mean of several runs' weights as a run folder of its own (a "uniform soup", Wortsman et al. 2022, section 2).

It does not train.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mien.errors import CheckpointError, ConfigError
from mien.render.text import counted
from mien.runtime.files import atomic_folder
from mien.training import runs as run_files
from mien.training.initialization import describe_run


def average_runs(runs: Sequence[Path], out: Path) -> None:
    """Write a run folder whose weights are the mean of the best weights of ``runs``.

    The mean is worth something where the runs grew from the same weights: begun from one run, or one from another.
    Recipe, history and origins in the folder are those of the first run; ``averaged`` in its record names all of them.
    The folder can be exported, started from and learned from, and not be resumed.

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
    first = run_files.read_record(runs[0])
    described = [describe_run(run) for run in runs]
    for run in runs[1:]:
        _check_alike(first, runs[0], run_files.read_record(run), run)
    states = [run_files.load_state(run / run_files.BEST) for run in runs]
    mean = {name: _mean([state["network"][name] for state in states]) for name in states[0]["network"]}
    own = {key: value for key, value in first.items() if key not in {"best", "epochs"}}
    with atomic_folder(out) as folder:
        run_files.write_record(folder, own | {"averaged": described})
        for name in (run_files.HISTORY, run_files.CURVES):
            if (runs[0] / name).exists():
                shutil.copyfile(runs[0] / name, folder / name)
        run_files.save_state({"network": mean, "epoch": states[0]["epoch"]}, folder / run_files.BEST)


def _check_alike(first: dict[str, Any], named: Path, other: dict[str, Any], run: Path) -> None:
    """Refuse a run whose weights do not stand for the same thing."""
    if (found := other["config"]["model"]) != (wanted := first["config"]["model"]):
        raise CheckpointError(f"{run}: holds a {found} network, {named} a {wanted}", hint="average one kind of network")
    if any(other["data"].get(split) != first["data"].get(split) for split in ("train", "validation")):
        raise CheckpointError(f"{run}: was trained on other data than {named}", hint="average runs on the same data")


def _mean(values: Sequence[Tensor]) -> Tensor:
    """Their mean; the first of counts, such as batches seen."""
    return torch.stack(list(values)).mean(dim=0) if values[0].is_floating_point() else values[0]
