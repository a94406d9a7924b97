"""What a file notes of itself: base rates, decision rules and metrics, from the data that it was trained on."""

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

#: The metric that is noted of each protocol.
_SCORED = {"votes": "kl", "drawn": "accuracy", "majority": "accuracy", "majority-v1": "accuracy"}


def with_scores(content: bytes, metadata: ModelMetadata, dataset: FerDataset) -> ModelMetadata:
    """The record with the base rates and decision rule of each head and the metrics on the validation split."""
    files = {name: FileContent(content, head.output) for name, head in metadata.heads.items()}

    def predict_heads(images: npt.NDArray[np.uint8]) -> Mapping[str, FloatArray]:
        return {name: file.predict_proba(images) for name, file in files.items()}

    decided = with_decisions(metadata, predict_heads, dataset)
    return replace(decided, metrics=validation_scores(content, metadata, dataset))


def validation_scores(content: bytes, metadata: ModelMetadata, dataset: FerDataset) -> dict[str, dict[str, float]]:
    """The file's metrics on the validation split, by ``validation/PROTOCOL``."""
    protocols = [name for name in usable_protocols(dataset, "validation") if name in _SCORED]
    options = EvaluationOptions(resamples=0)
    file = FileContent(content, OUTPUT_NAME)
    results = evaluate(file, dataset, split="validation", protocols=protocols, options=options)
    scores = {
        f"validation/{result.protocol}": {"n": result.n, (name := _SCORED[result.protocol]): getattr(result, name)}
        for result in results
    }
    if INTENDED in metadata.heads:
        head = metadata.heads[INTENDED]
        scores["validation/fer2013"] = _label_scores(FileContent(content, head.output), dataset, len(head.labels))
    return scores


def _label_scores(file: FileContent, dataset: FerDataset, classes: int) -> dict[str, float]:
    """The second head against FER2013's own labels."""
    rows = select(dataset, "votes", "validation").indices
    labels = dataset.emotions[rows]
    known = labels < classes
    answers = file.predict_proba(dataset.images[rows[known]]).argmax(axis=1)
    return {"n": int(known.sum()), "accuracy": float(np.mean(answers == labels[known]))}
