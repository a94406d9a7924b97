"""Decisions of people or of a rule on single images, kept as a table and applied to a copy of a data set.

    row,action,votes,why
    1234,relabel,happiness=7 neutral=3,looked at
    1300,drop,,not a face

``row`` is the row of the source, ``action`` accept, relabel, drop or skip. The original files never change, and rows of
the test split are never altered: what would have been done is counted. :func:`as_decided` shows what a score would be
if they were, beside the score on the labels as published.
"""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from mien.data.dataset import FerDataset
from mien.data.fer2013 import UNKNOWN_EMOTION
from mien.data.ferplus import MOST_VOTES, VOTE_COLUMNS
from mien.data.protocols import NO_LABEL
from mien.data.splits import SPLITS
from mien.data.tables import LIST_LIMITS, read_rows, shown, whole_number
from mien.errors import DatasetFormatError
from mien.expressions import FERPLUS_LABELS
from mien.runtime.files import write_text

Action = Literal["accept", "relabel", "drop", "skip"]
_ACTIONS: tuple[Action, ...] = get_args(Action)
#: Header of the table.
DECISION_COLUMNS = ("row", "action", "votes", "why")
_MOST_ROWS = 99_999_999


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision about one image.

    Attributes:
        row: Row of the source, as in ``rows.npy``.
        action: ``relabel`` replaces its votes, ``drop`` leaves it out, ``accept`` and ``skip`` change nothing.
        votes: Of a relabeled image, uint8 (10,) as a tuple; None otherwise.
        why: The reason, as text for people.
    """

    row: int
    action: Action
    votes: tuple[int, ...] | None = None
    why: str = ""


def read_decisions(path: Path) -> tuple[Decision, ...]:
    """Read a table of decisions.

    Raises:
        DatasetNotFoundError: There is no such file.
        DatasetFormatError: A row is not as above, or one image is decided twice; file and line are named.
    """
    rows = read_rows(path, LIST_LIMITS)
    _, header = next(rows, (1, []))
    if [name.strip().lower() for name in header] != list(DECISION_COLUMNS):
        raise DatasetFormatError(f"{path}:1: expected {','.join(DECISION_COLUMNS)}, found {shown(','.join(header))}")
    decisions: dict[int, Decision] = {}
    for line, fields in rows:
        place = f"{path}:{line}"
        if len(fields) != len(DECISION_COLUMNS):
            raise DatasetFormatError(f"{place}: expected {len(DECISION_COLUMNS)} fields, found {len(fields)}")
        row, action = whole_number(fields[0], _MOST_ROWS), fields[1].strip().lower()
        if row is None:
            raise DatasetFormatError(f"{place}: row is {shown(fields[0])}, expected a whole number")
        if action not in _ACTIONS:
            raise DatasetFormatError(f"{place}: action is {shown(action)}, expected {', '.join(_ACTIONS)}")
        if row in decisions:
            raise DatasetFormatError(f"{place}: row {row} is decided a second time")
        votes = _parse_votes(fields[2], place) if action == "relabel" else None
        decisions[row] = Decision(row, action, votes, fields[3].strip())
    return tuple(decisions.values())


def write_decisions(decisions: Iterable[Decision], path: Path) -> None:
    """Write a table that :func:`read_decisions` reads.

    Raises:
        StorageError: The place cannot be written.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(DECISION_COLUMNS)
    for decision in decisions:
        writer.writerow((decision.row, decision.action, _votes_text(decision.votes), decision.why))
    write_text(path, stream.getvalue())


def apply_decisions(dataset: FerDataset, decisions: Iterable[Decision]) -> FerDataset:
    """A copy of ``dataset`` with the decisions applied to its train and validation rows, recorded in its manifest.

    Both panels of a relabeled image get the new votes; its FER2013 label and its published label stay what the
    publisher said, except that a published label follows its new votes.

    Raises:
        DatasetFormatError: A decision names a row that the data set does not have.
    """
    decisions = tuple(decisions)
    # labels that were corrected with a model's help would make metrics on them favor that model
    changed, kept, counts = _apply(dataset, decisions, spared=frozenset({"test"}))
    changed = changed.take(np.flatnonzero(kept))
    return replace(changed, manifest=_manifest(changed, decisions, counts))


