"""One training run, from a configuration and a prepared data set to a run folder. All of learning is here.

Every epoch draws its order, labels, augmentation and dropout from the seed and its own number, so that a run which was
killed and goes on from the last whole epoch ends with the same weights as one that was never killed.
"""

import time
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from mien.data.dataset import FerDataset
from mien.errors import ConfigError
from mien.training import runs
from mien.training.batches import ImageBatches
from mien.training.config import TrainingConfig
from mien.training.distillation import Teachers, teachers_distribution
from mien.training.initialization import NO_ORIGINS, Origins
from mien.training.losses import cross_entropy, expected_hits, validation_figures
from mien.training.mixing import mix
from mien.training.optim import LearningRate, build_optimizer, running_mean
from mien.training.precision import Precision, fastest_precision
from mien.training.progress import EpochFigures, Listener, Silent
from mien.training.targets import image_weights, split_targets


@dataclass(frozen=True, slots=True)
class RunResult:
    """Where a run ended: its folder and the figures of its best epoch."""

    folder: Path
    epochs: int
    best: EpochFigures


def train(
    config: TrainingConfig,
    dataset: FerDataset,
    folder: Path,
    *,
    resume: bool = False,
    origins: Origins = NO_ORIGINS,
    precision: Precision | None = None,
    listener: Listener | None = None,
) -> RunResult:
    """Train the network that ``config`` names and keep the best epoch's weights in ``folder``.

    Args:
        config: The recipe.
        dataset: A prepared data set; only its train and validation splits are read.
        folder: The run folder, see :mod:`mien.training.runs`.
        resume: Go on from the last whole epoch in ``folder`` instead of refusing to overwrite it.
        origins: Runs to begin from and to learn from.
        precision: Arithmetic of a new run; None takes the faster one, measured. A resumed run keeps its own.
        listener: Hears of the progress.

    Raises:
        ConfigError: The recipe wants teachers and there are none, or the other way round; its batches do not fit its
            network; or the run has diverged.
        CheckpointError: ``folder`` holds a run and ``resume`` is off, or its checkpoint is damaged or of another run,
            or one of ``origins`` is no run folder, or the start holds another network.
        StorageError: The disk is full; what was saved before is untouched.
    """
    origins.check(config)
    record = runs.open_run(folder, config, dataset, origins=origins.describe(), resume=resume)
    record["precision"] = record["precision"] or precision
    run = Run(config, dataset, folder, origins=origins, record=record, listener=listener or Silent())
    while not run.finished:
        run.run_epoch()
    return RunResult(folder, len(run.history), run.best)


