"""Three ways to use more than single labeled faces for adaptation, on a prepared set with persons.

    python experiments/adaptation.py reference SET [--split validation]      a person's own neutral picture
    python experiments/adaptation.py frames SET [--split validation]         several frames of one face
    python experiments/adaptation.py shared SET FERPLUS [--split validation] a layer shared with another set

Choose on the validation split of LFW; other sets are judged once. Frames are imitated by small random changes of the
same picture, which is optimistic or not: real frames also differ in expression.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from mien.adaptation.layer import Layer, features_of, fit_layer
from mien.data.augmentation import Augmentation
from mien.data.dataset import FerDataset, open_dataset
from mien.data.protocols import select
from mien.data.splits import Split
from mien.evaluation import metrics
from mien.evaluation.metrics import DoubleArray, IntArray
from mien.evaluation.results import FEW_CASES
from mien.preprocessing import bytes_to_unit
from mien.recognition.recognizer import Recognizer, load_recognizer

CLASSES, NEUTRAL = 8, 0
STRENGTH = 30.0
#: Differences between frames of a quiet face in a video.
JITTER = Augmentation(rotation_deg=3, shift=0.04, zoom=0.04, contrast=0.1, brightness=0.05, noise=0.01)


def read(
    dataset: FerDataset, protocol: str, split: Split, recognizer: Recognizer
) -> tuple[DoubleArray, IntArray, IntArray]:
    """Log probabilities (n, 8), labels (n,) and rows (n,)."""
    selection = select(dataset, protocol, split)
    rows = selection.indices[selection.targets.any(axis=1)]
    labels = selection.targets[selection.targets.any(axis=1)].argmax(axis=1)
    return features_of([recognizer.predict_heads(dataset.images[rows])["perceived"]]), labels, rows


def table_row(name: str, logits: DoubleArray, labels: IntArray) -> str:
    """Accuracy, mean recall of the classes with enough faces, and log loss of logits (n, 8)."""
    probabilities = Layer.identity(CLASSES, CLASSES).probabilities(logits)
    matrix = metrics.confusion_matrix(labels, probabilities.argmax(axis=1))
    counted = matrix.sum(axis=1) >= FEW_CASES
    loss = metrics.cross_entropy(metrics.one_hot(labels), probabilities).mean()
    recall = metrics.recall(matrix)[counted].mean()
    return f"| {name} | {len(labels):,} | {metrics.accuracy(matrix):.4f} | {recall:.4f} | {loss:.4f} |"


def reference(dataset: FerDataset, split: Split, recognizer: Recognizer) -> Iterator[str]:
    """Subtract a share of what a person's first neutral picture has more than the average one; judge the others."""
    features, labels, rows = read(dataset, "labels", split, recognizer)
    persons = np.asarray(dataset.persons)[rows]
    neutral = {str(p): at for at, p in reversed(list(enumerate(persons))) if labels[at] == NEUTRAL and p}
    judged = np.array([at for at, p in enumerate(persons) if neutral.get(str(p), at) != at])
    own = features[[neutral[str(p)] for p in persons[judged]]]  # (m, 8), of the reference of each judged face
    mean = features[list(neutral.values())].mean(axis=0)  # (8,)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        yield table_row(f"share {share:g}", features[judged] - share * (own - mean), labels[judged])


def frames(dataset: FerDataset, split: Split, recognizer: Recognizer, *, count: int = 800) -> Iterator[str]:
    """Average the log probabilities of several frames."""
    _, labels, rows = read(dataset.take(select(dataset, "labels", split).indices), "labels", "all", recognizer)
    kept = np.random.default_rng(0).permutation(len(rows))[:count]
    faces = torch.from_numpy(bytes_to_unit(dataset.images[select(dataset, "labels", split).indices[rows[kept]]]))
    generator = torch.Generator().manual_seed(0)
    total = np.zeros((len(kept), CLASSES))
    for number in range(1, 9):
        changed = JITTER(faces.permute(0, 3, 1, 2), generator).numpy()  # (n, 1, 48, 48)
        total += features_of([recognizer.predict_heads(changed)["perceived"]])
        if number in {1, 2, 4, 8}:
            yield table_row(f"{number} frames", total / number, labels[kept])