def as_decided(dataset: FerDataset, decisions: Iterable[Decision]) -> FerDataset:
    """A copy with the decisions applied to all rows, those of the test split too.

    Only for reporting metrics on it beside those on ``dataset``; it must not be written or trained on. Dropped images
    stay as rows without votes and labels, which no protocol selects, so that rows still match probabilities from
    elsewhere.

    Raises:
        DatasetFormatError: A decision names a row that the data set does not have.
    """
    changed, kept, _ = _apply(dataset, tuple(decisions), spared=frozenset())
    emotions = np.where(kept, changed.emotions, UNKNOWN_EMOTION).astype(np.uint8)
    panel = None if changed.panel_votes is None else changed.panel_votes * kept[:, None]
    labels = None if changed.labels is None else np.where(kept, changed.labels, NO_LABEL).astype(np.uint8)
    return replace(changed, votes=changed.votes * kept[:, None], panel_votes=panel, emotions=emotions, labels=labels)


def _apply(
    dataset: FerDataset, decisions: tuple[Decision, ...], *, spared: frozenset[str]
) -> tuple[FerDataset, npt.NDArray[np.bool_], Counter[str]]:
    """The set with new votes, which of its rows are kept, (N,), and what was done; splits in ``spared`` stay."""
    position = {int(row): at for at, row in enumerate(dataset.rows)}  # source row to position: earlier ones may be gone
    if absent := [d.row for d in decisions if d.row not in position]:
        raise DatasetFormatError(
            f"{len(absent)} decisions name rows that the data set does not have, the first is row {absent[0]}",
            hint="rows are those of the source, as in rows.npy",
        )
    votes, labels = np.array(dataset.votes), None if dataset.labels is None else np.array(dataset.labels)
    panel = None if dataset.panel_votes is None else np.array(dataset.panel_votes)
    kept = np.ones(len(dataset), np.bool_)
    counts: Counter[str] = Counter()
    for decision in decisions:
        at = position[decision.row]
        split = SPLITS[dataset.splits[at]]
        if decision.action in {"accept", "skip"}:
            counts[decision.action] += 1
        elif split in spared:
            counts[f"{split} rows left as they are"] += 1
        elif decision.action == "drop":
            counts["drop"] += 1
            kept[at] = False
        else:
            counts["relabel"] += 1
            votes[at] = decision.votes or 0
            if panel is not None:
                panel[at] = votes[at]  # the decision replaces the votes of both panels
            if labels is not None:
                labels[at] = _label_of(votes[at])
    return replace(dataset, votes=votes, panel_votes=panel, labels=labels), kept, counts


def _manifest(dataset: FerDataset, decisions: tuple[Decision, ...], counts: Counter[str]) -> dict[str, Any]:
    # hash of the decisions, not of the file: the same ones with other quotes or line ends give the same data
    listed = "".join(f"{d.row},{d.action},{d.votes},{d.why}\n" for d in decisions)
    manifest = dict(dataset.manifest)
    dropped = dict(manifest["dropped"])
    if counts["drop"]:
        dropped["dropped by a decision"] = dropped.get("dropped by a decision", 0) + counts["drop"]
    return manifest | {
        "dropped": dropped,
        "decisions": {"sha256": hashlib.sha256(listed.encode()).hexdigest(), "counts": dict(sorted(counts.items()))},
    }


def _label_of(votes: np.ndarray) -> int:
    expressions = votes[: len(FERPLUS_LABELS)]
    return int(expressions.argmax()) if expressions.any() else NO_LABEL


def _parse_votes(text: str, place: str) -> tuple[int, ...]:
    """``happiness=7 neutral=3`` as ten counts; one name alone is one vote."""
    votes = [0] * len(VOTE_COLUMNS)
    names = {name.lower(): at for at, name in enumerate(VOTE_COLUMNS)}
    for part in text.split():
        name, equals, number = part.partition("=")  # "happiness=7", or "happiness" for one vote
        count = whole_number(number, MOST_VOTES) if equals else 1
        if name.lower() not in names or count is None:
            raise DatasetFormatError(f"{place}: votes {shown(part)}, expected such as happiness=7")
        votes[names[name.lower()]] = count
    if not any(votes[: len(FERPLUS_LABELS)]):
        raise DatasetFormatError(f"{place}: relabel without a vote for an expression", hint="drop it instead")
    return tuple(votes)


def _votes_text(votes: tuple[int, ...] | None) -> str:
    return " ".join(f"{name}={count}" for name, count in zip(VOTE_COLUMNS, votes or (), strict=False) if count)
