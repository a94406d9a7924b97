"""From published labels to the ten vote columns; what one side lacks is mapped or dropped in the open."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.curation.items import Layout, SourceItem
from mien.data.ferplus import MOST_VOTES, VOTE_COLUMNS
from mien.data.protocols import NO_LABEL
from mien.errors import ConfigError, DatasetFormatError
from mien.expressions import FERPLUS_LABELS, Expression

_CLASSES = len(FERPLUS_LABELS)
#: Published probabilities are kept as so many votes.
HUNDREDTHS = 100


@dataclass(frozen=True, slots=True)
class LabelMap:
    """What each published label becomes.

    Attributes:
        columns: Published label, in lower case, to vote column; None for one that is none of the eight.
        dropped: Published labels whose images are left out.
        open_classes: Whether the classes of the set are those that occur.
    """

    columns: Mapping[str, int | None]
    dropped: frozenset[str]
    open_classes: bool

    def column(self, label: str, place: str) -> int | None:
        """The vote column of a published label, None where its images are dropped.

        Raises:
            DatasetFormatError: The label is unknown, or none of the eight.
        """
        name = label.strip().lower()
        if name in self.dropped:
            return None
        column = self.columns.get(name)
        if column is None:
            known = ", ".join(sorted(name for name, at in self.columns.items() if at is not None))
            raise DatasetFormatError(
                f"{place}: label {label[:20]!r} is none of {known[:200]}",
                hint=f"--map EXPRESSION={name[:20]} says what it is, --drop {name[:20]} leaves its images out",
            )
        return column

    def classes(self, occurring: Iterable[int]) -> tuple[Expression, ...]:
        """The expressions that the set can name, in FER+ order; ``occurring`` are the vote columns that it has."""
        named = {column for name, column in self.columns.items() if column is not None and name not in self.dropped}
        columns = set(occurring) if self.open_classes else named
        return tuple(FERPLUS_LABELS[column] for column in range(_CLASSES) if column in columns)


def build_map(layout: Layout, mapped: Mapping[str, str], dropped: Iterable[str]) -> LabelMap:
    """The labels of ``layout`` with what a user mapped and dropped.

    Args:
        layout: Whose published labels count first.
        mapped: Published label to one of ours, ``unknown`` or ``NF``: ``{"fury": "anger"}``.
        dropped: Published labels whose images are left out.

    Raises:
        ConfigError: A label is mapped to something that is none of ours.
    """
    own = {name.lower(): at for at, name in enumerate(VOTE_COLUMNS)}
    columns = {name: None if label is None else own[str(label)] for name, label in layout.classes.items()}
    for published, ours in mapped.items():
        if ours.lower() not in own:
            raise ConfigError(
                f"--map {ours[:20]}={published[:20]}: {ours[:20]!r} is none of {', '.join(VOTE_COLUMNS)}",
                hint="write --map OURS=THEIRS, such as --map anger=fury",
            )
        columns[published.strip().lower()] = own[ours.lower()]
    return LabelMap(columns, frozenset(name.strip().lower() for name in dropped), layout.open_classes)


def votes_of(item: SourceItem, labels: LabelMap) -> tuple[npt.NDArray[np.int64], list[int]] | None:
    """Votes (10,) of an image and its columns in the order given; None where all its labels are dropped.

    Shares in [0, 1] that are not whole become hundredths, which sum to 100.

    Raises:
        DatasetFormatError: A label is unknown.
    """
    shares = np.zeros(len(VOTE_COLUMNS))
    order = []
    for label, share in item.votes:
        column = labels.column(label, item.place)
        if column is not None:
            shares[column] += share
            order.append(column)
    if not shares.any():
        return None
    # whole numbers are votes of people and stay as they are; a share such as .25 is none
    if (shares == np.rint(shares)).all() and shares.max() <= MOST_VOTES:
        return shares.astype(np.int64), order
    return _hundredths(shares), order


def _hundredths(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Whole votes (10,) that sum to 100 and are as near to ``shares`` as can be: largest remainders first."""
    exact = shares / shares.sum() * HUNDREDTHS
    votes: npt.NDArray[np.int64] = np.floor(exact).astype(np.int64)
    missing = HUNDREDTHS - int(votes.sum())
    votes[np.argsort(votes - exact, kind="stable")[:missing]] += 1
    return votes


def leading_label(votes: npt.NDArray[np.int64], order: list[int]) -> int:
    """The most frequent of the eight, the first given among equals; 255 where none of the eight has a vote."""
    most = votes[:_CLASSES].max()
    if most == 0:
        return NO_LABEL
    return next(column for column in order if column < _CLASSES and votes[column] == most)
