"""Earlier runs that a run begins from or learns from.

It does not train.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mien.errors import CheckpointError, ConfigError
from mien.networks.registry import build_network
from mien.networks.weight_transfer import grow
from mien.training.config import TrainingConfig
from mien.training.runs import BEST, read_record
from mien.training.trained import load_network


@dataclass(frozen=True, slots=True)
class Origins:
    """Run folders: where the first weights come from, and whose answers are mixed into the targets.

    Attributes:
        start: Run whose best weights the network begins with; None begins with random ones.
        teachers: Runs whose mean distribution the recipe's ``teacher_share`` mixes into the targets.
    """

    start: Path | None = None
    teachers: tuple[Path, ...] = ()

    def check(self, config: TrainingConfig) -> None:
        """Refuse teachers that the recipe does not hear, and a recipe that wants teachers where there are none.

        Raises:
            ConfigError: Only one of the two is there.
        """
        if bool(self.teachers) != bool(config.teacher_share):
            raise ConfigError(
                f"the recipe's teacher_share is {config.teacher_share} and {len(self.teachers)} teachers are given",
                hint="teachers (--teacher RUN) and a teacher_share above 0 go together",
            )

    def describe(self) -> dict[str, Any]:
        """What the run's record says of them.

        Raises:
            CheckpointError: One of them is no run folder, or has not finished an epoch.
        """
        return {
            "start": None if self.start is None else describe_run(self.start),
            "teachers": [describe_run(teacher) for teacher in self.teachers],
        }

    def build_network(self, config: TrainingConfig) -> nn.Module:
        """The recipe's network with its first weights.

        A start that is the same network with fewer channels or blocks is grown, see
        :func:`mien.networks.weight_transfer.grow`.

        Raises:
            CheckpointError: The start is no run folder, holds another network, or its weights are damaged.
        """
        torch.manual_seed(config.seed)
        if self.start is None:
            return build_network(config.model)
        started, record = load_network(self.start)
        if (found := record["config"]["model"]) == config.model:
            return started
        network = build_network(config.model)
        if not grow(started, network):
            raise CheckpointError(
                f"{self.start}: holds a {found} network, the recipe wants {config.model}",
                hint="start from a run of the same network or of a narrower or shallower one, or without --start",
            )
        return network


NO_ORIGINS = Origins()


def describe_run(run: Path) -> dict[str, str]:
    """Which run it is: its folder's name, its network, and the hashes of its recipe and of its best weights.

    Raises:
        CheckpointError: ``run`` is no run folder, or has not finished an epoch.
    """
    record = read_record(run)
    if not (run / BEST).exists():
        raise CheckpointError(f"{run}: holds no weights yet", hint="let it finish an epoch first")
    return {
        "run": run.name,
        "model": record["config"]["model"],
        "recipe_sha256": record["recipe_sha256"],
        "weights_sha256": hashlib.sha256((run / BEST).read_bytes()).hexdigest(),
    }
