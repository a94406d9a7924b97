"""Out-of-fold probabilities: what networks say of images that they were not trained on.

It does not judge labels; :mod:`mien.curation.audit` does.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mien.data.dataset import FerDataset
from mien.data.splits import SPLITS
from mien.errors import ConfigError, DatasetFormatError
from mien.evaluation.predictors import Predictor
from mien.runtime.files import atomic_file
from mien.runtime.optional import learning
from mien.runtime.translation import translate_errors

if TYPE_CHECKING:
    from mien.training.config import TrainingConfig

FOLDS = 4
_BATCH = 256
_TRAIN, _VALIDATION = SPLITS.index("train"), SPLITS.index("validation")


def assign_folds(dataset: FerDataset, folds: int) -> npt.NDArray[np.int64]:
    """The fold of each image, int64 (N,); images that are equal byte for byte, and a person's, share one.

    Raises:
        ConfigError: ``folds`` is not in [2, 20].
    """
    if not 2 <= folds <= 20:
        raise ConfigError(f"folds is {folds}, expected 2 to 20")
    persons = dataset.persons
    # by content, not by position: data prepared anew keep their folds, and a copy cannot train for its twin
    keys = [
        str(persons[at]).encode() if persons is not None and persons[at] else image.tobytes()
        for at, image in enumerate(dataset.images)
    ]
    return np.array([int.from_bytes(hashlib.sha256(key).digest()[:8], "big") % folds for key in keys])


def out_of_fold(
    dataset: FerDataset,
    recipe: str | Path,
    folder: Path,
    *,
    folds: int = FOLDS,
    progress: Callable[[str], None] = lambda _: None,
) -> npt.NDArray[np.float32]:
    """Train a network a fold on the other folds and let it say what the left-out images show, float32 (N, 8).

    Training and validation rows are pooled and split anew; the test split stays out of training, and its rows get the
    mean of all networks. Each fold's run resumes from its last whole epoch, and finished folds are kept as arrays.

    Args:
        dataset: A prepared data set.
        recipe: To train each fold by; a TOML file, or the name of a recipe in the package such as ``ferplus-audit``.
        folder: Where runs and arrays are kept.
        folds: How many.
        progress: Called with a line of progress.

    Raises:
        ConfigError: The recipe cannot be used, or ``folds`` is out of range.
        CheckpointError: ``folder`` holds runs of other data or another recipe.
        MissingDependencyError: Training needs an extra that is not installed.
    """
    fold_of = assign_folds(dataset, folds)
    trainable = dataset.splits < SPLITS.index("test")
    probabilities = np.zeros((len(dataset), 8), np.float32)
    for fold in range(folds):
        answers = fold_answers(dataset, recipe, folder, fold, folds=folds, progress=progress)  # (N, 8)
        left_out = trainable & (fold_of == fold)
        probabilities[left_out] = answers[left_out]
        # no fold trained on test rows, so that each network may answer
        probabilities[~trainable] += answers[~trainable] / folds
    return probabilities


def fold_answers(
    dataset: FerDataset,
    recipe: str | Path,
    folder: Path,
    fold: int,
    *,
    folds: int = FOLDS,
    progress: Callable[[str], None] = lambda _: None,
) -> npt.NDArray[np.float32]:
    """What the network of one fold says of every image, float32 (N, 8); trained, or read from ``folder``.

    It has not seen the rows of its own fold (:func:`assign_folds`) nor those of the test split. Arguments and errors
    are those of :func:`out_of_fold`.
    """
    with learning():
        from mien.training.recipes import load_config  # noqa: PLC0415 - torch is loaded when it is used
    config = load_config(recipe)
    trainable = dataset.splits < SPLITS.index("test")
    left_out = trainable & (assign_folds(dataset, folds) == fold)
    splits = np.array(dataset.splits)
    # the left-out fold is this run's validation split: it chooses the epoch, and no gradient sees it
    splits[trainable] = np.where(left_out[trainable], _VALIDATION, _TRAIN)
    part = _with_splits(dataset, splits)
    kept = _kept_answers(folder, fold, config, part)
    if not kept.exists():
        progress(f"fold {fold + 1} of {folds}")
        save_probabilities(_train_and_ask(part, config, kept.with_suffix("")), kept)
    return load_probabilities(kept, len(dataset))


def _kept_answers(folder: Path, fold: int, config: "TrainingConfig", part: FerDataset) -> Path:
    """Where a fold's answers lie; they belong to one recipe, with what it extends, and one division of these votes."""
    key = hashlib.sha256(f"{config.sha256} {part.manifest_sha256}".encode()).hexdigest()[:12]
    return folder / f"fold{fold}-{key}.npy"


