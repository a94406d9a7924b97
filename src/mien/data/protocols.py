"""The protocols: named rules that turn votes into the rows and targets that metrics are computed on.

Metrics of different protocols are not comparable. This module does not know networks or metrics.

    votes        rows with a vote for one of the eight; votes / their sum
    drawn        the same rows; one label drawn from the votes (the capstone's metric)
    majority     second vote file; votes of 1 count as none; kept if the largest is more than half of all ten columns
                 and one of the eight (Barsoum et al. 2016, the literature's rows)
    majority-v1  the same rule on fer2013new.csv
    argmax       fer2013new.csv; the largest of ten columns, the first wins ties, kept if one of the eight
    fer2013      FER2013's own label (``emotion`` of fer2013.csv), its seven classes; what was meant, not what was seen
    clean        the rows where FER2013's own label and ``argmax`` are the same expression
    labels       the published label of an imported set, over the classes that the set has

Each also as ``NAME-unique``: without images whose pixels also occur in an earlier split; of ``all`` splits together,
without those that occur in an earlier row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mien.data.dataset import FerDataset
from mien.data.splits import SPLITS, Split
from mien.errors import ProtocolError
from mien.expressions import FER2013_LABELS, FERPLUS_LABELS, LabelSet
from mien.text import name_hint

#: How targets are compared: whole distributions, one label drawn from them, or one label.
TargetKind = Literal["distribution", "drawn", "label"]
#: Marks a row without a label in ``emotions.npy`` and ``labels.npy``.
NO_LABEL = 255


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows of one split that a protocol keeps, with their targets.

    Attributes:
        protocol: Name of the rule, such as ``majority-unique``.
        split: Which split.
        kind: How the targets are to be compared.
        indices: Rows of the data set, int64 (n,), ascending.
        targets: float64 (n, 8) in FER+ order, each row sums to 1; one-hot where ``kind`` is ``label``.
        classes: The expressions that targets can name under this protocol; models are compared over these.
    """

    protocol: str
    split: Split
    kind: TargetKind
    indices: npt.NDArray[np.int64]
    targets: npt.NDArray[np.float64]
    classes: LabelSet = FERPLUS_LABELS

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Most voted expression of each row, int64 (n,); the first wins ties."""
        labels: npt.NDArray[np.int64] = self.targets.argmax(axis=1)
        return labels


_CLASSES = len(FERPLUS_LABELS)
_Votes = npt.NDArray[np.uint8]
_Targets = npt.NDArray[np.float64]
#: FER2013's numbers 0 to 6 as columns in FER+ order.
_FER2013_COLUMNS = np.array([FERPLUS_LABELS.index(label) for label in FER2013_LABELS])


def distribution(votes: _Votes) -> _Targets:
    """Votes (n, 10) over their sum among the eight, float64 (n, 8); zeros where there is none."""
    counts = votes[:, :_CLASSES].astype(np.float64)
    shares: _Targets = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


def majority(votes: _Votes) -> _Targets:
    """One-hot (n, 8) of the expression with more than half of all votes, single votes not counted; zeros elsewhere."""
    counts = np.where(votes <= 1, 0, votes).astype(np.int64)
    winner = counts.argmax(axis=1)
    kept = np.logical_and(counts.max(axis=1) * 2 > counts.sum(axis=1), winner < _CLASSES)
    targets: _Targets = np.eye(votes.shape[1])[winner, :_CLASSES] * kept[:, None]
    return targets


def plurality(votes: _Votes) -> _Targets:
    """One-hot (n, 8) of the largest of all ten columns, the first among equals; zeros where it is none of the eight."""
    voted: npt.NDArray[np.bool_] = np.any(votes, axis=1)
    targets: _Targets = np.eye(votes.shape[1])[votes.argmax(axis=1), :_CLASSES] * voted[:, None]
    return targets


def given(labels: npt.NDArray[np.uint8]) -> _Targets:
    """One-hot (n, 8) of labels (n,) in FER+ order; zeros where there is none."""
    known = labels < _CLASSES
    targets: _Targets = np.eye(_CLASSES)[np.where(known, labels, 0)] * known[:, None]
    return targets


def original(emotions: npt.NDArray[np.uint8]) -> _Targets:
    """One-hot (n, 8) of FER2013's own labels (n,), 0 to 6 in its order; zeros where unknown."""
    known = emotions < len(FER2013_LABELS)
    columns = _FER2013_COLUMNS[np.where(known, emotions, 0)]
    targets: _Targets = np.eye(_CLASSES)[columns] * known[:, None]
    return targets


def agreed(emotions: npt.NDArray[np.uint8], votes: _Votes) -> _Targets:
    """One-hot (n, 8) where FER2013's own label is the most voted of the ten columns (n, 10); zeros elsewhere."""
    targets: _Targets = original(emotions) * plurality(votes)
    return targets


@dataclass(frozen=True, slots=True)
class _Rule:
    """How one protocol works: its targets (n, 8) at some rows, zeros where a row is dropped, and what it reads."""

    kind: TargetKind
    targets: Callable[[FerDataset, npt.NDArray[np.int64]], _Targets]
    reads: Literal["votes", "panel_votes", "emotions", "labels"] = "votes"
    classes: Callable[[FerDataset], LabelSet] = lambda dataset: dataset.classes


