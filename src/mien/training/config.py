"""The settings of a run: one frozen record, read from TOML, stored in checkpoints, run folders and model files.

It does not act on any of them.
"""

import hashlib
import json
import tomllib
from dataclasses import MISSING, asdict, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args

from mien.data.augmentation import Augmentation
from mien.errors import ConfigError

Target = Literal["drawn", "soft", "majority", "fixed"]
Panels = Literal["first", "both"]
Optimizer = Literal["adam", "adamw"]
Schedule = Literal["constant", "plateau", "onecycle", "cosine"]
Monitor = Literal["loss", "kl"]
Teaching = Literal["fixed", "consistent"]
_CHOICES = {
    "target": Target,
    "panels": Panels,
    "optimizer": Optimizer,
    "schedule": Schedule,
    "monitor": Monitor,
    "teaching": Teaching,
}
_NOT_NEGATIVE = (
    "weight_decay",
    "patience",
    "plateau_patience",
    "class_weight_power",
    "mixup",
    "small_epochs",
)


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Everything that decides a run; the file that holds it is a recipe.

    Attributes:
        model: Name of the network, see :func:`mien.networks.list_networks`.
        target: What an image is trained towards: one label ``drawn`` from its votes anew in every epoch, drawn once
            (``fixed``), the ``majority`` label, or all votes (``soft``).
        panels: Votes of the ``first`` file, or of ``both`` panels added (they differ where an image occurs twice);
            ``majority`` is always that of the first.
        monitor: What the best epoch is chosen by on the validation split: ``loss`` against the run's own target, or
            ``kl`` to the votes.
        epochs: Passes over the training split at most.
        patience: Epochs without gain after which the run stops; 0 never stops early.
        plateau_patience: Epochs without gain after which ``plateau`` cuts the learning rate to a tenth.
        warmup: Share of all steps that ``onecycle`` and ``cosine`` spend rising.
        ema_decay: Decay per step of the running mean of the weights (exponential moving average) that is validated and
            kept; 0 keeps the weights.
        class_weight_power: Weight of an image is the mean of frequency^-power over its votes; 0 weighs all alike.
        teacher_share: Weight of the teachers' mean distribution in the targets; the rest is ``target``.
        teaching: Teachers answer once for each face, as it is and mirrored (``fixed``), or in every step for the faces
            that the network itself sees, changed and blended (``consistent``, Beyer et al. 2022): another forward pass
            of each, and no answer that they know by heart.
        mixup: Concentration of the Beta distribution by which faces and targets are blended in pairs; 0 blends none.
        small_epochs: The first epochs, which see faces reduced to ``small_side`` pixels (progressive resizing): less
            than half the work each. Networks that lay all positions out in a row (``capstone``, ``vgg16``) cannot.
        small_side: Side of a reduced face in pixels.
        seed: Of initial weights, order, drawn labels, dropout and augmentation.
    """

    model: str
    target: Target = "soft"
    panels: Panels = "first"
    monitor: Monitor = "loss"
    epochs: int = 30
    batch_size: int = 128
    optimizer: Optimizer = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    schedule: Schedule = "cosine"
    warmup: float = 0.1
    patience: int = 0
    plateau_patience: int = 20
    ema_decay: float = 0.0
    class_weight_power: float = 0.0
    teacher_share: float = 0.0
    teaching: Teaching = "fixed"
    mixup: float = 0.0
    small_epochs: int = 0
    small_side: int = 32
    seed: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        for name, kind in _CHOICES.items():
            if getattr(self, name) not in get_args(kind):
                raise ConfigError(f"{name} is {getattr(self, name)!r}, expected one of {', '.join(get_args(kind))}")
        self._check_ranges()
        if self.teaching == "consistent" and self.small_epochs:
            raise ConfigError(
                f"small_epochs is {self.small_epochs} and teaching is consistent, expected 0: it is for whole faces",
                hint='set small_epochs = 0 or teaching = "fixed"',
            )

    def _check_ranges(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate", "small_side"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected more than 0")
        for name in _NOT_NEGATIVE:
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected 0 or more")
        for name in ("warmup", "ema_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected at least 0 and less than 1")
        if not 0 <= self.teacher_share <= 1:
            raise ConfigError(f"teacher_share is {self.teacher_share}, expected 0 to 1")

    def side_at(self, epoch: int) -> int | None:
        """Side in pixels to which faces are reduced in ``epoch``, counted from 1; None where they stay as they are."""
        return self.small_side if epoch <= self.small_epochs else None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def sha256(self) -> str:
        """Names the recipe in run records and model files.

        Settings at their defaults do not count, so that the name outlives settings that come later.
        """
        changed = _changed(self.to_dict(), type(self)(self.model).to_dict())
        return hashlib.sha256(json.dumps({"model": self.model, **changed}, sort_keys=True).encode()).hexdigest()


def _changed(settings: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """The settings that are not at their defaults, tables likewise."""
    changed = {}
    for name, value in settings.items():
        if isinstance(value, dict) and value != defaults[name]:
            changed[name] = _changed(value, defaults[name])
        elif value != defaults[name]:
            changed[name] = value
    return changed


def load_config(path: Path) -> TrainingConfig:
    """Read a recipe.

    Raises:
        ConfigError: The file is absent or not TOML, or a setting is unknown, missing or out of range.
    """
    try:
        with path.open("rb") as stream:
            record = tomllib.load(stream)
    except FileNotFoundError as err:
        raise ConfigError(f"{path}: no such file", hint="configs/ holds recipes to start from") from err
    except OSError as err:
        raise ConfigError(f"{path}: cannot be read ({err.strerror})", hint="a recipe is a TOML file") from err
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise ConfigError(f"{path}: not TOML ({err})") from err
    return config_from_dict(record, source=str(path))


def config_from_dict(record: dict[str, Any], *, source: str = "configuration") -> TrainingConfig:
    """Build the record from plain values; ``source`` is named in errors.

    Raises:
        ConfigError: A setting is unknown (the nearest name is given), missing, of the wrong type or out of range.
    """
    changes = record.get("augmentation", {})
    if not isinstance(changes, dict):
        raise ConfigError(f"{source}: augmentation is {changes!r}, expected a table [augmentation]")
    augmentation = _checked(dict(changes), Augmentation, f"{source}: [augmentation]")
    rest = _checked({k: v for k, v in record.items() if k != "augmentation"}, TrainingConfig, source)
    try:
        return TrainingConfig(**rest, augmentation=Augmentation(**augmentation))
    except ConfigError as err:
        raise ConfigError(f"{source}: {err}", hint=err.hint) from err


def _checked(record: dict[str, Any], kind: type[Any], source: str) -> dict[str, Any]:
    known = {item.name: item for item in fields(kind)}
    for name, value in record.items():
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise ConfigError(f"{source}: no setting {name!r}", hint=f"did you mean {near[0]}?" if near else None)
        declared = known[name].type
        expected: type = declared if isinstance(declared, type) else str  # a choice among words
        if expected is float and type(value) is int:
            record[name] = float(value)
        elif type(value) is not expected:
            raise ConfigError(f"{source}: {name} is {value!r}, expected {expected.__name__}")
    for name, item in known.items():
        if item.default is MISSING and item.default_factory is MISSING and name not in record:
            raise ConfigError(f"{source}: no setting {name!r}, which has no default")
    return record
