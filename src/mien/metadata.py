"""What a model file says of itself: the record that ``model.onnx`` carries and everything else reads.

It does not open model files; it turns a record into the string that lies in one and back.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from mien.errors import ConfigError, ModelFileError
from mien.expressions import FERPLUS_LABELS, USE_NOTICE, Expression, LabelSet
from mien.geometry import CropFrame

#: Key of the record among the metadata strings of the ONNX file.
METADATA_KEY = "mien"
#: Names of the file's only input and only output.
INPUT_NAME, OUTPUT_NAME = "images", "probabilities"
#: Version of the record's layout.
METADATA_SCHEMA = 2
#: Keys of the first layout that have other names now.
_RENAMED = {"licence": "license", "scores": "metrics"}


@dataclass(frozen=True, slots=True)
class InputSpec:
    """The input tensor: float32 of shape (N, channels, size, size) with values in [low, high].

    Normalization lies inside the network, so that this is the whole contract.
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
class ModelMetadata:
    """The record of one exported model.

    Attributes:
        name: Short name, such as ``capstone``; files are named after it.
        labels: What the columns of the output mean, in order.
        input: The input tensor.
        frames: Where each detector's box lies in the training frame; a detector that is absent uses its own default.
        upright_from_deg: Roll from which a face is turned upright before it is cropped.
        temperature: By which the logits are divided inside the file; 1 is uncalibrated.
        training: Origin: data hashes, configuration, seed, recipe hash, versions.
        metrics: Figures on named protocols, as ``{"validation/votes": {"kl": …}}``.
        version: Of the package that exported the file.
        license: Of the weights.
        use_notice: What it is for and what it is not.
    """

    name: str
    labels: LabelSet = FERPLUS_LABELS
    input: InputSpec = field(default_factory=InputSpec)
    frames: Mapping[str, CropFrame] = field(default_factory=dict)
    upright_from_deg: float = 0.0
    temperature: float = 1.0
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""
    license: str = ""
    use_notice: str = USE_NOTICE

    def __post_init__(self) -> None:
        if self.name in {"", ".", ".."} or any(sign in self.name for sign in "/\\\0"):
            raise ConfigError(f"a model cannot be called {self.name!r}", hint="give it a name that a file can have")

    def to_json(self) -> str:
        record = {item.name: getattr(self, item.name) for item in fields(self)}
        record |= {
            "schema": METADATA_SCHEMA,
            "labels": [str(label) for label in self.labels],
            "input": asdict(self.input),
            "frames": {name: asdict(frame) for name, frame in self.frames.items()},
            "training": dict(self.training),
            "metrics": dict(self.metrics),
        }
        return json.dumps(record, sort_keys=True)

    @classmethod
    def from_json(cls, text: str, *, source: str = "model file") -> "ModelMetadata":
        """Read the record back.

        Raises:
            ModelFileError: The text is no such record; ``source`` is named.
        """
        try:
            record = json.loads(text)
            schema = record.pop("schema")
            if schema == 1:
                record = {_RENAMED.get(key, key): value for key, value in record.items()}
            elif schema != METADATA_SCHEMA:
                raise ModelFileError(
                    f"{source}: metadata of layout {schema}, this version reads {METADATA_SCHEMA}",
                    hint="upgrade mien, or export the model again",
                )
            record["labels"] = LabelSet(tuple(Expression(label) for label in record["labels"]))
            record["input"] = InputSpec(**record["input"])
            record["frames"] = {name: CropFrame(**frame) for name, frame in record["frames"].items()}
            return cls(**record)
        except (KeyError, TypeError, ValueError, AttributeError) as err:
            if isinstance(err, ModelFileError):
                raise
            raise ModelFileError(
                f"{source}: its metadata is not a record of mien ({err})",
                hint="export the model again with mien export",
            ) from err
