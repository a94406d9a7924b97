"""The optimizer, the learning rate schedule and the running mean of weights that a recipe asks for."""

import torch
from torch import Tensor, nn, optim
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel

from mien.errors import ConfigError
from mien.training.config import TrainingConfig

#: Minimum number of steps of a one-cycle schedule: one to rise, the peak, one to fall.
_LEAST_CYCLE = 3


def build_optimizer(network: nn.Module, config: TrainingConfig) -> optim.Optimizer:
    """An optimizer of all weights that are not frozen; weight decay applies to matrices, not to biases and norms."""
    trained = [p for p in network.parameters() if p.requires_grad]
    matrices = [p for p in trained if p.ndim > 1]
    vectors = [p for p in trained if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    kind = optim.AdamW if config.optimizer == "adamw" else optim.Adam
    # epsilon as in Keras, which the capstone used; fused: one kernel for all parameters of a group
    return kind(groups, lr=config.learning_rate, eps=1e-7, fused=True)


def moments_of(optimizer: optim.Optimizer) -> dict[int, dict[str, Tensor]]:
    """Adam's state of each parameter in its initial form, by the parameter's number in ``state_dict``."""
    parameters = (parameter for group in optimizer.param_groups for parameter in group["params"])
    return {
        number: {"step": torch.tensor(0.0), "exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}
        for number, p in enumerate(parameters)
    }


class LearningRate:
    """The schedule of a run, stepped after each batch and after each epoch.

    Raises:
        ConfigError: The run is too short for its schedule.
    """

    def __init__(self, optimizer: optim.Optimizer, config: TrainingConfig, *, steps_per_epoch: int) -> None:
        total = config.epochs * steps_per_epoch
        self._per_step: lr_scheduler.LRScheduler | None = None
        self._per_epoch: lr_scheduler.ReduceLROnPlateau | None = None
        if config.schedule == "plateau":
            # torch reduces the rate after patience + 1 epochs without improvement, Keras after patience
            patience = max(0, config.plateau_patience - 1)
            self._per_epoch = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=patience)
        elif config.schedule == "onecycle":
            if total < _LEAST_CYCLE:
                raise ConfigError(
                    f"{total} steps in all, onecycle needs {_LEAST_CYCLE}", hint="set more epochs or smaller batches"
                )
            rising_share = max(config.warmup, 2 / total)  # with one rising step OneCycleLR divides by zero
            self._per_step = lr_scheduler.OneCycleLR(
                optimizer, config.learning_rate, total_steps=total, pct_start=rising_share
            )
        elif config.schedule == "cosine":
            rising = max(1, round(config.warmup * total))
            self._per_step = lr_scheduler.SequentialLR(
                optimizer,
                [
                    lr_scheduler.LinearLR(optimizer, 1e-2, total_iters=rising),
                    lr_scheduler.CosineAnnealingLR(optimizer, max(1, total - rising)),
                ],
                milestones=[rising],
            )

    def after_step(self) -> None:
        if self._per_step is not None:
            self._per_step.step()

    def after_epoch(self, watched: float) -> None:
        """Pass on the monitored validation metric of the epoch; lower is better."""
        if self._per_epoch is not None:
            self._per_epoch.step(watched)

    def state_dict(self) -> dict[str, object]:
        scheduler = self._per_step or self._per_epoch
        return {} if scheduler is None else scheduler.state_dict()

    def load_state_dict(self, state: dict[str, object]) -> None:
        scheduler = self._per_step or self._per_epoch
        if scheduler is not None:
            scheduler.load_state_dict(state)


def running_mean(network: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of a network's weights and batch statistics.

    While fewer than 1 / (1 - decay) steps are done it is their plain mean, so that the initial weights fade out early.
    """

    def average(mean: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        if not mean.is_floating_point():  # the batch counts of batch norms
            return current
        return mean.lerp(current, max(1 - decay, 1 / (int(count) + 1)))

    return AveragedModel(network, avg_fn=average, use_buffers=True)
