"""The metadata record of a model file, and its JSON form, which ``model.onnx`` carries."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from mien.base_rates import BaseRates
from mien.decision import DecisionRule
from mien.errors import ConfigError, ModelFileError
from mien.expressions import FERPLUS_LABELS, USE_NOTICE, Expression, LabelSet
from mien.geometry import CropFrame
from mien.json_object import JsonObject
from mien.runtime.translation import reason
from mien.text import printable

#: Key of the record among the metadata strings of the ONNX file.
METADATA_KEY = "mien"
#: Names of the file's input, of its first output and of the second one where the network has two heads.
INPUT_NAME, OUTPUT_NAME, INTENDED_OUTPUT_NAME = "images", "probabilities", "intended_probabilities"
#: Heads of a network: what people see in a face (FER+'s votes), and what it was meant to show (FER2013's label).
LabelConvention = Literal["perceived", "intended"]
PERCEIVED: LabelConvention = "perceived"
INTENDED: LabelConvention = "intended"
#: Version of the record's layout.
METADATA_SCHEMA = 2
#: Renamed keys: in the first layout, and now.
_RENAMED = {"licence": "license", "scores": "metrics"}


@dataclass(frozen=True, slots=True)
class InputSpec:
    """The input tensor: float32 of shape (N, channels, size, size) with values in [low, high].

    The network itself normalizes, so that callers need to know nothing else.
    """

    size: int = 48
    channels: int = 1
    low: float = 0.0
    high: float = 1.0

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of one face."""
        return self.channels, self.size, self.size


