"""Labeled faces from a prepared data set: all rows that have a label, or those that people decided on in an audit."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mien.adaptation.faces import LabeledFaces
from mien.data.dataset import FerDataset, open_dataset
from mien.data.decisions import Decision, apply_decisions, read_decisions
from mien.data.protocols import given, plurality
from mien.data.splits import Split
from mien.errors import DatasetFormatError
from mien.expressions import FERPLUS_LABELS
from mien.metadata import ModelMetadata
from mien.preprocessing import to_model_input


def read_dataset(folder: Path, metadata: ModelMetadata, split: Split) -> LabeledFaces:
    """The rows of one split that have a label: the published one, else the most voted.

    Args:
        folder: A prepared data set.
        metadata: Of the model that is adapted: its labels and input.
        split: Of the data set.

    Raises:
        DatasetNotFoundError: There is no data set in ``folder``.
        DatasetFormatError: It is damaged, or no row of the split has a label.
    """
    dataset = open_dataset(folder)
    return _labeled_rows(dataset, dataset.split_rows(split), metadata, str(folder))


def read_decided_rows(table: Path, folder: Path, metadata: ModelMetadata) -> LabeledFaces:
    """The rows of a data set whose label was accepted or replaced in an audit.

    Dropped and skipped rows are left out, and so is the test split, which decisions never change.

    Args:
        table: A ``decisions.csv``, see :mod:`mien.data.decisions`.
        folder: The prepared data set that was audited.
        metadata: Of the model that is adapted: its labels and input.

    Raises:
        DatasetNotFoundError: There is no such table or data set.
        DatasetFormatError: One of them is damaged, they do not belong together, or no decision gives a label.
    """
    decisions = read_decisions(table)
    dataset = apply_decisions(open_dataset(folder), decisions)
    test = np.isin(np.arange(len(dataset)), dataset.split_rows("test"))  # (n,)
    kept = np.isin(dataset.rows, _rows_with_label(decisions)) & ~test
    return _labeled_rows(dataset, np.flatnonzero(kept), metadata, str(table))


def _rows_with_label(decisions: Iterable[Decision]) -> list[int]:
    return [decision.row for decision in decisions if decision.action in {"accept", "relabel"}]


def _labeled_rows(
    dataset: FerDataset, rows: npt.NDArray[np.int64], metadata: ModelMetadata, source: str
) -> LabeledFaces:
    """Those of ``rows`` that have a label, as the model reads them."""
    targets = plurality(dataset.votes[rows]) if dataset.labels is None else given(dataset.labels[rows])  # (n, 8)
    known = targets.any(axis=1)
    rows, columns = rows[known], targets[known].argmax(axis=1)  # columns in FER+ order
    if not len(rows):
        raise DatasetFormatError(f"{source}: no image has a label that can be used")
    model_columns = np.array([metadata.labels.index(label) for label in FERPLUS_LABELS])
    return LabeledFaces(
        crops=to_model_input(dataset.images[rows], metadata.input)[:, 0],
        labels=model_columns[columns],
        persons=np.full(len(rows), "") if dataset.persons is None else np.asarray(dataset.persons[rows]).astype(str),
        not_found=0 if dataset.found is None else int(np.count_nonzero(~dataset.found[rows])),
        source=source,
    )
