"""The initial weights and the teachers of a run: run folders and files of weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from mien.errors import CheckpointError, ConfigError
from mien.networks.registry import build_network
from mien.networks.weight_transfer import grow
from mien.training.config import TrainingConfig
from mien.training.records import WeightsSource
from mien.training.sources import describe_source, load_source


@dataclass(frozen=True, slots=True)
class Initialization:
    """Where the initial weights come from, and whose probabilities are mixed into the targets.

    Each is a run folder, a model file (``.onnx``), or the 16-bit weights behind one (``.safetensors``).

    Attributes:
        start: Initial weights; None initializes at random.
        teachers: Networks whose mean distribution the recipe's ``teacher_share`` mixes into the targets.
    """

    start: Path | None = None
    teachers: tuple[Path, ...] = ()

    def check(self, config: TrainingConfig) -> None:
        """Refuse teachers that the recipe does not use, and a recipe whose teachers or start are not given.

        Raises:
            ConfigError: Recipe and initialization do not fit.
        """
        if config.start_share and self.start is None:
            raise ConfigError(
                f"the recipe's start_share is {config.start_share}, but no start is given", hint="give one with --start"
            )
        if bool(self.teachers) != bool(config.teacher_share):
            raise ConfigError(
                f"the recipe's teacher_share is {config.teacher_share}, but {len(self.teachers)} teachers are given",
                hint="teachers (--teacher RUN) and a teacher_share above 0 go together",
            )

    def describe_start(self) -> WeightsSource | None:
        """The start in the form of a run's record.

        Raises:
            CheckpointError: It is not a run folder, or has not finished an epoch.
            ModelFileError: It is not a model file.
        """
        return None if self.start is None else describe_source(self.start)

    def describe_teachers(self) -> tuple[WeightsSource, ...]:
        """The teachers in the form of a run's record; raises as :meth:`describe_start`."""
        return tuple(describe_source(teacher) for teacher in self.teachers)

    def begin(self, config: TrainingConfig, faces: Callable[[], Tensor] | None = None) -> "FirstWeights":
        """The recipe's network with its initial weights.

        A start with fewer channels, blocks or heads is enlarged, see :func:`mien.networks.weight_transfer.grow`.

        Args:
            config: The recipe.
            faces: Returns training faces, float32 (n, 1, 48, 48) in [0, 1], which a start from a model file needs.

        Raises:
            CheckpointError: The start is not a run folder, holds another network, or its weights are damaged.
            ModelFileError: It is not a model file.
        """
        torch.manual_seed(config.seed)  # the initial weights are part of what the seed determines
        if self.start is None:
            return FirstWeights(build_network(config.network, classes=config.classes), None)
        found = describe_source(self.start).network
        started = load_source(self.start, faces)
        torch.manual_seed(config.seed)  # again, since reading a start may have used the generator
        network = build_network(config.network, classes=config.classes)
        if found == config.network and _same_shapes(started, network):
            return FirstWeights(started, started.state_dict())
        if not grow(started, network):  # copies what fits; False if the start is not a smaller such network
            raise CheckpointError(
                f"{self.start}: holds a {found} network, expected {config.network} as in the recipe",
                hint="start from a run of the same network or of a narrower or shallower one, or without --start",
            )
        return FirstWeights(network, started.state_dict())


@dataclass(frozen=True, slots=True)
class FirstWeights:
    """A network that is about to be trained.

    Attributes:
        network: With its initial weights.
        start: The weights of the start, by name; None where the initial weights are random.
    """

    network: nn.Module
    start: Mapping[str, Tensor] | None


def _same_shapes(first: nn.Module, second: nn.Module) -> bool:
    shapes = [{name: values.shape for name, values in net.state_dict().items()} for net in (first, second)]
    return shapes[0] == shapes[1]


#: Random initial weights and no teachers.
FROM_SCRATCH = Initialization()