class Run:
    """The state of a run between two epochs."""

    def __init__(
        self,
        config: TrainingConfig,
        dataset: FerDataset,
        folder: Path,
        *,
        origins: Origins,
        record: dict[str, Any],
        listener: Listener,
    ) -> None:
        self.config, self.folder, self.listener = config, folder, listener
        self.history: list[dict[str, float]] = []
        self.epochs_without_gain = 0
        network = origins.build_network(config)
        record["precision"] = record["precision"] or fastest_precision(network, batch_size=config.batch_size)
        self.record = record
        self.fabric = Fabric(accelerator="auto", devices=1, precision=record["precision"])
        self.train_targets = split_targets(dataset, "train", config)
        _check_batches(network, config, faces=len(self.train_targets))
        self.validation_targets = split_targets(dataset, "validation", config)
        self.train_images = ImageBatches(dataset, self.train_targets.indices, self.fabric.device)
        self.validation_images = ImageBatches(dataset, self.validation_targets.indices, self.fabric.device)
        self.weights = image_weights(self.train_targets.votes, config.class_weight_power)
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network, self.optimizer = self.fabric.setup(network, build_optimizer(network, config))
        self.mean = running_mean(self.network.module, config.ema_decay) if config.ema_decay else None
        steps = -(-len(self.train_targets) // config.batch_size)
        self.learning_rate = LearningRate(self.optimizer.optimizer, config, steps_per_epoch=steps)
        runs.write_record(folder, record)  # nothing refuses the recipe any more
        self._hear(origins)
        if (folder / runs.LAST).exists():
            self._restore(runs.load_state(folder / runs.LAST))
            self._report()  # a kill may have fallen between the state and the files that tell of it
        listener.started(
            epochs=config.epochs,
            steps_per_epoch=steps,
            done_epochs=len(self.history),
            precision=record["precision"],
        )

    def _hear(self, origins: Origins) -> None:
        """Ask the teachers once for all faces, or have them ready to be asked in every step."""
        self.taught: Tensor | None = None
        self.teachers: Teachers | None = None
        if origins.teachers and self.config.teaching == "consistent":
            self.teachers = Teachers(origins.teachers, self.fabric.device)
        elif origins.teachers:
            with self.fabric.autocast():
                self.taught = teachers_distribution(
                    origins.teachers, self.train_images, self.folder, device=self.fabric.device
                )

    @property
    def finished(self) -> bool:
        """All epochs are done, or there was no gain for as long as the recipe allows."""
        patience = self.config.patience
        return len(self.history) >= self.config.epochs or 0 < patience <= self.epochs_without_gain

    @property
    def best(self) -> EpochFigures:
        row = next(row for row in reversed(self.history) if row["best"])
        return EpochFigures(**row)  # type: ignore[arg-type]  # the epoch is an int among floats

    def run_epoch(self) -> None:
        """Train one epoch, validate, save.

        Raises:
            ConfigError: The figure that the best epoch is chosen by is no number any more.
        """
        epoch = len(self.history) + 1
        torch.manual_seed(self.config.seed * 7919 + epoch)  # of dropout and mixup
        trained = self._train(epoch)
        validated = self._validate(epoch)
        watched = validated[self.config.monitor]
        if not isfinite(watched):
            raise ConfigError(
                f"epoch {epoch}: validation {self.config.monitor} is {watched}, the run has diverged",
                hint=f"lower the learning rate, in another folder; {self.folder} keeps the epochs before",
            )
        gained = all(watched < row[self.config.monitor] for row in self.history)
        self.epochs_without_gain = 0 if gained else self.epochs_without_gain + 1
        rate = self.optimizer.param_groups[0]["lr"]
        self.learning_rate.after_epoch(watched)
        figures = EpochFigures(epoch, **trained, **validated, learning_rate=rate, best=float(gained))
        self.history.append(asdict(figures))
        self._save(gained=gained)
        self.listener.finished_epoch(figures)

    def _train(self, epoch: int) -> dict[str, float]:
        config, votes = self.config, self.train_targets.votes
        targets = self.train_targets.at_epoch(epoch)
        if self.taught is not None:
            targets = targets.lerp(self.taught, config.teacher_share)
        started, seen, losses, hits = time.perf_counter(), 0, 0.0, 0.0
        self.network.train()
        seed = config.seed * 104_729 + epoch
        batches = self.train_images.shuffled(
            config.batch_size, config.augmentation, seed=seed, side=config.side_at(epoch)
        )
        for at, faces in batches:
            images, wanted = mix(faces, targets[at].to(faces.device), config.mixup)
            if self.teachers is not None:
                with self.fabric.autocast():
                    wanted = wanted.lerp(self.teachers(images), config.teacher_share)
            logits = self.network(images)
            each = cross_entropy(logits, wanted)
            self.optimizer.zero_grad(set_to_none=True)
            self.fabric.backward((each * self.weights[at].to(images.device)).mean())
            self.optimizer.step()
            self.learning_rate.after_step()
            if self.mean is not None:
                self.mean.update_parameters(self.network.module)
            seen += len(at)
            losses += float(each.detach().sum())
            hits += float(expected_hits(logits.detach().cpu(), votes[at]).sum())
            self.listener.stepped(loss=losses / seen, images_per_s=seen / (time.perf_counter() - started))
        elapsed = time.perf_counter() - started
        return {
            "train_loss": losses / seen,
            "train_accuracy": hits / seen,
            "images_per_s": seen / elapsed,
            "augmentation_share": self.train_images.augmenting_s / elapsed,
        }

    @torch.no_grad()
    def _validate(self, epoch: int) -> dict[str, float]:
        network = self.network.module if self.mean is None else self.mean.module
        network.eval()
        with self.fabric.autocast():
            batches = self.validation_images.in_order()
            logits = torch.cat([network(images).float().cpu() for images in batches])
        targets = self.validation_targets
        return validation_figures(logits, targets.at_epoch(epoch), targets.votes)

    def _save(self, *, gained: bool) -> None:
        kept = self.network.module if self.mean is None else self.mean.module
        if gained:
            best = {"network": kept.state_dict(), "epoch": len(self.history)}
            runs.save_state(best, self.folder / runs.BEST)
        state = {
            "network": self.network.module.state_dict(),
            "mean": None if self.mean is None else self.mean.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "learning_rate": self.learning_rate.state_dict(),
            "history": self.history,
            "epochs_without_gain": self.epochs_without_gain,
        }
        runs.save_state(state, self.folder / runs.LAST)
        self._report()

    def _report(self) -> None:
        """Write the files that tell people of the epochs so far."""
        runs.write_history(self.folder, self.history)
        record = self.record | {"epochs": len(self.history), "best": asdict(self.best)}
        runs.write_record(self.folder, record)

    def _restore(self, state: dict[str, Any]) -> None:
        self.network.module.load_state_dict(state["network"])
        if self.mean is not None:
            self.mean.load_state_dict(state["mean"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.learning_rate.load_state_dict(state["learning_rate"])
        self.history = state["history"]
        self.epochs_without_gain = state["epochs_without_gain"]


@torch.no_grad()
def _check_batches(network: nn.Module, config: TrainingConfig, *, faces: int) -> None:
    """Refuse batches that the network cannot take before the run begins."""
    last = faces % config.batch_size or config.batch_size
    if last == 1 and any(isinstance(layer, nn.BatchNorm1d) for layer in network.modules()):
        raise ConfigError(
            f"{faces} faces in batches of {config.batch_size} leave a last batch of one, of which {config.model} can "
            "take no batch statistics",
            hint="set another batch_size",
        )
    if config.small_epochs:
        side = config.small_side
        try:
            network.eval()(torch.zeros(1, 1, side, side))
        except RuntimeError as err:
            raise ConfigError(
                f"{config.model} cannot take faces of {side} pixels ({str(err).splitlines()[0]})",
                hint="set small_epochs = 0, or take a network that ends in a mean over positions, such as resnet",
            ) from err