@dataclass(frozen=True, slots=True)
class HeadSpec:
    """One output of a model file: float32 (N, len(labels)), rows sum to 1.

    Attributes:
        output: Name of the tensor.
        labels: What its columns mean, in order.
        temperature: Divides the logits inside the file; 1 means uncalibrated.
        priors: The base rates that its probabilities assume; None if unknown.
        decision: The decision rule; None names the most probable expression.

    Raises:
        ConfigError: Base rates or decision rule do not fit the labels.
    """

    output: str
    labels: LabelSet
    temperature: float = 1.0
    priors: BaseRates | None = None
    decision: DecisionRule | None = None

    def __post_init__(self) -> None:
        # base rates divide (Bayes' rule in mien.base_rates), so none may be 0
        if self.priors is not None and (self.priors.labels != self.labels or not all(self.priors.rates)):
            raise ConfigError(f"the base rates of {self.output} must be above 0, one for each of its labels")
        if self.decision is not None and self.decision.labels != self.labels:
            raise ConfigError(f"the decision rule of {self.output} must weigh each of its labels")

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings."""
        return {
            "output": self.output,
            "labels": [str(label) for label in self.labels],
            "temperature": self.temperature,
            "priors": None if self.priors is None else self.priors.to_dict(),
            "decision": None if self.decision is None else self.decision.to_dict(),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "HeadSpec":
        """Read what :meth:`to_dict` wrote."""
        labels = _labels(record["labels"])
        return cls(record["output"], labels, record["temperature"], *_priors_and_decision(record, labels))


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """The record of one exported model.

    Attributes:
        name: Short name, such as ``capstone``; files are named after it.
        labels: What the columns of the output mean, in order.
        input: The input tensor.
        frames: Position of each detector's box in the training crop; detectors that are absent use their default.
        upright_from_deg: Faces with at least this roll in degrees are turned upright before they are cropped.
        temperature: Divides the logits inside the file; 1 means uncalibrated.
        priors: The base rates that the probabilities assume, those of the training labels; None if unknown.
        decision: The decision rule; None names the most probable expression.
        heads: All outputs by the convention of their labels: always ``perceived``, made of ``labels``,
            ``temperature``, ``priors`` and ``decision``, and ``intended`` if the file has a second output.
        training: Origin: data hashes, configuration, seed, recipe hash, versions.
        metrics: Metrics by split and protocol, as ``{"validation/votes": {"kl": …}}``.
        version: Version of the package that exported the file.
        license: Of the weights.
        use_notice: Intended use and its limits.
        adaptation: Of a file that ``mien adapt`` made: the labels, the gain, and the original file's record.

    Raises:
        ConfigError: The name is a path, a head has another name, or base rates or decision rule do not fit the labels.
    """

    name: str
    labels: LabelSet = FERPLUS_LABELS
    input: InputSpec = field(default_factory=InputSpec)
    frames: Mapping[str, CropFrame] = field(default_factory=dict)
    upright_from_deg: float = 0.0
    temperature: float = 1.0
    priors: BaseRates | None = None
    decision: DecisionRule | None = None
    heads: Mapping[str, HeadSpec] = field(default_factory=dict)
    training: JsonObject = field(default_factory=dict)
    metrics: JsonObject = field(default_factory=dict)
    version: str = ""
    license: str = ""
    use_notice: str = USE_NOTICE
    adaptation: JsonObject = field(default_factory=dict)

    def __post_init__(self) -> None:
        # commands write files named after the model, so a name from an untrusted file must not lead elsewhere
        if self.name in {"", ".", ".."} or any(sign in self.name for sign in "/\\\0"):
            raise ConfigError(f"a model cannot be called {self.name!r}", hint="use a name that is valid as a file name")
        if unknown := sorted(self.heads.keys() - set(get_args(LabelConvention))):
            raise ConfigError(f"heads {unknown}", hint=f"expected some of {', '.join(get_args(LabelConvention))}")
        for name, head in self.heads.items():
            if unknown := [str(label) for label in head.labels if label not in self.labels]:
                raise ConfigError(f"the head {name} has labels {unknown} that the model's labels lack")
        first = HeadSpec(OUTPUT_NAME, self.labels, self.temperature, self.priors, self.decision)
        others = {name: head for name, head in self.heads.items() if name != PERCEIVED}
        # the first head is stored once, in the fields above, as in files that have no heads; frozen, so set this way
        object.__setattr__(self, "heads", {PERCEIVED: first} | others)

    def head(self, convention: LabelConvention) -> HeadSpec:
        """The output for a convention of labels.

        Raises:
            ConfigError: The file has no such head, or there is no such convention.
        """
        if convention not in get_args(LabelConvention):
            raise ConfigError(f"labels {convention!r}", hint=f"expected {' or '.join(get_args(LabelConvention))}")
        if convention not in self.heads:
            raise ConfigError(
                f"model {self.name} has no head for {convention} labels, only for {' and '.join(self.heads)} ones",
                hint=f"leave out labels {convention!r}, or take a model with two heads",
            )
        return self.heads[convention]

    @property
    def network(self) -> str | None:
        """Name of the architecture, None if the file does not name it; ``model`` in files of earlier versions."""
        config = self.training.get("config", {})  # the recipe, as the run recorded it
        name: str | None = config.get("network", config.get("model"))
        return name

    def to_json(self) -> str:
        # not asdict(): it would turn labels and frames into nested records of their own attributes
        record = {item.name: getattr(self, item.name) for item in fields(self)}
        record |= {
            "schema": METADATA_SCHEMA,
            "labels": [str(label) for label in self.labels],
            "input": asdict(self.input),
            "frames": {name: asdict(frame) for name, frame in self.frames.items()},
            "heads": {name: head.to_dict() for name, head in self.heads.items()},
            "training": dict(self.training),
            "metrics": dict(self.metrics),
            "priors": None if self.priors is None else self.priors.to_dict(),
            "decision": None if self.decision is None else self.decision.to_dict(),
            "adaptation": dict(self.adaptation),
        }
        return json.dumps(record, sort_keys=True)  # sorted, so that equal records are equal bytes in the file

    @classmethod
    def from_json(cls, text: str, *, source: str = "model file") -> "ModelMetadata":
        """Read what :meth:`to_json` wrote, in this version or an earlier one.

        Raises:
            ModelFileError: The text is not such a record; ``source`` is named.
        """
        try:
            record = json.loads(text)
            schema = record.pop("schema")
            if schema == 1:  # only key names changed; keys that were added since have defaults
                record = {_RENAMED.get(key, key): value for key, value in record.items()}
            elif schema != METADATA_SCHEMA:
                found = printable(str(schema), limit=40)
                raise ModelFileError(
                    f"{source}: metadata of layout {found}, this version reads {METADATA_SCHEMA}",
                    hint="upgrade mien, or export the model again",
                )
            record["labels"] = _labels(record["labels"])
            record["priors"], record["decision"] = _priors_and_decision(record, record["labels"])
            record["input"] = InputSpec(**record["input"])
            record["heads"] = {name: HeadSpec.from_dict(head) for name, head in record.get("heads", {}).items()}
            record["frames"] = {name: CropFrame(**frame) for name, frame in record["frames"].items()}
            return cls(**record)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as err:
            if isinstance(err, ModelFileError):  # it is a ValueError too
                raise
            raise ModelFileError(
                f"{source}: its metadata is not a record of mien ({reason(err)})",
                hint="export the model again with mien export",
            ) from err


def _labels(names: list[str]) -> LabelSet:
    return LabelSet(tuple(Expression(name) for name in names))


def _priors_and_decision(record: Mapping[str, Any], labels: LabelSet) -> tuple[BaseRates | None, DecisionRule | None]:
    """Base rates and decision rule of a record; None for files of versions that had neither."""
    priors, decision = record.get("priors"), record.get("decision")
    return (
        None if priors is None else BaseRates(labels, tuple(priors[label] for label in labels)),
        None if decision is None else DecisionRule.from_dict(decision, labels),
    )
