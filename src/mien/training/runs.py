"""The files of a run: reading and writing them, and deciding whether a run may be resumed.

run.json         configuration, seed, versions, hash of the data, precision, metrics of the best epoch
history.csv      one row per epoch
curves.png       the history as curves
teachers.pt      fixed teachers' probabilities of the training faces
last.pt          the state after the last finished epoch: weights, optimizer, schedule, history
best.pt          the weights of the best epoch
"""

import json
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mien.data.dataset import FerDataset
from mien.errors import CheckpointError, ConfigError, MissingDependencyError
from mien.networks.mirrored import Mirrored
from mien.networks.registry import build_network
from mien.render.plots import save_plot
from mien.runtime.files import sha256_of, write_text
from mien.runtime.translation import reason
from mien.training.checkpoints import first_difference, load_state, save_state
from mien.training.config import TrainingConfig
from mien.training.curves import history_figure
from mien.training.history import EpochMetrics, read_history, write_history
from mien.training.records import KEYS, NOT_A_RECORD, DataHashes, RunRecord, WeightsSource, names_a_network
from mien.version import __version__

RECORD, HISTORY, CURVES = "run.json", "history.csv", "curves.png"
LAST, BEST, ANSWERS = "last.pt", "best.pt", "teachers.pt"
#: Hint for a state that cannot be resumed from.
WITHOUT_LAST = f"remove it to start afresh; the best weights so far are in {BEST}"

_COMPUTE_AGAIN = "remove it and resume: it is computed again"

#: The content of a checkpoint: tensors, numbers and nested mappings of them, by name.
CheckpointState = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one run, read and written as typed values.

    Attributes:
        path: The folder; it need not exist yet.
    """

    path: Path

    def read_record(self) -> RunRecord:
        """Read ``run.json``, of this version or an earlier one.

        Raises:
            CheckpointError: The folder is not a run folder, or its record is damaged.
        """
        path = self.path / RECORD
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if not names_a_network(record):
                raise CheckpointError(f"{path}: expected an object with {', '.join(sorted(KEYS))} of a run")
            return RunRecord.from_dict(record, source=str(path))
        except (FileNotFoundError, NotADirectoryError) as err:
            raise CheckpointError(
                f"{self.path}: not a run folder, it has no {RECORD}", hint="mien train … --out makes one"
            ) from err
        except json.JSONDecodeError as err:
            raise CheckpointError(f"{path}: not JSON ({reason(err)})") from err
        except ConfigError as err:
            raise CheckpointError(str(err), hint=err.hint) from err
        except NOT_A_RECORD as err:
            raise CheckpointError(f"{path}: not the record of a run ({reason(err)})") from err

    def write_record(self, record: RunRecord) -> None:
        """Write ``run.json``."""
        write_text(self.path / RECORD, json.dumps(record.to_dict(), indent=2, sort_keys=True) + "\n")

    def read_history(self) -> tuple[EpochMetrics, ...]:
        """The metrics of all epochs.

        Raises:
            CheckpointError: ``history.csv`` does not exist or is damaged.
        """
        return read_history(self.path / HISTORY)

    def write_history(self, history: Sequence[EpochMetrics]) -> None:
        """Write ``history.csv`` and, where matplotlib is installed, ``curves.png``."""
        write_history(self.path / HISTORY, history)
        with suppress(MissingDependencyError):
            save_plot(history_figure(history), self.path / CURVES)  # of all epochs, drawn anew after each

    @property
    def begun(self) -> bool:
        """Whether an epoch has finished, so that there is a state to resume from."""
        return (self.path / LAST).exists()

    def load_last(self) -> CheckpointState:
        """The state after the last finished epoch.

        Raises:
            CheckpointError: The file is absent, damaged or cut short.
        """
        return load_state(self.path / LAST, hint=WITHOUT_LAST)

    def save_last(self, state: CheckpointState) -> None:
        """Write the state to resume from, all or nothing."""
        save_state(state, self.path / LAST)

    def load_best(self) -> CheckpointState:
        """The best weights under ``network``, their epoch under ``epoch``.

        Raises:
            CheckpointError: The file is absent, damaged or cut short.
        """
        best = load_state(self.path / BEST)
        if not isinstance(best.get("network"), dict) or not isinstance(best.get("epoch"), int):
            raise CheckpointError(f"{self.path / BEST}: holds no weights and their epoch")
        return best

    def save_best(self, weights: Mapping[str, Tensor], *, epoch: int) -> None:
        """Write the best weights, all or nothing."""
        save_state({"network": weights, "epoch": epoch}, self.path / BEST)

    def load_answers(self) -> Tensor | None:
        """The fixed teachers' probabilities of the training faces, float32 (n, 8); None if not computed yet.

        Raises:
            CheckpointError: The file is damaged or cut short.
        """
        path = self.path / ANSWERS
        if not path.exists():
            return None
        answers = load_state(path, hint=_COMPUTE_AGAIN).get("probabilities")
        if not isinstance(answers, Tensor) or answers.ndim != 2:
            raise CheckpointError(f"{path}: holds no probabilities", hint=_COMPUTE_AGAIN)
        return answers

    def save_answers(self, probabilities: Tensor) -> None:
        """Save the fixed teachers' probabilities, so that a resumed run does not compute them again."""
        save_state({"probabilities": probabilities}, self.path / ANSWERS)

    def load_network(self, *, mirror: bool = False) -> nn.Module:
        """The network with its best weights, in evaluation mode.

        Args:
            mirror: Average each face with its mirror image, see :class:`mien.networks.mirrored.Mirrored`.

        Raises:
            CheckpointError: The folder is not a run folder, or its weights are damaged.
        """
        config = self.read_record().config
        network = build_network(config.network, classes=config.classes)
        weights = self.load_best()["network"]
        if difference := first_difference(weights, network.state_dict(), at="network"):
            raise CheckpointError(f"{self.path / BEST}: not the weights of {config.network}: {difference}")
        network.load_state_dict(weights)
        return (Mirrored(network) if mirror else network).eval()

    def source(self) -> WeightsSource:
        """The run in the form in which the records of other runs name it, as a start or a teacher.

        Raises:
            CheckpointError: The folder is not a run folder, or the run has not finished an epoch.
        """
        record = self.read_record()
        best = self.path / BEST
        if not best.exists():
            raise CheckpointError(f"{self.path}: holds no weights yet", hint="let it finish an epoch first")
        return WeightsSource(self.path.name, record.config.network, sha256_of(best), record.recipe_sha256)


