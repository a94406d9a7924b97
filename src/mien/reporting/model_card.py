"""A model card in Hugging Face's format: front matter for the hub, and a Markdown page for people.

Everything comes from the model file's metadata and from given results; nothing is evaluated or uploaded.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mien.evaluation.results import EvaluationResult
from mien.evaluation.tables import class_table, summary_table
from mien.metadata import ModelMetadata
from mien.render.text import significant

#: Our metrics as the hub's identifiers (https://huggingface.co/docs/hub/model-cards#evaluation-results) and as titles.
_HUB_METRICS: Final[Mapping[str, tuple[str, str]]] = {
    "accuracy": ("accuracy", "Accuracy"),
    "macro_f1": ("f1", "Macro F1"),
    "kl": ("kl_divergence", "KL(votes ‖ model), nats"),
    "js": ("js_divergence", "Jensen-Shannon divergence, nats"),
    "ece": ("expected_calibration_error", "Expected calibration error"),
}
#: Licenses by the first part of the metadata's text, in lower case, as the hub's identifiers.
_SPDX: Final = {"apache-2.0": "apache-2.0"}
_OUT_OF_SCOPE: Final = (
    "Decisions about people, diagnosis, lie detection, surveillance.",
    "Statements about what a person feels, thinks or intends.",
    "Faces turned far aside, covered, below about 24 pixels, drawn or painted.",
)


def model_card(
    metadata: ModelMetadata, results: Sequence[EvaluationResult] = (), *, sha256: str = "", data_name: str = "FER+"
) -> str:
    """The card as Markdown with YAML front matter.

    Args:
        metadata: Of the model file.
        results: Of this model; without any, the card has the metrics that were measured at the export.
        sha256: Of the model file.
        data_name: Name of the data set of the results.
    """
    header = _front_matter(metadata, tuple(_entries(metadata, results, data_name)))
    return "\n".join([*header, *_body(metadata, results, sha256)]) + "\n"


def _front_matter(metadata: ModelMetadata, results: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Each value as JSON, which is also YAML, so that no text of a model file can break out of its line."""
    # the hub accepts SPDX identifiers of a fixed list, and "other" with a name
    license_id = _SPDX.get(metadata.license.split(";")[0].strip().lower(), "other")
    fields: dict[str, Any] = {"license": license_id}
    if license_id == "other":
        fields |= {"license_name": metadata.license.split(";")[0] or "not stated"}
    fields |= {
        "library_name": "mien",
        "pipeline_tag": "image-classification",
        "tags": ["facial-expression-recognition", "emotion-recognition", "fer2013", "ferplus", "onnx"],
        "metrics": ["accuracy", "f1"],
        "model-index": [{"name": metadata.name, "results": list(results)}],
    }
    yield "---"
    yield from (f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items())
    yield "---"


def _entries(
    metadata: ModelMetadata, results: Sequence[EvaluationResult], data_name: str
) -> Iterator[Mapping[str, Any]]:
    """An entry of the hub's ``model-index`` for each protocol."""
    if results:
        for result in results:
            yield _entry(data_name, result.protocol, result.split, {m: getattr(result, m) for m in _HUB_METRICS})
        return
    for where, values in metadata.metrics.items():  # measured at the export; keys are "split/protocol"
        split, _, protocol = where.partition("/")
        yield _entry("FER+", protocol, split, values)


def _entry(data_name: str, protocol: str, split: str, values: Mapping[str, float | None]) -> Mapping[str, Any]:
    metrics = [
        {"type": kind, "value": significant(value), "name": name}
        for metric, (kind, name) in _HUB_METRICS.items()
        if (value := values.get(metric)) is not None  # a protocol does not define all metrics
    ]
    # written like the names of the hub's own data sets, such as common_voice
    identifier = data_name.lower().replace("+", "plus").replace(" ", "-")
    return {
        "task": {"type": "image-classification", "name": "Facial expression recognition"},
        "dataset": {"name": f"{data_name} ({protocol})", "type": identifier, "config": protocol, "split": split},
        "metrics": metrics,
    }


def _body(metadata: ModelMetadata, results: Sequence[EvaluationResult], sha256: str) -> Iterator[str]:
    labels, size = ", ".join(map(str, metadata.labels)), metadata.input.size
    yield f"# {metadata.name}\n"
    yield f"Reads the expression on a face: the probability of {labels}.\n"
    yield f"> {metadata.use_notice}\n"
    yield "## Use\n"
    yield "```python\nimport mien\n\n"
    yield f'result = mien.load("{metadata.name}.onnx").predict("photo.jpg")\nfor face in result.faces:'
    yield "    print(face.expression, face.probability)\n```\n"
    yield f"The file is an ONNX network: `images`, float32 (N, {metadata.input.channels}, {size}, {size}) in"
    yield f"[{metadata.input.low:g}, {metadata.input.high:g}], gray and framed as FER2013 frames faces;"
    yield f"`probabilities`, (N, {len(metadata.labels)}). Normalization, temperature and softmax lie inside.\n"
    yield "## Out of scope\n"
    yield from (f"- {line}" for line in _OUT_OF_SCOPE)
    yield "\n## Training\n"
    yield from _training(metadata, sha256)
    yield "\n## Evaluation\n"
    if results:
        yield summary_table({metadata.name: results}).to_markdown()
        yield from (class_table(result).to_markdown() for result in results)
    else:
        yield "Measured when the file was exported:\n"
        yield "| split and protocol | metrics |\n|---|---|"
        for where, values in metadata.metrics.items():
            yield f"| {where} | {', '.join(f'{name} {value:g}' for name, value in values.items())} |"
    yield "\n## Limits\n"
    yield "The labels are what people saw in small gray pictures. People disagree, and rare expressions are often"
    yield "missed. Errors are not equal between groups of people; `mien evaluate --by` measures by how much."


def _training(metadata: ModelMetadata, sha256: str) -> Iterator[str]:
    config = metadata.training.get("config", {})  # empty for files that were not trained by mien
    rows = {
        "network": config.get("network", config.get("model")),
        "target": config.get("target"),
        "seed": config.get("seed"),
        "best epoch": metadata.training.get("epoch"),
        "precision of the file": metadata.training.get("file_precision"),
        "temperature": f"{metadata.temperature:g}",
        "data (sha256 of the manifest)": metadata.training.get("data", {}).get("manifest_sha256"),
        "recipe (sha256)": metadata.training.get("recipe_sha256"),
        "file (sha256)": sha256,
        "license": metadata.license,
        "exported by": f"mien {metadata.version}" if metadata.version else None,
    }
    yield "| | |\n|---|---|"
    yield from (f"| {name} | {value} |" for name, value in rows.items() if value not in {None, ""})