def _train_and_ask(dataset: FerDataset, config: "TrainingConfig", run: Path) -> npt.NDArray[np.float32]:
    """Train on the train split, or go on with it, and let the best network answer for every image, float32 (N, 8)."""
    with learning():
        from mien.training.run import train  # noqa: PLC0415 - torch is loaded when it is used
    train(config, dataset, run, resume=run.exists())
    return RunPredictor(run).predict_proba(dataset.images)


def mean_of_models(models: list[Predictor], images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Mean probabilities float32 (N, 8) of finished models; no second opinion of images they trained on."""
    total = np.zeros((len(images), 8), np.float32)
    for model in models:
        for start in range(0, len(images), _BATCH):
            answers = np.asarray(model.predict_proba(np.asarray(images[start : start + _BATCH])), np.float32)
            if answers.shape[1] != 8:
                raise ConfigError(f"a model answers in {answers.shape[1]} classes, the audit needs all eight")
            total[start : start + _BATCH] += answers / len(models)
    return total


class RunPredictor:
    """The best network of a run folder as a predictor.

    Raises:
        CheckpointError: The folder is not a run folder, or its weights are damaged.
        MissingDependencyError: Training's packages are not installed.
    """

    def __init__(self, run: Path) -> None:
        with learning():
            from mien.training.runs import RunFolder  # noqa: PLC0415 - torch is loaded when it is used
        self._network = RunFolder(run).load_network()

    def predict_proba(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Probabilities float32 (N, 8) of gray pictures uint8 (N, S, S, 1)."""
        import torch  # noqa: PLC0415

        from mien.training.heads import perceived  # noqa: PLC0415

        parts = []
        with torch.inference_mode():
            for start in range(0, len(images), _BATCH):
                batch = torch.from_numpy(np.array(images[start : start + _BATCH])).permute(0, 3, 1, 2).float() / 255
                logits = perceived(self._network(batch))  # (b, 8), also of a network with two heads
                parts.append(logits.softmax(dim=1).numpy())
        return np.concatenate(parts).astype(np.float32)


def save_probabilities(probabilities: npt.NDArray[np.float32], path: Path) -> None:
    """Write an array that :func:`load_probabilities` reads, all or nothing."""
    with atomic_file(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, probabilities, allow_pickle=False)


def load_probabilities(path: Path, rows: int) -> npt.NDArray[np.float32]:
    """Probabilities float32 (N, 8) from a ``.npy`` file.

    Raises:
        DatasetFormatError: The file is no array of ``rows`` rows of probabilities in FER+ order.
    """
    with translate_errors(lambda why: DatasetFormatError(f"{path}: cannot be read ({why})")):
        # mapped, so that a shape is refused before it takes memory
        array = np.load(path, allow_pickle=False, mmap_mode="r")
    if getattr(array, "shape", None) != (rows, 8) or array.dtype.kind != "f":
        raise DatasetFormatError(
            f"{path}: {getattr(array, 'dtype', '?')} {getattr(array, 'shape', '?')}, expected float ({rows}, 8)",
            hint="a row for each row of the data set, columns in FER+ order",
        )
    values = np.asarray(array, np.float32)
    if not (np.isfinite(values).all() and (values >= 0).all() and np.abs(values.sum(axis=1) - 1).max() < 1e-2):
        raise DatasetFormatError(f"{path}: rows that are no probabilities: each is 0 to 1, and they sum to 1")
    return values


def _with_splits(dataset: FerDataset, splits: npt.NDArray[np.uint8]) -> FerDataset:
    """The set with other splits; its manifest names the fold, so that a run resumes on its own data alone."""
    name = hashlib.sha256(splits.tobytes() + np.ascontiguousarray(dataset.votes).tobytes()).hexdigest()
    entries = {s: {"rows": int((splits == n).sum()), "sha256": f"{name}-{s}"} for n, s in enumerate(SPLITS)}
    return replace(dataset, splits=splits, manifest={**dataset.manifest, "splits": entries})
