"""One training run, from a configuration and a prepared data set to a run folder. All of learning is here.

Every epoch draws its order, labels, augmentation and dropout from the seed and its own number, so that a run which was
killed and goes on from the last whole epoch ends with the same weights as one that was never killed.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from mien.data.dataset import FerDataset
from mien.errors import CheckpointError
from mien.models.registry import build_model
from mien.training.checkpoint import BEST, LAST, load_state, read_record, save_state, write_history, write_record
from mien.training.config import TrainingConfig
from mien.training.precision import Precision, fastest_precision
from mien.training.progress import EpochFigures, Listener, Silent
from mien.training.schedule import LearningRate, build_optimizer, running_mean
from mien.training.targets import Targets, image_weights, split_targets
from mien.version import __version__

_MAX_SEED = 2**31


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
    precision: Precision | None = None,
    listener: Listener | None = None,
) -> RunResult:
    """Train the network that ``config`` names and keep the best epoch's weights in ``folder``.

    Args:
        config: The recipe.
        dataset: A prepared data set; only its train and validation splits are read.
        folder: The run folder, see :mod:`mien.training.checkpoint`.
        resume: Go on from the last whole epoch in ``folder`` instead of refusing to overwrite it.
        precision: Arithmetic of a new run; None takes the faster one, measured. A resumed run keeps its own.
        listener: Hears of the progress.

    Raises:
        CheckpointError: ``folder`` holds a run and ``resume`` is off, or its checkpoint is damaged or of another run.
        StorageError: The disk is full; what was saved before is untouched.
    """
    record = _open_folder(folder, config, dataset, resume=resume)
    record["precision"] = record["precision"] or precision
    run = Run(config, dataset, folder, record=record, listener=listener or Silent())
    while not run.finished:
        run.run_epoch()
    return RunResult(folder, len(run.history), run.best)


class Run:
    """The state of a run between two epochs."""

    def __init__(
        self, config: TrainingConfig, dataset: FerDataset, folder: Path, *, record: dict[str, Any], listener: Listener
    ) -> None:
        self.config, self.dataset, self.folder, self.listener = config, dataset, folder, listener
        self.train_targets = split_targets(dataset, "train", config)
        self.validation_targets = split_targets(dataset, "validation", config)
        self.weights = image_weights(self.train_targets.votes, config.class_weight_power)
        self.history: list[dict[str, float]] = []
        self.epochs_without_gain = 0
        self._build(record)
        if (folder / LAST).exists():
            self._restore(load_state(folder / LAST))
        steps = -(-len(self.train_targets) // config.batch_size)
        listener.started(
            epochs=config.epochs,
            steps_per_epoch=steps,
            done_epochs=len(self.history),
            precision=self.record["precision"],
        )

    def _build(self, record: dict[str, Any]) -> None:
        config = self.config
        torch.manual_seed(config.seed)
        network = build_model(config.model)
        record["precision"] = record["precision"] or fastest_precision(network, batch_size=config.batch_size)
        write_record(self.folder, record)
        self.record = record
        self.fabric = Fabric(accelerator="auto", devices=1, precision=record["precision"])
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network, self.optimizer = self.fabric.setup(network, build_optimizer(network, config))
        self.mean = running_mean(self.network.module, config.ema_decay) if config.ema_decay else None
        steps = -(-len(self.train_targets) // config.batch_size)
        self.learning_rate = LearningRate(self.optimizer.optimizer, config, steps_per_epoch=steps)

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
        """Train one epoch, validate, save."""
        epoch = len(self.history) + 1
        torch.manual_seed((self.config.seed * 7919 + epoch) % _MAX_SEED)
        trained = self._train_epoch(epoch)
        validated = self._validate(epoch)
        monitored = validated[self.config.monitor]
        gained = all(monitored < row[self.config.monitor] for row in self.history)
        self.epochs_without_gain = 0 if gained else self.epochs_without_gain + 1
        self.learning_rate.after_epoch(validated["loss"])
        rate = self.optimizer.param_groups[0]["lr"]
        figures = EpochFigures(epoch, **trained, **validated, learning_rate=rate, best=float(gained))
        self.history.append(asdict(figures))
        self._save(gained=gained)
        self.listener.finished_epoch(figures)

    def _train_epoch(self, epoch: int) -> dict[str, float]:
        targets = self.train_targets.at_epoch(epoch)
        totals = torch.zeros(2)
        started, augmenting, seen = time.perf_counter(), 0.0, 0
        self.network.train()
        for rows, images, spent in self._augmented_batches(epoch):
            logits = self.network(images)
            each = cross_entropy(logits, targets[rows].to(images.device))
            loss = (each * self.weights[rows].to(images.device)).mean()
            self.optimizer.zero_grad(set_to_none=True)
            self.fabric.backward(loss)
            self.optimizer.step()
            self.learning_rate.after_step()
            if self.mean is not None:
                self.mean.update_parameters(self.network.module)
            seen, augmenting = seen + len(rows), augmenting + spent
            right = self.train_targets.votes[rows].gather(1, logits.detach().argmax(1, keepdim=True).cpu()).sum()
            totals += torch.stack([each.detach().sum().cpu(), right])
            self.listener.stepped(loss=float(totals[0]) / seen, images_per_s=seen / (time.perf_counter() - started))
        elapsed = time.perf_counter() - started
        loss_sum, right_sum = totals.tolist()
        return {
            "train_loss": loss_sum / seen,
            "train_accuracy": right_sum / seen,
            "images_per_s": seen / elapsed,
            "augmentation_share": augmenting / elapsed,
        }

    def _augmented_batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor, float]]:
        """Batches of (rows, images, seconds spent on augmentation) in the epoch's own order."""
        generator = torch.Generator().manual_seed((self.config.seed * 104_729 + epoch) % _MAX_SEED)
        order = torch.randperm(len(self.train_targets), generator=generator)
        for rows in torch.split(order, self.config.batch_size):
            images = _load(self.dataset, self.train_targets, rows).to(self.fabric.device)
            started = time.perf_counter()
            images = self.config.augmentation(images, generator)
            spent = time.perf_counter() - started
            yield rows, images.contiguous(memory_format=torch.channels_last), spent

    @torch.no_grad()
    def _validate(self, epoch: int) -> dict[str, float]:
        network = self.network if self.mean is None else self.mean
        network.eval()
        logits = []
        for rows in torch.split(torch.arange(len(self.validation_targets)), 256):
            images = _load(self.dataset, self.validation_targets, rows).to(self.fabric.device)
            with self.fabric.autocast():
                logits.append(network(images.contiguous(memory_format=torch.channels_last)).float().cpu())
        return validation_figures(torch.cat(logits), self.validation_targets, epoch)

    def _save(self, *, gained: bool) -> None:
        kept = self.network.module if self.mean is None else self.mean.module
        if gained:
            save_state({"network": kept.state_dict(), "epoch": len(self.history)}, self.folder / BEST)
        state = {
            "network": self.network.module.state_dict(),
            "mean": None if self.mean is None else self.mean.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "learning_rate": self.learning_rate.state_dict(),
            "history": self.history,
            "epochs_without_gain": self.epochs_without_gain,
        }
        save_state(state, self.folder / LAST)
        write_history(self.folder, self.history)
        write_record(self.folder, self.record | {"epochs": len(self.history), "best": asdict(self.best)})

    def _restore(self, state: dict[str, Any]) -> None:
        self.network.module.load_state_dict(state["network"])
        if self.mean is not None:
            self.mean.load_state_dict(state["mean"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.learning_rate.load_state_dict(state["learning_rate"])
        self.history = state["history"]
        self.epochs_without_gain = state["epochs_without_gain"]


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """-Σ target · log softmax(logits) of each row, float32 (n,)."""
    return -(targets * logits.float().log_softmax(dim=1)).sum(dim=1)


def validation_figures(logits: Tensor, targets: Targets, epoch: int) -> dict[str, float]:
    """Loss against the run's target, expected accuracy on drawn labels, and KL to the votes."""
    votes = targets.votes
    entropy = -torch.special.xlogy(votes, votes).sum(dim=1)
    return {
        "loss": float(cross_entropy(logits, targets.at_epoch(epoch)).mean()),
        "accuracy": float(votes.gather(1, logits.argmax(dim=1, keepdim=True)).mean()),
        "kl": float((cross_entropy(logits, votes) - entropy).mean()),
    }


def _load(dataset: FerDataset, targets: Targets, rows: Tensor) -> Tensor:
    """Images of ``rows`` as float32 (n, 1, 48, 48) in [0, 1]."""
    pixels = torch.from_numpy(dataset.images[targets.indices[rows.numpy()]])
    return pixels.permute(0, 3, 1, 2).float().div_(255)


def _open_folder(folder: Path, config: TrainingConfig, dataset: FerDataset, *, resume: bool) -> dict[str, Any]:
    """The record of the run in ``folder``: what stands there if it is to be resumed, else a new one."""
    splits = {split: entry["sha256"] for split, entry in dataset.manifest["splits"].items() if split != "test"}
    new = {
        "config": config.to_dict(),
        "recipe_sha256": config.sha256,
        "data": {"manifest_sha256": dataset.manifest_sha256, **splits},
        "versions": {"mien": __version__, "torch": torch.__version__},
        "threads": torch.get_num_threads(),
        "precision": None,
    }
    if not (folder / "run.json").exists():
        return new
    if not resume:
        raise CheckpointError(
            f"{folder}: holds a run already", hint="add --resume to go on with it, or choose another folder"
        )
    old = read_record(folder)
    for key, what in (("recipe_sha256", "recipe"), ("data", "data set")):
        if old.get(key) != new[key]:
            raise CheckpointError(
                f"{folder}: was run with another {what}", hint="resume with the same, or choose another folder"
            )
    return old