def new_record(
    config: TrainingConfig,
    dataset: FerDataset,
    *,
    sets: Mapping[str, FerDataset],
    start: WeightsSource | None,
    teachers: tuple[WeightsSource, ...],
) -> RunRecord:
    """The record of a run that is about to begin."""
    return RunRecord(
        config=config,
        data=DataHashes.of(dataset),
        recipe_sha256=config.sha256,
        sets={name: DataHashes.of(further) for name, further in sets.items()},
        start=start,
        teachers=teachers,
        versions={"mien": __version__, "torch": torch.__version__},
        threads=torch.get_num_threads(),
    )


def open_run(folder: RunFolder, new: RunRecord, *, resume: bool) -> RunRecord:
    """The record of the run to carry out: that in ``folder`` if it is resumed, ``new`` if the folder holds no run.

    Args:
        folder: The run folder.
        new: The requested run.
        resume: Whether to continue a run that the folder holds.

    Raises:
        CheckpointError: The folder holds a run and ``resume`` is off, or its recipe, data or ancestors differ from
            those of ``new``, or its record is missing.
    """
    if not (folder.path / RECORD).exists():
        # without the record nothing says which run the weights belong to, and a new run would overwrite them
        if left := [name for name in (LAST, BEST, ANSWERS) if (folder.path / name).exists()]:
            raise CheckpointError(
                f"{folder.path}: holds {left[0]} but no {RECORD}, so the run it belongs to is unknown",
                hint="put it back, or choose another folder",
            )
        return new
    if not resume:
        raise CheckpointError(
            f"{folder.path}: holds a run already", hint="add --resume to continue it, or choose another folder"
        )
    old = folder.read_record()
    if old.averaged:
        raise CheckpointError(
            f"{folder.path}: holds the mean of several runs, which cannot be resumed",
            hint=f"choose another folder, and --start {folder.path}",
        )
    if differences := _differences(old, new):
        raise CheckpointError(
            f"{folder.path}: was run with {differences[0]}", hint="resume with the same, or choose another folder"
        )
    # the new record has settings that a later version added, at their defaults
    return replace(old, config=new.config, sets=new.sets)


def _differences(old: RunRecord, new: RunRecord) -> list[str]:
    """Settings that differ, in words."""
    same_sets = old.sets.keys() == new.sets.keys() and all(
        old.sets[name].same_splits(hashes) for name, hashes in new.sets.items()
    )
    checks = {
        "another recipe": old.config == new.config,
        "another start": old.start == new.start,
        "other teachers": old.teachers == new.teachers,
        "another data set": old.data.same_splits(new.data) and same_sets,
    }
    return [what for what, same in checks.items() if not same]
