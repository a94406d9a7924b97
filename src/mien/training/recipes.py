"""Recipes as files: settings in TOML, and what a recipe extends, starts from, learns from or averages.

extends = "NAME"        takes the settings of another recipe, which those that follow replace
start = "NAME"          the run whose weights it begins with; NAME/model.onnx is the file exported from it
teachers = ["NAME", …]  the runs that it learns from
average = ["NAME", …]   trains nothing: the mean of these runs' weights
[ship]                  exported as the model `name`, with `precision`, `mirror`, and as the `default` or not
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mien.errors import ConfigError
from mien.recipes import find_recipe
from mien.training.config import TrainingConfig, config_from_dict
from mien.training.export.onnx_export import FilePrecision

_LINEAGE = ("extends", "start", "teachers", "average", "ship")


@dataclass(frozen=True, slots=True)
class Shipping:
    """How a run becomes a model file.

    Attributes:
        name: Of the model.
        precision: Of the file.
        mirror: Each face is averaged with its mirror image inside the file.
        default: It is the model that is used where none is named.
    """

    name: str
    precision: FilePrecision = "float32"
    mirror: bool = False
    default: bool = False


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe with its ancestors.

    Attributes:
        name: Of its file, without the ending; the run folder of a chain is called so.
        config: Its settings; those of the first averaged run where it averages.
        start: Name of the run that it begins with.
        teachers: Names of the runs that it learns from.
        average: Names of the runs whose weights it averages, none where it trains.
        ship: How it is exported, None where it is not.
    """

    name: str
    config: TrainingConfig
    start: str | None = None
    teachers: tuple[str, ...] = ()
    average: tuple[str, ...] = ()
    ship: Shipping | None = None

    @property
    def ancestors(self) -> tuple[str, ...]:
        """Names of all runs that must be there first, each once."""
        named = (self.start, *self.teachers, *self.average)
        return tuple(dict.fromkeys(name.partition("/")[0] for name in named if name))


def load_recipe(recipe: str | Path) -> Recipe:
    """Read a recipe with what it extends.

    Args:
        recipe: A TOML file, or the name of a recipe in the package.

    Raises:
        ConfigError: There is no such recipe, the file is not TOML, or a setting is unknown, missing or out of range.
    """
    return _load(find_recipe(str(recipe)), seen=())


def load_config(recipe: str | Path) -> TrainingConfig:
    """The settings of a recipe, without its ancestors.

    Args:
        recipe: A TOML file, or the name of a recipe in the package.

    Raises:
        ConfigError: There is no such recipe, the file is not TOML, or a setting is unknown, missing or out of range.
    """
    return load_recipe(recipe).config


def override(config: TrainingConfig, settings: Sequence[str]) -> TrainingConfig:
    """Replace settings given as ``key=value``, values as TOML writes them, ``augmentation.flip=0.5`` in a table.

    Raises:
        ConfigError: One is not of this form, or unknown or out of range.
    """
    record = config.to_dict()
    for setting in settings:
        key, equals, text = setting.partition("=")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text  # a word without quotes, which a shell would have taken away
        if not equals or not key:
            raise ConfigError(f"--set {setting}: expected KEY=VALUE", hint="as in --set learning_rate=1e-3")
        table, dot, name = key.strip().rpartition(".")
        if dot and table != "augmentation":
            raise ConfigError(f"--set {setting}: no table {table!r}", hint="as in --set augmentation.flip=0.5")
        (record["augmentation"] if dot else record)[name] = value
    return config_from_dict(record, source="--set")


def _load(path: Path, *, seen: tuple[Path, ...]) -> Recipe:
    if path in seen:
        raise ConfigError(f"{path}: extends itself by way of {', '.join(p.stem for p in seen[1:]) or 'its own name'}")
    record = _read(path)
    lineage = {key: record.pop(key) for key in _LINEAGE if key in record}
    _check_lineage(lineage, str(path))
    average = tuple(lineage.get("average", ()))
    if average:
        if record:
            raise ConfigError(f"{path}: averages runs and sets {next(iter(record))}", hint="it trains nothing itself")
        config = _load(_neighbor(path, average[0]), seen=(*seen, path)).config
    else:
        if base := lineage.get("extends"):
            record = _merged(_load(_neighbor(path, base), seen=(*seen, path)).config.to_dict(), record)
        config = config_from_dict(record, source=str(path))
    return Recipe(
        name=path.stem,
        config=config,
        start=lineage.get("start"),
        teachers=tuple(lineage.get("teachers", ())),
        average=average,
        ship=_shipping(lineage["ship"], str(path)) if "ship" in lineage else None,
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            return tomllib.load(stream)
    except FileNotFoundError as err:
        raise ConfigError(f"{path}: no such file", hint="mien recipes lists those of the package") from err
    except OSError as err:
        raise ConfigError(f"{path}: cannot be read ({err.strerror})", hint="a recipe is a TOML file") from err
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise ConfigError(f"{path}: not TOML ({err})") from err


def _neighbor(path: Path, name: str) -> Path:
    """A recipe that another one names: beside it, or in the package."""
    beside = path.with_name(f"{name}.toml")
    return beside if beside.exists() else find_recipe(name)


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``changes`` over ``base``; the augmentation is merged, other tables are replaced."""
    merged = {**base, **changes}
    if "model" in changes:
        merged.pop("network", None)
    if isinstance(table := changes.get("augmentation"), dict):
        merged["augmentation"] = {**base["augmentation"], **table}
    return merged


def _check_lineage(lineage: Mapping[str, Any], source: str) -> None:
    for key in ("extends", "start"):
        if key in lineage and not isinstance(lineage[key], str):
            raise ConfigError(f"{source}: {key} is {lineage[key]!r}, expected the name of a recipe")
    for key in ("teachers", "average"):
        names = lineage.get(key, [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ConfigError(f"{source}: {key} is {names!r}, expected a list of names of recipes")
    if "average" in lineage and (other := {"extends", "start", "teachers"} & lineage.keys()):
        raise ConfigError(
            f"{source}: averages runs and has {', '.join(sorted(other))}", hint="it trains nothing itself"
        )


def _shipping(table: object, source: str) -> Shipping:
    try:
        return Shipping(**table)  # type: ignore[arg-type]  # a wrong table is what is caught
    except TypeError as err:
        raise ConfigError(
            f"{source}: [ship] is {table!r}", hint="expected name, and precision, mirror or default"
        ) from err