def drawn_faces(labels: IntArray, pool: npt.NDArray[np.bool_], number: int, rng: np.random.Generator) -> IntArray:
    """At most ``number`` faces of each class among ``pool`` (n,)."""
    found = [rng.permutation(np.flatnonzero(pool & (labels == label)))[:number] for label in range(CLASSES)]
    return np.concatenate(found)


def balanced(labels: IntArray) -> DoubleArray:
    """Weights of faces (n,) by which the classes weigh the same."""
    return 1 / np.bincount(labels, minlength=CLASSES)[labels]


def shared(dataset: FerDataset, split: Split, recognizer: Recognizer, other: FerDataset) -> Iterator[str]:
    """A layer of this set's faces, of another set's, of both, and of this set's pulled to the other's."""
    features, labels, rows = read(dataset, "labels", split, recognizer)
    theirs, their_labels, _ = read(other, "fer2013", "validation", recognizer)
    few = drawn_faces(their_labels, np.ones(len(theirs), np.bool_), 30, np.random.default_rng(0))
    theirs, their_labels = theirs[few], their_labels[few]
    base = fit_layer(theirs, their_labels, balanced(their_labels), strength=STRENGTH, classes=CLASSES)
    persons = np.asarray(dataset.persons)[rows]
    for number in (3, 10):
        logits: dict[str, list[DoubleArray]] = {}
        truth = []
        for draw in range(4):
            rng = np.random.default_rng(draw)
            first = np.isin(persons, rng.permutation(np.unique(persons))[::2])  # half of the people
            taken = drawn_faces(labels, first, number, rng)
            truth.append(labels[~first])
            for name, answer in layers(features[taken], labels[taken], theirs, their_labels, base).items():
                logits.setdefault(name, []).append(np.log(answer(features[~first])))
        for name, parts in logits.items():
            yield table_row(f"{number} a class, {name}", np.concatenate(parts), np.concatenate(truth))


def layers(
    ours: DoubleArray, labels: IntArray, theirs: DoubleArray, their_labels: IntArray, base: Layer
) -> dict[str, Callable[[DoubleArray], DoubleArray]]:
    """From log probabilities (n, 8) to probabilities, for each way; all are fitted with the same strength."""
    own = fit_layer(ours, labels, balanced(labels), strength=STRENGTH, classes=CLASSES)
    both = fit_layer(
        np.concatenate([ours, theirs]),
        np.concatenate([labels, their_labels]),
        np.concatenate([balanced(labels), balanced(their_labels)]),
        strength=STRENGTH,
        classes=CLASSES,
    )
    # log probabilities behind the shared layer: regularizing towards the identity is regularizing towards that layer
    behind = np.log(base.probabilities(ours))
    second = fit_layer(behind, labels, balanced(labels), strength=STRENGTH, classes=CLASSES)
    plain = {"none": Layer.identity(CLASSES, CLASSES), "own": own, "shared": base, "both": both}
    found: dict[str, Callable[[DoubleArray], DoubleArray]] = {
        name: layer.probabilities for name, layer in plain.items()
    }
    return found | {"own on shared": lambda rows: second.probabilities(np.log(base.probabilities(rows)))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("reference", "frames", "shared"))
    parser.add_argument("set", type=Path)
    parser.add_argument("other", type=Path, nargs="?")
    parser.add_argument("--split", default="validation")
    parser.add_argument("--model", default="default")
    given = parser.parse_args()
    dataset, recognizer = open_dataset(given.set), load_recognizer(given.model, threads=1)
    if given.what == "shared":
        rows = shared(dataset, given.split, recognizer, open_dataset(given.other))
    else:
        rows = (reference if given.what == "reference" else frames)(dataset, given.split, recognizer)
    print("| | faces | accuracy | mean recall | log loss |\n|---|---:|---:|---:|---:|")
    for row in rows:
        print(row, flush=True)


if __name__ == "__main__":
    main()
