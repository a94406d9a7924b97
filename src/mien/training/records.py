"""The content of a run's ``run.json`` as types: settings, data, versions, and the runs or files it came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from mien.data.dataset import FerDataset
from mien.json_object import JsonObject
from mien.training.config import TrainingConfig, config_from_dict
from mien.training.history import EpochMetrics
from mien.training.precision import PRECISIONS, Precision

#: What reading a record that is none raises.
NOT_A_RECORD = (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
#: Keys that every record has.
KEYS = frozenset({"config", "data", "precision", "recipe_sha256", "versions"})


@dataclass(frozen=True, slots=True)
class WeightsSource:
    """The start, a teacher, or an averaged run of a run.

    Attributes:
        name: Of the run folder or of the file.
        network: The architecture.
        weights_sha256: Hash of the run's best weights, or of the file.
        recipe_sha256: Identifies the recipe that they were trained with; None where the file does not record it.
    """

    name: str
    network: str
    weights_sha256: str
    recipe_sha256: str | None = None

    def to_dict(self) -> dict[str, str]:
        record = {"name": self.name, "network": self.network, "weights_sha256": self.weights_sha256}
        return record if self.recipe_sha256 is None else record | {"recipe_sha256": self.recipe_sha256}

    @classmethod
    def from_dict(cls, record: Mapping[str, str]) -> Self:
        """Read what :meth:`to_dict` wrote; earlier versions had ``run`` and ``model`` for name and network."""
        name = record["name"] if "name" in record else record["run"]
        network = record["network"] if "network" in record else record["model"]
        recipe = record.get("recipe_sha256")
        return cls(
            _text(name), _text(network), _text(record["weights_sha256"]), None if recipe is None else _text(recipe)
        )


@dataclass(frozen=True, slots=True)
class DataHashes:
    """The data that a run has seen.

    Attributes:
        manifest_sha256: Of the manifest of the prepared data set.
        splits: Hash of each split that a run reads, ``train`` and ``validation``.
    """

    manifest_sha256: str
    splits: Mapping[str, str]

    @classmethod
    def of(cls, dataset: FerDataset) -> Self:
        """The hashes of ``dataset``, without its test split, which no run reads."""
        splits = {name: entry["sha256"] for name, entry in dataset.manifest["splits"].items() if name != "test"}
        return cls(dataset.manifest_sha256, splits)

    def same_splits(self, other: "DataHashes") -> bool:
        """Whether the splits hold the same faces and votes; the version that prepared them may differ."""
        return dict(self.splits) == dict(other.splits)

    def to_dict(self) -> dict[str, str]:
        return {"manifest_sha256": self.manifest_sha256, **self.splits}

    @classmethod
    def from_dict(cls, record: Mapping[str, str]) -> Self:
        splits = _texts(record)
        return cls(splits.pop("manifest_sha256"), splits)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The content of ``run.json``: what was run, on what, and how far.

    Attributes:
        config: The recipe; of a mean of several runs, that of the first one.
        data: Hashes of the main data set.
        recipe_sha256: Hash of the recipe as computed by the version that ran it.
        sets: Hashes of the further data sets, by their name in the recipe.
        start: Initial weights.
        teachers: Networks that it was distilled from.
        averaged: Runs whose weights were averaged; such a record has no training of its own.
        versions: Of mien and torch.
        precision: Arithmetic; None until it is measured.
        threads: Processor threads.
        epochs: Number of finished epochs.
        best: Metrics of the best epoch.
        float_weights_sha256: Hash of the 16-bit weights file, if the run was shipped.
    """

    config: TrainingConfig
    data: DataHashes
    recipe_sha256: str
    sets: Mapping[str, DataHashes] = field(default_factory=dict)
    start: WeightsSource | None = None
    teachers: tuple[WeightsSource, ...] = ()
    averaged: tuple[WeightsSource, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    precision: Precision | None = None
    threads: int | None = None
    epochs: int | None = None
    best: EpochMetrics | None = None
    float_weights_sha256: str | None = None

    @property
    def finished(self) -> bool:
        """Whether it is a mean of runs or all epochs are done; False for a run that stopped early."""
        return bool(self.averaged) or self.epochs == self.config.epochs

    def origin(self) -> JsonObject:
        """The part that model files keep: recipe, data and ancestors, without the metrics of the epochs."""
        kept = replace(self, threads=None, epochs=None, best=None, recipe_sha256=self.config.sha256)
        record = kept.to_dict()
        # empty keys are left out; precision is kept, as files of all versions have it
        return {key: value for key, value in record.items() if value or key == "precision"}

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of ``run.json``; :meth:`from_dict` reads it."""
        record: dict[str, Any] = {
            "config": self.config.to_dict(),
            "data": self.data.to_dict(),
            "recipe_sha256": self.recipe_sha256,
            "start": None if self.start is None else self.start.to_dict(),
            "teachers": [teacher.to_dict() for teacher in self.teachers],
            "versions": dict(self.versions),
            "precision": self.precision,
        }
        optional: dict[str, Any] = {
            "sets": {name: hashes.to_dict() for name, hashes in self.sets.items()} or None,
            "averaged": [run.to_dict() for run in self.averaged] or None,
            "threads": self.threads,
            "epochs": self.epochs,
            "best": None if self.best is None else self.best.to_dict(),
            "float_weights_sha256": self.float_weights_sha256,
        }
        return record | {key: value for key, value in optional.items() if value is not None}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any], *, source: str = "record") -> Self:
        """Read a record of this version or an earlier one; ``source`` is named in errors.

        Raises:
            ConfigError: Its recipe has a setting that is unknown or out of range.
            KeyError, TypeError, ValueError, AttributeError, OverflowError: It is not such a record.
        """
        # .get: keys that records of earlier versions lack
        start, best, shipped = record.get("start"), record.get("best"), record.get("float_weights_sha256")
        return cls(
            config=config_from_dict(record["config"], source=source),
            data=DataHashes.from_dict(record["data"]),
            recipe_sha256=_text(record["recipe_sha256"]),
            sets={name: DataHashes.from_dict(hashes) for name, hashes in record.get("sets", {}).items()},
            start=None if start is None else WeightsSource.from_dict(start),
            teachers=_sources(record.get("teachers")),
            averaged=_sources(record.get("averaged")),
            versions=_texts(record["versions"]),
            precision=_precision(record["precision"]),
            threads=_count(record.get("threads")),
            epochs=_count(record.get("epochs")),
            best=None if best is None else EpochMetrics.from_dict(best),
            float_weights_sha256=None if shipped is None else _text(shipped),
        )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {value!r}")
    return value


def _texts(value: Mapping[str, object]) -> dict[str, str]:
    return {name: _text(text) for name, text in value.items()}


def _count(value: object) -> int | None:
    if value is not None and (type(value) is not int or value < 0):
        raise TypeError(f"expected a number from 0, got {value!r}")
    return value


def _precision(value: object) -> Precision | None:
    known: dict[object, Precision | None] = {None: None, **{name: name for name in PRECISIONS}}
    if not isinstance(value, str | None) or value not in known:
        raise ValueError(f"precision {value!r}, expected {' or '.join(PRECISIONS)}")
    return known[value]


def _sources(records: Sequence[Mapping[str, str]] | None) -> tuple[WeightsSource, ...]:
    return tuple(WeightsSource.from_dict(record) for record in records or ())


def names_a_network(record: object) -> bool:
    """Whether ``record`` has all keys of a run's record, and its recipe names a network."""
    if not isinstance(record, dict) or not record.keys() >= KEYS:
        return False
    config = record["config"]
    return isinstance(config, dict) and bool({"network", "model"} & config.keys())
