"""The part of a file's metadata that is measured on its data set: base rates, decision rules, validation metrics."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mien.data.dataset import FerDataset
from mien.data.protocols import select
from mien.evaluation.decision_rule import with_decisions
from mien.evaluation.predictors import EvaluationOptions
from mien.evaluation.run import evaluate, usable_protocols
from mien.geometry import FloatArray
from mien.metadata import INTENDED, OUTPUT_NAME, ModelMetadata
from mien.training.export.verification import FileContent

#: The metric that is recorded for each protocol.
_METRIC_OF = {"votes": "kl", "drawn": "accuracy", "majority": "accuracy", "majority-v1": "accuracy"}


def with_metrics(content: bytes, metadata: ModelMetadata, dataset: FerDataset) -> ModelMetadata:
    """The metadata with base rates and decision rule of each head, and with the metrics on the validation split."""
    files = {name: FileContent(content, head.output) for name, head in metadata.heads.items()}

    def predict_heads(images: npt.NDArray[np.uint8]) -> Mapping[str, FloatArray]:
        return {name: file.predict_proba(images) for name, file in files.items()}

    decided = with_decisions(metadata, predict_heads, dataset)
    return replace(decided, metrics=validation_metrics(content, metadata, dataset))


def validation_metrics(content: bytes, metadata: ModelMetadata, dataset: FerDataset) -> dict[str, dict[str, float]]:
    """The file's metrics on the validation split, by ``validation/PROTOCOL``."""
    protocols = [name for name in usable_protocols(dataset, "validation") if name in _METRIC_OF]
    options = EvaluationOptions(resamples=0)  # files record values without intervals
    file = FileContent(content, OUTPUT_NAME)
    results = evaluate(file, dataset, split="validation", protocols=protocols, options=options)
    found = {
        f"validation/{result.protocol}": {"n": result.n, (name := _METRIC_OF[result.protocol]): getattr(result, name)}
        for result in results
    }
    if INTENDED in metadata.heads:
        head = metadata.heads[INTENDED]
        found["validation/fer2013"] = _label_metrics(FileContent(content, head.output), dataset, len(head.labels))
    return found


def _label_metrics(file: FileContent, dataset: FerDataset, classes: int) -> dict[str, float]:
    """The second head against FER2013's own labels."""
    rows = select(dataset, "votes", "validation").indices
    labels = dataset.emotions[rows]
    known = labels < classes  # 255 where a face has no label
    answers = file.predict_proba(dataset.images[rows[known]]).argmax(axis=1)
    return {"n": int(known.sum()), "accuracy": float(np.mean(answers == labels[known]))}
