"""One training run, from a configuration and prepared data to a run folder; :mod:`mien.training.loop` holds its steps.

Order, sampled labels, augmentation and dropout of every epoch depend on the seed and the epoch's number alone, so that
a run that was killed and resumed from its last finished epoch ends with the same weights as an uninterrupted one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lightning_fabric import Fabric

from mien.data.dataset import FerDataset
from mien.training.checks import check_batches, frozen_parts
from mien.training.config import TrainingConfig
from mien.training.faces import TrainingFaces, ValidationFaces, check_data
from mien.training.history import EpochMetrics
from mien.training.initialization import FROM_SCRATCH, Initialization
from mien.training.interpolation import StartShare
from mien.training.loop import Run
from mien.training.precision import Precision, fastest_precision
from mien.training.progress import Listener, Silent
from mien.training.records import RunRecord
from mien.training.refit import refit_intended
from mien.training.runs import RunFolder, new_record, open_run


@dataclass(frozen=True, slots=True)
class RunResult:
    """The result of a run: its folder, the number of epochs, and the metrics of the best one."""

    folder: Path
    epochs: int
    best: EpochMetrics


def train(  # noqa: PLR0913 - most are keywords
    config: TrainingConfig,
    dataset: FerDataset,
    folder: Path,
    *,
    sets: Mapping[str, FerDataset] | None = None,
    resume: bool = False,
    initialization: Initialization = FROM_SCRATCH,
    precision: Precision | None = None,
    listener: Listener | None = None,
) -> RunResult:
    """Train the network of a recipe and keep the weights of the best epoch in ``folder``.

    Args:
        config: The recipe.
        dataset: A prepared data set; only its train and validation splits are read.
        folder: The run folder, see :mod:`mien.training.runs`.
        sets: The further data sets of the recipe, by their name there.
        resume: Continue the run in ``folder`` from its last finished epoch; otherwise an existing run is an error.
        initialization: Initial weights and teachers.
        precision: Arithmetic of a new run; None measures which is faster. A resumed run keeps its own.
        listener: Receives the progress.

    Raises:
        ConfigError: The recipe does not fit the data, the teachers or its network, or the run has diverged.
        CheckpointError: ``folder`` cannot be used: see :func:`mien.training.runs.open_run`; or a start or teacher.
        ModelFileError: The start or a teacher is a file, but not a model of mien.
        StorageError: The disk is full; what was saved before is unchanged.
    """
    sets = sets or {}
    initialization.check(config)
    check_data(config, dataset, sets)
    start, teachers = initialization.describe_start(), initialization.describe_teachers()
    new = new_record(config, dataset, sets=sets, start=start, teachers=teachers)
    record = open_run(RunFolder(folder), new, resume=resume)  # of the run that is resumed, otherwise the new one
    if record.precision is None:
        record = replace(record, precision=precision)
    run = build_run(record, dataset, RunFolder(folder), sets, initialization, listener or Silent())
    run.begin()
    while not run.finished:
        run.run_epoch()
    if config.intended_weight and config.intended_refit:
        refit_intended(RunFolder(folder), dataset)
    return RunResult(folder, len(run.history), run.best)


def build_run(
    record: RunRecord,
    dataset: FerDataset,
    folder: RunFolder,
    sets: Mapping[str, FerDataset],
    initialization: Initialization,
    listener: Listener,
) -> Run:
    """A run that is ready to begin; nothing is written yet.

    Errors of data and recipe are found first, before the measurement of the precision takes its time.
    """
    config = record.config
    device = Fabric(accelerator="auto", devices=1).device
    faces = TrainingFaces(config, dataset, sets, device)
    validation = ValidationFaces(config, dataset, sets, device)
    first = initialization.begin(config, faces.sample)
    network = first.network
    check_batches(network, config, faces=len(faces))
    frozen = frozen_parts(network, config)  # before the optimizer is built, which takes the trainable weights
    if record.precision is None:
        record = replace(record, precision=fastest_precision(network, batch_size=config.batch_size))
    anchor = StartShare(first.start, network, config.start_share) if config.start_share and first.start else None
    return Run(
        record,
        folder,
        network=network,
        frozen=frozen,
        anchor=anchor,
        faces=faces,
        validation=validation,
        teachers=initialization.teachers,
        listener=listener,
    )
