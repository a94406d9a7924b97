"""The named rules that turn votes into the rows and targets a score is measured on.

A score means nothing without its protocol. This module does not know networks or metrics.

    votes        rows with a vote for one of the eight; votes / their sum
    drawn        the same rows; one label drawn from the votes (the capstone's metric)
    majority     second vote file; votes of 1 count as none; kept if the largest is more than half of all ten columns
                 and one of the eight (Barsoum et al. 2016, the literature's rows)
    majority-v1  the same rule on fer2013new.csv
    argmax       fer2013new.csv; the largest of ten columns, the first wins ties, kept if one of the eight

Each also as ``NAME-unique``: without the images that stand byte for byte in a split that comes before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from mien.errors import ProtocolError
from mien.expressions import FERPLUS_LABELS

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
#: How targets are compared: whole distributions, one label drawn from them, or one label.
TargetKind = Literal["distribution", "drawn", "label"]


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows of one split that a protocol keeps, with their targets.

    Attributes:
        protocol: Name of the rule, such as ``majority-unique``.
        split: Which split.
        kind: How the targets are to be compared.
        indices: Rows of the data set, int64 (n,), ascending.
        targets: float64 (n, 8) in FER+ order, each row sums to 1; one-hot where ``kind`` is ``label``.
    """

    protocol: str
    split: Split
    kind: TargetKind
    indices: npt.NDArray[np.int64]
    targets: npt.NDArray[np.float64]

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Most voted expression of each row, int64 (n,); the first wins ties."""
        labels: npt.NDArray[np.int64] = self.targets.argmax(axis=1)
        return labels


class Voted(Protocol):
    """What a protocol reads of a data set; see :class:`mien.data.dataset.FerDataset`."""

    @property
    def images(self) -> npt.NDArray[np.uint8]: ...
    @property
    def splits(self) -> npt.NDArray[np.uint8]: ...
    @property
    def votes(self) -> npt.NDArray[np.uint8]: ...
    @property
    def panel_votes(self) -> npt.NDArray[np.uint8] | None: ...


_CLASSES = len(FERPLUS_LABELS)
_Votes = npt.NDArray[np.uint8]
_Targets = npt.NDArray[np.float64]
#: Votes (n, 10) to targets (n, 8); a row of zeros is dropped.
_Rule = Callable[[_Votes], _Targets]


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


@dataclass(frozen=True, slots=True)
class _Rules:
    kind: TargetKind
    rule: _Rule
    second_file: bool = False


_PROTOCOLS: dict[str, _Rules] = {
    "votes": _Rules("distribution", distribution),
    "drawn": _Rules("drawn", distribution),
    "majority": _Rules("label", majority, second_file=True),
    "majority-v1": _Rules("label", majority),
    "argmax": _Rules("label", plurality),
}
_UNIQUE = "-unique"
#: Every name that :func:`select` understands.
PROTOCOLS: tuple[str, ...] = tuple(name + suffix for name in _PROTOCOLS for suffix in ("", _UNIQUE))


def select(dataset: Voted, protocol: str, split: Split) -> Selection:
    """The rows of ``split`` that ``protocol`` keeps, with their targets.

    Raises:
        ProtocolError: No such protocol or split, or it needs the second vote file and the data set has none.
    """
    if protocol not in PROTOCOLS:
        near = get_close_matches(protocol, PROTOCOLS) or PROTOCOLS
        raise ProtocolError(f"no protocol {protocol!r}", hint=f"did you mean {', '.join(near)}?")
    if split not in SPLITS:
        raise ProtocolError(f"no split {split!r}", hint=f"there are {', '.join(SPLITS)}")
    rules = _PROTOCOLS[protocol.removesuffix(_UNIQUE)]
    rows = np.flatnonzero(dataset.splits == SPLITS.index(split))
    targets = rules.rule(_votes_for(dataset, protocol, second_file=rules.second_file)[rows])
    kept = targets.any(axis=1)
    if protocol.endswith(_UNIQUE):
        kept &= ~seen_before(dataset, split)
    return Selection(protocol, split, rules.kind, rows[kept], targets[kept])


def available(dataset: Voted) -> tuple[str, ...]:
    """The protocols that ``dataset`` has the votes for; one of them may still keep no image of a split."""
    second = dataset.panel_votes is not None
    return tuple(name for name in PROTOCOLS if second or not _PROTOCOLS[name.removesuffix(_UNIQUE)].second_file)


def seen_before(dataset: Voted, split: Split) -> npt.NDArray[np.bool_]:
    """For each row of ``split``, whether its pixels stand byte for byte in a split that comes before it."""
    position = SPLITS.index(split)
    earlier = {image.tobytes() for image in dataset.images[dataset.splits < position]}
    return np.array([i.tobytes() in earlier for i in dataset.images[dataset.splits == position]], dtype=bool)


def _votes_for(dataset: Voted, protocol: str, *, second_file: bool) -> _Votes:
    if not second_file:
        return dataset.votes
    if dataset.panel_votes is None:
        raise ProtocolError(
            f"protocol {protocol!r} needs label_train.csv, label_valid.csv and label_test.csv, which were not given",
            hint="run mien data prepare again with --labels FOLDER, or use the protocol majority-v1",
        )
    return dataset.panel_votes
