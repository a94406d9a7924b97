"""The settings of a run: one frozen record, stored in run folders and model files; other modules act on them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from difflib import get_close_matches
from typing import Any, Literal, get_args

from mien.data.augmentation import Augmentation
from mien.errors import ConfigError
from mien.text import printable
from mien.training.heads import CLASSES, INTENDED_CLASSES

Target = Literal["drawn", "soft", "majority", "fixed"]
Panels = Literal["first", "both"]
Optimizer = Literal["adam", "adamw"]
Schedule = Literal["constant", "plateau", "onecycle", "cosine"]
Monitor = Literal["loss", "kl"]
Teaching = Literal["fixed", "consistent"]
TeacherView = Literal["changed", "unerased", "geometry"]
_CHOICES = {
    "target": Target,
    "panels": Panels,
    "optimizer": Optimizer,
    "schedule": Schedule,
    "monitor": Monitor,
    "teaching": Teaching,
    "teacher_view": TeacherView,
}
_ABOVE_ZERO = ("epochs", "batch_size", "learning_rate", "small_side")
_NOT_NEGATIVE = (
    "weight_decay",
    "patience",
    "plateau_patience",
    "class_weight_power",
    "mixup",
    "small_epochs",
    "frozen_parts",
    "intended_weight",
)
_BELOW_ONE = ("warmup", "ema_decay", "intended_smoothing")
_SHARES = ("teacher_share", "intended_votes_share", "start_share")


@dataclass(frozen=True, slots=True)
class FurtherData:
    """A further data set that a recipe trains on, one ``[[data]]`` table; its folder is given when the run begins.

    Attributes:
        name: Its name in ``mien train --data NAME=FOLDER`` and in the run's record.
        weight: Mean weight of its faces in the loss; faces of the main set have mean weight 1.
        class_weight_power: Weight of a face by frequency^-power of its label within this set; 0 weighs all equally.
        label_smoothing: Share of its targets that is spread over all classes.
        teacher_share: Weight of the teachers in its targets; None takes the recipe's.
    """

    name: str
    weight: float = 1.0
    class_weight_power: float = 0.0
    label_smoothing: float = 0.0
    teacher_share: float | None = None

    def __post_init__(self) -> None:
        if not self.name or set(self.name) & set("=/\\ ,"):
            raise ConfigError(f"[[data]]: name is {_quoted(self.name)}, expected a word", hint='as in name = "lfw"')
        for name in ("weight", "class_weight_power"):
            if getattr(self, name) < 0:
                raise ConfigError(f"[[data]] {self.name}: {name} is {getattr(self, name)}, expected 0 or more")
        for name in ("label_smoothing", "teacher_share"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ConfigError(f"[[data]] {self.name}: {name} is {value}, expected 0 to 1")


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Everything that determines a run; a file with these settings is a recipe.

    Attributes:
        network: Name of the network, see :func:`mien.networks.list_networks`; ``model`` in files of earlier versions.
        target: Training target of an image: one label ``drawn`` from its votes again in every epoch, drawn once
            (``fixed``), the ``majority`` label, or all votes (``soft``).
        panels: Votes of the ``first`` file, or the sum of ``both`` panels (they differ where an image occurs twice);
            ``majority`` is always that of the first.
        monitor: Validation metric that selects the best epoch: ``loss`` against the run's own target, or ``kl`` to
            the votes.
        epochs: Maximum number of passes over the training split.
        patience: Epochs without improvement after which the run stops; 0 never stops early.
        plateau_patience: Epochs without improvement after which ``plateau`` cuts the learning rate to a tenth.
        warmup: Share of all steps that ``onecycle`` and ``cosine`` spend rising.
        ema_decay: Decay per step of the running mean of the weights (exponential moving average) that is validated and
            kept; 0 keeps the weights.
        class_weight_power: Weight of an image is the mean of frequency^-power over its votes; 0 weighs all equally.
        teacher_share: Weight of the teachers' mean distribution in the targets; the rest is ``target``.
        teaching: Teachers predict once for each unaugmented face and its mirror image (``fixed``), or in every step
            for the augmented and blended faces that the network sees (``consistent``, Beyer et al. 2022): one more
            forward pass of each teacher per step, and no memorized predictions.
        teacher_view: Input of consistent teachers: the faces as ``changed`` by the whole augmentation; ``unerased``,
            without the erased rectangle; or after the ``geometry`` augmentation alone (rotation, shift, zoom, warp,
            mirror), while the network also sees changed light, blur and noise.
        mixup: Concentration of the Beta distribution by which faces and targets are blended in pairs; 0 turns it off.
        small_epochs: Number of first epochs that see faces reduced to ``small_side`` pixels (progressive resizing), at
            less than half the cost each. Networks that flatten feature maps (``capstone``, ``vgg16``) cannot.
        small_side: Side of a reduced face in pixels.
        frozen_parts: Number of first parts of a residual network, its stem and then its blocks, whose weights and
            batch norm statistics stay as they are.
        start_share: Share of the initial weights in those that are validated and kept, the rest being the trained ones.
        intended_weight: Weight in the loss of a second head, trained towards FER2013's own label in its seven classes;
            0 trains the first head alone. Faces without such a label are left out of it.
        intended_smoothing: Share of that label that is spread over its seven classes.
        intended_votes_share: Share of the votes, restricted to seven classes, in the smoothed label, since a label that
            no tagger agrees with is likely to be wrong.
        intended_refit: Whether the second head is fitted again at the end, on the features of unaugmented faces.
        data: Further data sets, trained on together with the main one; validation uses the main one's split.
        seed: Of initial weights, order, sampled labels, dropout and augmentation.
    """

    network: str
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
    teacher_view: TeacherView = "changed"
    mixup: float = 0.0
    small_epochs: int = 0
    small_side: int = 32
    frozen_parts: int = 0
    start_share: float = 0.0
    intended_weight: float = 0.0
    intended_smoothing: float = 0.05
    intended_votes_share: float = 0.25
    intended_refit: bool = False
    seed: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)
    data: tuple[FurtherData, ...] = ()

    def __post_init__(self) -> None:
        for name, kind in _CHOICES.items():
            if getattr(self, name) not in get_args(kind):
                raise ConfigError(
                    f"{name} is {_quoted(getattr(self, name))}, expected one of {', '.join(get_args(kind))}"
                )
        self._check_ranges()
        self._check_combinations()

    def _check_ranges(self) -> None:
        for name in _ABOVE_ZERO:
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected more than 0")
        for name in _NOT_NEGATIVE:
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected 0 or more")
        for name in _BELOW_ONE:
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected at least 0 and less than 1")
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected 0 to 1")

    def _check_combinations(self) -> None:
        if self.teaching == "consistent" and self.small_epochs:
            raise ConfigError(
                f"small_epochs is {self.small_epochs} and teaching is consistent, expected 0: teachers read 48 pixels",
                hint='set small_epochs = 0 or teaching = "fixed"',
            )
        if self.teacher_view != "changed" and (self.mixup or self.teaching == "fixed"):
            raise ConfigError(
                f"teacher_view is {self.teacher_view} with teaching {self.teaching} and mixup {self.mixup:g}, expected "
                "consistent and 0",
                hint='set teaching = "consistent" and mixup = 0',
            )
        names = [entry.name for entry in self.data]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ConfigError(f"[[data]]: {', '.join(sorted(twice))} is listed twice", hint="name each set once")

    def side_at(self, epoch: int) -> int | None:
        """Side in pixels to which faces are reduced in ``epoch``, counted from 1; None leaves them at 48."""
        return self.small_side if epoch <= self.small_epochs else None

    @property
    def classes(self) -> int:
        """Number of logits: eight of the first head, then seven of the second one if the recipe trains it."""
        return CLASSES + (INTENDED_CLASSES if self.intended_weight else 0)

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain values; :func:`config_from_dict` reads them back."""
        return asdict(self) | {"data": [asdict(entry) for entry in self.data]}

    @property
    def sha256(self) -> str:
        """Identifies the recipe in run records and model files.

        Settings at their defaults are left out, so that the hash stays the same when a later version adds settings; the
        network is hashed under its former key, ``model``, for the same reason.
        """
        changed = _changed(self.to_dict(), type(self)(self.network).to_dict())
        if self.data:
            changed["data"] = [_changed(asdict(entry), asdict(FurtherData(entry.name))) for entry in self.data]
            for entry, kept in zip(self.data, changed["data"], strict=True):
                kept["name"] = entry.name
        return hashlib.sha256(json.dumps({"model": self.network, **changed}, sort_keys=True).encode()).hexdigest()


def _changed(settings: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """The settings that differ from their defaults, nested tables reduced in the same way."""
    changed = {}
    for name, value in settings.items():
        if isinstance(value, dict) and value != defaults[name]:
            changed[name] = _changed(value, defaults[name])
        elif value != defaults[name]:
            changed[name] = value
    return changed


def config_from_dict(record: Mapping[str, Any], *, source: str = "configuration") -> TrainingConfig:
    """Build the record from plain values; ``source`` is named in errors.

    Raises:
        ConfigError: A setting is unknown (the nearest name is given), missing, of the wrong type or out of range.
    """
    settings = _renamed(record, source)
    changes = settings.pop("augmentation", {})
    if not isinstance(changes, dict):
        raise ConfigError(f"{source}: augmentation is {_quoted(changes)}, expected a table [augmentation]")
    tables = settings.pop("data", [])
    if not isinstance(tables, Sequence) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError(f"{source}: data is {_quoted(tables)}, expected tables [[data]]")
    augmentation = _checked(dict(changes), Augmentation, f"{source}: [augmentation]")
    data = [_checked(dict(table), FurtherData, f"{source}: [[data]]") for table in tables]
    rest = _checked(settings, TrainingConfig, source)
    try:
        further = tuple(FurtherData(**table) for table in data)
        return TrainingConfig(**rest, augmentation=Augmentation(**augmentation), data=further)
    except ConfigError as err:
        raise ConfigError(f"{source}: {err}", hint=err.hint) from err


def _renamed(record: Mapping[str, Any], source: str) -> dict[str, Any]:
    """A copy with the current names of settings; files of earlier versions say ``model`` for ``network``."""
    settings = dict(record)
    if "model" in settings:
        if "network" in settings:
            raise ConfigError(f"{source}: both network and model are set", hint="model is the former name: remove it")
        settings["network"] = settings.pop("model")
    return settings


def _quoted(value: object) -> str:
    """A value from a file, shortened in its middle."""
    return printable(repr(value), limit=80)


def _checked(record: dict[str, Any], kind: type[Any], source: str) -> dict[str, Any]:
    """``record`` with its names and types checked, and whole numbers turned into floats where these are expected."""
    known = {item.name: item for item in fields(kind)}
    for name, value in record.items():
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise ConfigError(
                f"{source}: no setting {_quoted(name)}", hint=f"did you mean {near[0]}?" if near else None
            )
        expected = _plain_type(known[name].type)
        if expected is float and type(value) is int:
            record[name] = float(value)
        # type() and not isinstance(): True is an int, and no setting takes it for one
        elif type(value) is not expected and not (value is None and known[name].default is None):
            raise ConfigError(f"{source}: {name} is {_quoted(value)}, expected {expected.__name__}")
    for name, item in known.items():
        if item.default is MISSING and item.default_factory is MISSING and name not in record:
            raise ConfigError(f"{source}: no setting {name!r}, which has no default")
    return record


def _plain_type(declared: Any) -> type:
    """The type of a setting's value in TOML: ``str`` for a choice among words, ``float`` for ``float | None``."""
    if isinstance(declared, type):
        return declared
    return float if declared == float | None else str
