"""Recipes as TOML files: the settings of a run, and its lineage.

extends = "NAME"        take the settings of another recipe; those in this file replace them
start = "NAME"          initialize with the weights of this run; NAME/model.onnx is the file exported from it
teachers = ["NAME", …]  distill from these runs
average = ["NAME", …]   no training: the mean of these runs' weights
[ship]                  export as the model `name`, with `precision` and `mirror`, and make it the `default` or not
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mien.errors import ConfigError
from mien.recipes import find_recipe
from mien.runtime.translation import reason
from mien.training.config import TrainingConfig, config_from_dict
from mien.training.export.onnx_export import FilePrecision

#: Keys that are not settings: they say where weights and settings come from, and where the weights go.
_LINEAGE = ("extends", "start", "teachers", "average", "ship")


@dataclass(frozen=True, slots=True)
class Shipping:
    """How a run becomes a model file.

    Attributes:
        name: Of the model.
        precision: Of the file.
        mirror: Whether the file averages each face with its mirror image.
        default: Whether it is the model that is used when none is named.
    """

    name: str
    precision: FilePrecision = "float32"
    mirror: bool = False
    default: bool = False


@dataclass(frozen=True, slots=True)
class Recipe:
    """The settings of a run with its lineage.

    Attributes:
        name: File name without the ending; also the name of its run folder in a chain.
        config: Its settings; those of the first averaged run if it averages.
        start: Name of the run whose weights it is initialized with.
        teachers: Names of the runs that it is distilled from.
        average: Names of the runs whose weights it averages, empty if it trains.
        ship: How it is exported; None if it is not.
    """

    name: str
    config: TrainingConfig
    start: str | None = None
    teachers: tuple[str, ...] = ()
    average: tuple[str, ...] = ()
    ship: Shipping | None = None

    @property
    def ancestors(self) -> tuple[str, ...]:
        """Names of all runs that it depends on, each once."""
        named = (self.start, *self.teachers, *self.average)
        return tuple(dict.fromkeys(name.partition("/")[0] for name in named if name))


def load_recipe(recipe: str | Path) -> Recipe:
    """Read a recipe, with the settings of those that it extends.

    Args:
        recipe: A TOML file, or the name of a recipe in the package.

    Raises:
        ConfigError: There is no such recipe, the file is not TOML, or a setting is unknown, missing or out of range.
    """
    return _load(find_recipe(str(recipe)), seen=())


def load_config(recipe: str | Path) -> TrainingConfig:
    """The settings of a recipe, without its lineage.

    Args:
        recipe: A TOML file, or the name of a recipe in the package.

    Raises:
        ConfigError: There is no such recipe, the file is not TOML, or a setting is unknown, missing or out of range.
    """
    return load_recipe(recipe).config


def override(config: TrainingConfig, settings: Sequence[str]) -> TrainingConfig:
    """Replace settings given as ``key=value``, with values in TOML; ``augmentation.flip=0.5`` sets one in a table.

    Raises:
        ConfigError: A setting is not in this form, unknown, or out of range.
    """
    record = config.to_dict()
    for setting in settings:
        key, equals, text = setting.partition("=")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text  # a bare word is text: the shell has removed the quotes that TOML needs
        if not equals or not key:
            raise ConfigError(f"--set {setting}: expected KEY=VALUE", hint="as in --set learning_rate=1e-3")
        table, dot, name = key.strip().rpartition(".")
        if dot and table != "augmentation":
            raise ConfigError(f"--set {setting}: no table {table!r}", hint="as in --set augmentation.flip=0.5")
        (record["augmentation"] if dot else record)[name] = value
    return config_from_dict(record, source="--set")


def _load(path: Path, *, seen: tuple[Path, ...]) -> Recipe:
    if path in seen:  # seen: the recipes that led here, each extending the next
        raise ConfigError(f"{path}: extends itself through {', '.join(p.stem for p in seen[1:]) or 'its own name'}")
    record = _read(path)
    lineage = {key: record.pop(key) for key in _LINEAGE if key in record}
    _check_lineage(lineage, str(path))
    average = tuple(lineage.get("average", ()))
    if average:
        if record:
            raise ConfigError(
                f"{path}: has average and {next(iter(record))}", hint="a recipe that averages has no settings"
            )
        config = _load(_neighbor(path, average[0]), seen=(*seen, path)).config
    else:
        if base := lineage.get("extends"):  # the settings alone are inherited, not start, teachers or ship
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
        raise ConfigError(f"{path}: not TOML ({reason(err)})") from err


def _neighbor(path: Path, name: str) -> Path:
    """The file of a recipe that another one names: in the same folder, otherwise in the package."""
    beside = path.with_name(f"{name}.toml")
    return beside if beside.exists() else find_recipe(name)


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` updated by ``changes``; the augmentation table is merged, other tables are replaced."""
    merged = {**base, **changes}
    if "model" in changes:  # the former name of "network": the two must not both be there
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
            f"{source}: has average and {', '.join(sorted(other))}", hint="a recipe that averages has no settings"
        )


def _shipping(table: object, source: str) -> Shipping:
    try:
        return Shipping(**table)  # type: ignore[arg-type]  # wrong keys raise the TypeError
    except TypeError as err:
        raise ConfigError(
            f"{source}: [ship] is {table!r}", hint="expected name, and precision, mirror or default"
        ) from err
