"""The training loop: the state of a run between two epochs, and the steps of an epoch."""

import time
from collections.abc import Mapping
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from mien.errors import CheckpointError, ConfigError
from mien.training.batches import Batch, ImageBatches
from mien.training.checkpoints import first_difference
from mien.training.distillation import Teachers, teachers_distribution
from mien.training.faces import TrainingFaces, ValidationFaces
from mien.training.heads import CLASSES, intended, perceived
from mien.training.history import EpochMetrics, whole_history
from mien.training.interpolation import StartShare
from mien.training.losses import cross_entropy, expected_hits
from mien.training.mixing import mix
from mien.training.optim import LearningRate, build_optimizer, moments_of, running_mean
from mien.training.progress import Listener
from mien.training.records import NOT_A_RECORD, RunRecord
from mien.training.runs import LAST, WITHOUT_LAST, RunFolder


class Run:
    """The state of a run between two epochs.

    Attributes:
        history: Metrics of the epochs so far.
        network: In training; :meth:`kept` is what is validated and saved as best.
    """

    def __init__(  # noqa: PLR0913 - the parts of a run, each made apart from the others
        self,
        record: RunRecord,
        folder: RunFolder,
        *,
        network: nn.Module,
        frozen: list[nn.Module],
        anchor: StartShare | None,
        faces: TrainingFaces,
        validation: ValidationFaces,
        teachers: tuple[Path, ...],
        listener: Listener,
    ) -> None:
        config = record.config
        self.config, self.record, self.folder, self.listener = config, record, folder, listener
        self.faces, self.validation = faces, validation
        self.history: list[EpochMetrics] = []
        self.epochs_without_gain = 0
        self._sources, self._frozen, self._anchor = teachers, frozen, anchor
        self._answers: Tensor | None = None
        self._teachers: Teachers | None = None
        self.fabric = Fabric(accelerator="auto", devices=1, precision=record.precision)
        # NHWC in memory: what oneDNN and cuDNN convolve without reordering
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        # Fabric wraps both: .module and .optimizer are the originals, whose state is saved
        self.network, self.optimizer = self.fabric.setup(network, build_optimizer(network, config))
        self.mean = running_mean(network, config.ema_decay) if config.ema_decay else None
        self.steps = -(-len(faces) // config.batch_size)  # an epoch; the last batch may be smaller
        self.learning_rate = LearningRate(self.optimizer.optimizer, config, steps_per_epoch=self.steps)

    def begin(self) -> None:
        """Write the record, compute fixed teachers' probabilities, and restore the state of an interrupted run."""
        self.folder.write_record(self.record)
        if self._sources and self.config.teaching == "consistent":
            self._teachers = Teachers(self._sources, self.fabric.device)
        elif self._sources:
            with self.fabric.autocast():
                self._answers = teachers_distribution(
                    self._sources, self.faces.images, self.folder, device=self.fabric.device, listener=self.listener
                )
        if self.folder.begun:
            self._restore(self.folder.load_last())
            self._report()  # the process may have been killed between writing the state and these files
        self.listener.started(
            epochs=self.config.epochs,
            steps_per_epoch=self.steps,
            done_epochs=len(self.history),
            precision=str(self.record.precision),
        )

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or the recipe's patience is used up."""
        patience = self.config.patience
        return len(self.history) >= self.config.epochs or 0 < patience <= self.epochs_without_gain

    @property
    def best(self) -> EpochMetrics:
        return next(metrics for metrics in reversed(self.history) if metrics.best)

    @property
    def kept(self) -> nn.Module:
        """The network that is validated and saved.

        Its weights are the running means, if the recipe has them, moved towards the initial ones by ``start_share``.
        """
        network: nn.Module = self.network.module if self.mean is None else self.mean.module
        return network if self._anchor is None else self._anchor.between(network)

    def run_epoch(self) -> None:
        """Train one epoch, validate, save.

        Raises:
            ConfigError: The monitored metric is not finite any more.
        """
        epoch = len(self.history) + 1
        # Seed dropout and mixup by the epoch, so that a resumed run draws what an uninterrupted one draws. The factor
        # is prime and differs from that of the shuffling below, which keeps the two streams apart.
        torch.manual_seed(self.config.seed * 7919 + epoch)
        trained = self._train(epoch)
        judged: dict[str, Any] = self.validation.judge(self._logits, epoch)
        watched = judged[self.config.monitor]
        if not isfinite(watched):
            raise ConfigError(
                f"epoch {epoch}: validation {self.config.monitor} is {watched}, the run has diverged",
                hint=f"lower the learning rate, in another folder; {self.folder.path} keeps the epochs before",
            )
        gained = all(watched < getattr(metrics, self.config.monitor) for metrics in self.history)
        self.epochs_without_gain = 0 if gained else self.epochs_without_gain + 1
        rate = self.optimizer.param_groups[0]["lr"]  # before a plateau schedule may cut it
        self.learning_rate.after_epoch(watched)
        row: dict[str, Any] = trained | judged
        metrics = EpochMetrics(epoch=epoch, **row, learning_rate=rate, best=gained)
        self.history.append(metrics)
        self._save(gained=gained)
        self.listener.finished_epoch(metrics)

    def _train(self, epoch: int) -> dict[str, float]:
        """All training steps of an epoch."""
        config = self.config
        targets = self.faces.targets_at(epoch)  # (n, 8), or (n, 15) with two heads
        if self._answers is not None:  # fixed teachers: target ← (1 - share) · target + share · teachers
            targets[:, :CLASSES] = targets[:, :CLASSES].lerp(self._answers, self.faces.teacher_share)
        self.network.train()
        for part in self._frozen:
            part.eval()  # keeps batch norm statistics as they are
        started, seen, losses, hits = time.perf_counter(), 0, 0.0, 0.0
        batches = self.faces.images.shuffled(
            config.batch_size, config.augmentation, seed=config.seed * 104_729 + epoch, side=config.side_at(epoch)
        )
        for batch in batches:
            each, logits = self._step(batch, targets)  # (b,), (b, 8) or (b, 15)
            seen += len(batch.at)
            losses += float(each.sum())
            hits += float(expected_hits(perceived(logits).cpu(), self.faces.votes[batch.at]).sum())
            self.listener.stepped(loss=losses / seen, images_per_s=seen / (time.perf_counter() - started))
        elapsed = time.perf_counter() - started
        return {
            "train_loss": losses / seen,
            "train_accuracy": hits / seen,
            "images_per_s": seen / elapsed,
            "augmentation_share": self.faces.images.augmenting_s / elapsed,
        }

    def _step(self, batch: Batch, targets: Tensor) -> tuple[Tensor, Tensor]:
        """One optimizer step; returns the first head's loss of each face (b,) and all logits, both detached."""
        config, device = self.config, batch.images.device
        images, wanted = mix(batch.images, targets[batch.at].to(device), config.mixup)  # (b, 1, side, side), (b, 8|15)
        first = wanted[:, :CLASSES]  # (b, 8)
        if self._teachers is not None:
            view = {"geometry": batch.moved, "unerased": batch.unerased, "changed": images}[config.teacher_view]
            with self.fabric.autocast():
                first = first.lerp(self._teachers(view), self._share(batch))
        logits = self.network(images)  # (b, 8) or (b, 15)
        each = cross_entropy(perceived(logits), first)  # (b,)
        loss = (each * self.faces.weights[batch.at].to(device)).mean()
        if config.intended_weight:
            # (b, 7) targets; a face without a FER2013 label has zeros there, so its loss is 0
            loss = loss + config.intended_weight * cross_entropy(intended(logits), wanted[:, CLASSES:]).mean()
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        self.optimizer.step()
        self.learning_rate.after_step()
        if self.mean is not None:
            self.mean.update_parameters(self.network.module)  # after the step, so that it averages the new weights
        return each.detach(), logits.detach()

    def _share(self, batch: Batch) -> Tensor | float:
        """Weight of the teachers in the targets of a batch: one number, or float32 (b, 1) where data sets differ."""
        share = self.faces.teacher_share
        return share if isinstance(share, float) else share[batch.at].to(batch.images.device)

    @torch.no_grad()
    def _logits(self, images: ImageBatches) -> Tensor:
        """The kept network's logits of all images, float32 (n, classes)."""
        network = self.kept.eval()  # _train() switches back
        with self.fabric.autocast():
            return torch.cat([network(batch).float().cpu() for batch in images.in_order()])

    def _save(self, *, gained: bool) -> None:
        # the best weights first: after a kill between the two, the resumed epoch writes both again
        if gained:
            self.folder.save_best(self.kept.state_dict(), epoch=len(self.history))
        self.folder.save_last(self._state())
        self._report()

    def _report(self) -> None:
        """Write the files that people read: history, curves and record."""
        self.folder.write_history(self.history)
        self.folder.write_record(replace(self.record, epochs=len(self.history), best=self.best))

    def _state(self) -> dict[str, Any]:
        """All that decides the next epoch."""
        return {
            "network": self.network.module.state_dict(),
            "mean": None if self.mean is None else self.mean.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "learning_rate": self.learning_rate.state_dict(),
            "history": [metrics.to_dict() for metrics in self.history],
            "epochs_without_gain": self.epochs_without_gain,
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a checkpoint.

        Raises:
            CheckpointError: It is not one of this run; nothing has changed.
        """
        moments = moments_of(self.optimizer.optimizer)
        try:
            history = whole_history(state, most=self.config.epochs)
            # Adam has no moments for parameters that never had a gradient
            met = {at: moments[at] for at in state["optimizer"]["state"]}
            made = self._state() | {"history": state["history"]}
            difference = first_difference(state, made | {"optimizer": made["optimizer"] | {"state": met}})
        except (*NOT_A_RECORD, RuntimeError) as err:  # the last from a tensor where a plain value belongs
            difference = f"{type(err).__name__}: {err}"[:120]
        if difference is not None:
            raise CheckpointError(
                f"{self.folder.path / LAST}: not a state of this run: {difference.lstrip('.')}", hint=WITHOUT_LAST
            )
        # everything was compared before, so that none of these can fail halfway
        self.network.module.load_state_dict(state["network"])
        if self.mean is not None:
            self.mean.load_state_dict(state["mean"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.learning_rate.load_state_dict(state["learning_rate"])
        self.history = history
        self.epochs_without_gain = state["epochs_without_gain"]
