import pytest
import torch
from torch import nn

from mien.errors import ConfigError
from mien.training.config import TrainingConfig
from mien.training.optim import LearningRate, build_optimizer


def rates(config: TrainingConfig, *, steps_per_epoch: int, watched: list[float] | None = None) -> list[float]:
    """The learning rate of each step, or of each epoch where there is a figure to watch."""
    optimizer = build_optimizer(nn.Linear(2, 2), config)
    schedule = LearningRate(optimizer, config, steps_per_epoch=steps_per_epoch)
    found = []
    for figure in watched or [0.0] * (config.epochs * steps_per_epoch):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.after_step()
        if watched:
            schedule.after_epoch(figure)
    return found


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_a_plateau_is_cut_after_as_many_epochs_without_gain_as_in_keras(patience: int) -> None:
    config = TrainingConfig("tiny", schedule="plateau", plateau_patience=patience, learning_rate=1.0)
    found = rates(config, steps_per_epoch=1, watched=[0.5] * 10)
    assert found[: 1 + patience] == [1.0] * (1 + patience)  # the first epoch gains
    assert found[1 + patience] == pytest.approx(0.1)


@pytest.mark.parametrize("schedule", ["onecycle", "cosine"])
@pytest.mark.parametrize("warmup", [0.0, 0.01, 0.3])
def test_a_rate_rises_once_and_falls_to_nearly_nothing(schedule: str, warmup: float) -> None:
    config = TrainingConfig("tiny", schedule=schedule, warmup=warmup, epochs=20, learning_rate=0.5)  # type: ignore[arg-type]
    found = torch.tensor(rates(config, steps_per_epoch=5))
    top = int(found.argmax())
    assert found[top] == pytest.approx(0.5, rel=0.01)
    assert top <= max(1, round(100 * warmup))
    assert (found[: top + 1].diff() > 0).all()
    assert (found[top:].diff() < 0).all()
    assert found[-1] < 0.01


def test_a_run_too_short_to_rise_and_fall_is_refused() -> None:
    config = TrainingConfig("tiny", schedule="onecycle", epochs=2)
    with pytest.raises(ConfigError, match="2 steps in all, onecycle needs 3"):
        rates(config, steps_per_epoch=1)