def _seven(_: FerDataset) -> LabelSet:
    return LabelSet(tuple(label for label in FERPLUS_LABELS if label in FER2013_LABELS.expressions))


_PROTOCOLS: dict[str, _Rule] = {
    "votes": _Rule("distribution", lambda data, rows: distribution(data.votes[rows])),
    "drawn": _Rule("drawn", lambda data, rows: distribution(data.votes[rows])),
    "majority": _Rule("label", lambda data, rows: majority(_present(data.panel_votes)[rows]), "panel_votes"),
    "majority-v1": _Rule("label", lambda data, rows: majority(data.votes[rows])),
    "argmax": _Rule("label", lambda data, rows: plurality(data.votes[rows])),
    "fer2013": _Rule("label", lambda data, rows: original(data.emotions[rows]), "emotions", _seven),
    "clean": _Rule("label", lambda data, rows: agreed(data.emotions[rows], data.votes[rows]), "emotions", _seven),
    "labels": _Rule("label", lambda data, rows: given(_present(data.labels)[rows]), "labels"),
}
_UNIQUE = "-unique"
#: Every name that :func:`select` accepts.
PROTOCOLS: tuple[str, ...] = tuple(name + suffix for name in _PROTOCOLS for suffix in ("", _UNIQUE))
#: By what a protocol reads: a name for it in errors, and what to do where a data set lacks it.
_LACKING = {
    "panel_votes": (
        "label_train.csv, label_valid.csv and label_test.csv, which were not given",
        "run mien data prepare again with --labels FOLDER, or use the protocol majority-v1",
    ),
    "emotions": (
        "FER2013's own labels, which this data set does not have",
        "prepare it from fer2013.csv, or use votes",
    ),
    "labels": (
        "published labels, which this data set does not have",
        "imported sets have them; use votes or majority here",
    ),
}


def select(dataset: FerDataset, protocol: str, split: Split) -> Selection:
    """The rows of ``split`` that ``protocol`` keeps, with their targets; ``all`` takes every row.

    Raises:
        ProtocolError: No such protocol or split, or the data set lacks what the protocol reads.
    """
    if protocol not in PROTOCOLS:
        raise ProtocolError(f"no protocol {protocol!r}", hint=name_hint(protocol, PROTOCOLS))
    if split not in {*SPLITS, "all"}:
        raise ProtocolError(f"no split {split!r}", hint=f"there are {', '.join(SPLITS)} and all")
    rule = _PROTOCOLS[protocol.removesuffix(_UNIQUE)]
    if not _holds(dataset, rule):
        lacking, hint = _LACKING[rule.reads]
        raise ProtocolError(f"protocol {protocol!r} needs {lacking}", hint=hint)
    rows = dataset.split_rows(split)
    targets = rule.targets(dataset, rows)  # (n, 8)
    kept = targets.any(axis=1)
    if protocol.endswith(_UNIQUE):
        kept &= ~seen_before(dataset, split)
    return Selection(protocol, split, rule.kind, rows[kept], targets[kept], rule.classes(dataset))


def available(dataset: FerDataset) -> tuple[str, ...]:
    """The protocols that ``dataset`` has the labels for; one of them may still keep no image of a split."""
    return tuple(name for name in PROTOCOLS if _holds(dataset, _PROTOCOLS[name.removesuffix(_UNIQUE)]))


def seen_before(dataset: FerDataset, split: Split) -> npt.NDArray[np.bool_]:
    """For each row of ``split``, whether an image of an earlier split has the same pixels.

    Of ``all`` splits together: whether an earlier row has them.
    """
    if split == "all":
        first: dict[bytes, int] = {}
        return np.array([first.setdefault(i.tobytes(), at) != at for at, i in enumerate(dataset.images)], dtype=bool)
    position = SPLITS.index(split)
    earlier = {image.tobytes() for image in dataset.images[dataset.splits < position]}
    return np.array([i.tobytes() in earlier for i in dataset.images[dataset.splits == position]], dtype=bool)


def missing_rows(dataset: FerDataset) -> npt.NDArray[np.int64]:
    """Rows of the source that no protocol can judge, because they were left out when the data set was prepared.

    FER2013's own labels cover these as well, so metrics by ``fer2013`` are over fewer images than the challenge's.
    """
    total = len(dataset) + sum(dataset.manifest["dropped"].values())
    return np.setdiff1d(np.arange(total), dataset.rows)


def _holds(dataset: FerDataset, rule: _Rule) -> bool:
    if rule.reads == "emotions":
        return bool((np.asarray(dataset.emotions) != NO_LABEL).any())
    return getattr(dataset, rule.reads) is not None


def _present(array: npt.NDArray[np.uint8] | None) -> npt.NDArray[np.uint8]:
    """An optional array whose presence :func:`_holds` has checked."""
    if array is None:
        raise ProtocolError("the data set lacks the labels of this protocol")
    return array
