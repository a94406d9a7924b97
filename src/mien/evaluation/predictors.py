"""Probabilities of images from models, functions and arrays, in one form; what they are compared with comes later."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from mien.data.dataset import FerDataset
from mien.data.splits import Split
from mien.decision import Decision, DecisionRule
from mien.errors import DatasetNotFoundError, ShapeError
from mien.evaluation.bootstrap import RESAMPLES
from mien.evaluation.metrics import DoubleArray
from mien.expressions import FERPLUS_LABELS, LabelSet
from mien.runtime.translation import translate_errors

#: Called with the images done and the images in all.
Progress = Callable[[int, int], None]


@runtime_checkable
class Predictor(Protocol):
    """Anything that can be judged."""

    def predict_proba(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.floating[Any]]:
        """Probabilities (n, classes) for gray pictures uint8 (n, 48, 48, 1)."""


@runtime_checkable
class DecidingPredictor(Predictor, Protocol):
    """A model with a decision rule of its own, such as :class:`mien.recognition.recognizer.Recognizer`."""

    @property
    def decision(self) -> DecisionRule | None:
        """The rule; None names the most probable expression."""


#: A function from gray pictures uint8 (n, S, S, 1) to probabilities (n, classes).
Answers = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.floating[Any]]]
#: What can be judged: a model, a function, or probabilities (N, classes) that were computed elsewhere.
Judgeable = Predictor | Answers | npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOptions:
    """How to evaluate.

    Attributes:
        labels: What the columns of the model's output mean.
        resamples: Of the bootstrap; 0 leaves the intervals out.
        seed: Of the bootstrap and of the one draw of labels.
        batch_size: Images in one call of the model.
        progress: Called after each batch.
        decision: ``rule`` judges the expressions that a model names by its own rule, ``argmax`` the most probable ones.
    """

    labels: LabelSet = FERPLUS_LABELS
    resamples: int = RESAMPLES
    seed: int = 0
    batch_size: int = 256
    progress: Progress | None = None
    decision: Decision = "rule"

    def of_labels(self, labels: LabelSet) -> "EvaluationOptions":
        """The same options for a model with other ``labels``."""
        return replace(self, labels=labels)


DEFAULT_OPTIONS = EvaluationOptions()


def predict_rows(
    model: Judgeable,
    images: npt.NDArray[np.uint8],
    rows: npt.NDArray[np.int64],
    *,
    options: EvaluationOptions = DEFAULT_OPTIONS,
) -> DoubleArray:
    """Probabilities float64 (n, 8) in FER+ order for ``rows`` of ``images``, batch by batch.

    Raises:
        ShapeError: The model's output is not an (n, classes) array of probabilities.
    """
    found = np.zeros((len(rows), len(FERPLUS_LABELS)))
    columns = FERPLUS_LABELS.columns_from(options.labels)  # source column of each FER+ class, None if it has none
    for start in range(0, len(rows), options.batch_size):
        batch = rows[start : start + options.batch_size]
        # columns are moved to FER+ order; a class that the model lacks keeps probability 0
        raw = _checked(_answers(model, images, batch), shape=(len(batch), len(options.labels)))  # (b, classes)
        for target, source in enumerate(columns):
            if source is not None:
                found[start : start + len(batch), target] = raw[:, source]
        if options.progress is not None:
            options.progress(start + len(batch), len(rows))
    return found


def rule_weights(model: Judgeable) -> DoubleArray | None:
    """The weights of the model's decision rule, (8,) in FER+ order; None without a rule."""
    rule = model.decision if isinstance(model, DecidingPredictor) else None
    if rule is None:
        return None
    by_label = dict(zip(rule.labels, rule.weights, strict=True))
    # the weight of a class that the model lacks has no effect: its probability is 0
    return np.array([by_label.get(label, 1.0) for label in FERPLUS_LABELS])


def load_predictions(path: Path) -> npt.NDArray[np.floating[Any]]:
    """Probabilities from an ``.npy`` file, memory-mapped.

    Raises:
        DatasetNotFoundError: The file does not exist.
        ShapeError: It does not hold a two-dimensional array of floats.
    """
    if not os.path.exists(path):  # noqa: PTH110 - says no to names that no file can have
        raise DatasetNotFoundError(f"{path}: no such file", hint="numpy.save writes one")
    with translate_errors(
        lambda why: ShapeError(f"{path}: not an array of numbers ({why})", hint="write it with numpy.save")
    ):
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind != "f":
        shown = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise ShapeError(f"{path}: expected floats (n, classes), got {shown}", hint="one row per image")
    return array


def rows_of_array(
    probabilities: npt.NDArray[np.floating[Any]], dataset: FerDataset, split: Split
) -> npt.NDArray[np.floating[Any]]:
    """Probabilities of a whole data set, or of one split in its order, as (N, classes), NaN where none were given.

    Raises:
        ShapeError: The number of rows is neither that of the split nor that of the data set.
    """
    rows = dataset.split_rows(split)
    if probabilities.ndim != 2 or len(probabilities) not in {len(dataset), len(rows)}:
        raise ShapeError(
            f"probabilities of shape {probabilities.shape}, expected (n, classes) with n = {len(rows)} for the {split} "
            f"split or n = {len(dataset)} for the whole data set",
            hint="one row per image, in the order of the prepared data set",
        )
    if len(probabilities) == len(dataset):
        return probabilities
    spread = np.full((len(dataset), probabilities.shape[1]), np.nan)  # a row that is read by mistake is refused later
    spread[rows] = probabilities
    return spread


def _answers(
    model: Judgeable, images: npt.NDArray[np.uint8], batch: npt.NDArray[np.int64]
) -> npt.NDArray[np.floating[Any]]:
    if isinstance(model, np.ndarray):
        return model[batch]
    return model.predict_proba(images[batch]) if isinstance(model, Predictor) else model(images[batch])


def _checked(output: npt.NDArray[np.floating[Any]], *, shape: tuple[int, int]) -> DoubleArray:
    probabilities = np.asarray(output, np.float64)
    if probabilities.shape != shape:
        raise ShapeError(f"the model's output has shape {probabilities.shape}, expected {shape}")
    sums = probabilities.sum(axis=1)
    if not (np.isfinite(probabilities).all() and (probabilities >= 0).all() and np.allclose(sums, 1, atol=1e-2)):
        raise ShapeError(
            f"the model's output is not probabilities: values {probabilities.min():g} … {probabilities.max():g}, "
            f"sums {sums.min():g} … {sums.max():g}",
            hint="rows must be finite and non-negative, and sum to 1; logits need a softmax",
        )
    return probabilities
