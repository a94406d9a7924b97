"""The audit as a table, and the stated rule that turns its findings into decisions without anybody looking.

The rule, in its order: an image with a score of .5 on not-a-face or blank is dropped; one whose panels are further
apart than .5 gets both panels' votes pooled; one that looks mislabeled, with a score of .9 or more, gets ten votes
shared between what people said and what networks say, half and half.
"""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from mien.curation.audit import KINDS, Audit, class_noise
from mien.data.dataset import FerDataset
from mien.data.decisions import Decision
from mien.data.ferplus import MOST_VOTES, VOTE_COLUMNS
from mien.data.protocols import distribution
from mien.data.splits import SPLITS
from mien.expressions import FERPLUS_LABELS
from mien.runtime.files import atomic_file, write_text
from mien.runtime.optional import extra
from mien.text import no_formula

_DROP_FROM, _POOL_FROM, _SOFTEN_FROM = 0.5, 0.5, 0.9
#: What the rule does with an image.
Measure = Literal["drop", "pool", "soften"]
_LABELS = tuple(str(label) for label in FERPLUS_LABELS)
_COLUMNS = (
    *("row", "image", "split", "kind", "score", "most_voted", "networks_say", *KINDS),
    *(f"votes_{name}" for name in VOTE_COLUMNS),
    *(f"networks_{label}" for label in _LABELS),
)
_VOTES = 10


def write_table(dataset: FerDataset, audit: Audit, path: Path, *, excel_safe: bool = False) -> None:
    """Write the findings by falling score, as Parquet where ``path`` ends in ``.parquet``, else as CSV.

    Columns: row, image, split, kind, score, most_voted, networks_say, the score of every kind, ``votes_…`` and
    ``networks_…``. CSV has probabilities and scores with four digits; with ``excel_safe`` names of images that a
    spreadsheet would run begin with an apostrophe.

    Raises:
        StorageError: The place cannot be written.
        MissingDependencyError: Parquet needs pyarrow.
    """
    if path.suffix == ".parquet":
        _write_parquet(dataset, audit, path)
        return
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for row in _table_rows(dataset, audit):
            writer.writerow(_cell(value, excel_safe=excel_safe) for value in row)


def _cell(value: str | float, *, excel_safe: bool) -> str | int:
    if isinstance(value, float):
        return f"{value:.4f}"
    return no_formula(value) if excel_safe and isinstance(value, str) else value


def write_classes(dataset: FerDataset, audit: Audit, path: Path) -> None:
    """Write cleanlab's estimate of wrong labels by expression as CSV, see :func:`mien.curation.audit.class_noise`.

    Raises:
        StorageError: The place cannot be written.
        MissingDependencyError: cleanlab is not installed.
    """
    shares = distribution(np.asarray(dataset.votes))
    noise = class_noise(shares, audit.probabilities)
    images = np.bincount(shares[np.any(shares, axis=1)].argmax(axis=1), minlength=len(_LABELS))
    lines = ["expression,images,labeled so but another,so but labeled another"]
    lines += [
        f"{name},{images[_LABELS.index(name)]},{wrong:.4f},{missed:.4f}" for name, (wrong, missed) in noise.items()
    ]
    write_text(path, "".join(f"{line}\n" for line in lines))


def _write_parquet(dataset: FerDataset, audit: Audit, path: Path) -> None:
    with extra("tables"):
        import pyarrow as pa  # noqa: PLC0415 - an optional package
        from pyarrow import parquet  # noqa: PLC0415
    words = {"image", "split", "kind", "most_voted", "networks_say"}
    whole = {"row", *(f"votes_{name}" for name in VOTE_COLUMNS)}
    kinds = [pa.string() if n in words else pa.int64() if n in whole else pa.float64() for n in _COLUMNS]
    schema = pa.schema(list(zip(_COLUMNS, kinds, strict=True)))
    rows = (dict(zip(_COLUMNS, row, strict=True)) for row in _table_rows(dataset, audit))
    with atomic_file(path) as temporary:
        parquet.write_table(pa.Table.from_pylist(list(rows), schema=schema), temporary)


def _table_rows(dataset: FerDataset, audit: Audit) -> Iterator[tuple[str | int | float, ...]]:
    """The values of each finding, in the order of ``_COLUMNS``."""
    for finding in audit.findings:
        at = finding.position
        votes, said = dataset.votes[at], audit.probabilities[at]
        name = "" if dataset.names is None else str(dataset.names[at])
        yield (
            *(int(dataset.rows[at]), name, SPLITS[dataset.splits[at]], finding.kind, finding.score),
            *(_LABELS[int(votes[:8].argmax())], _LABELS[int(said.argmax())]),
            *(finding.kinds.get(kind, 0.0) for kind in KINDS),
            *(int(count) for count in votes),
            *(float(probability) for probability in said),
        )


def automatic_decisions(dataset: FerDataset, audit: Audit) -> tuple[Decision, ...]:
    """Decisions by the stated rule, in the order of rows; rows of the test split have none."""
    decided = (_decide(dataset, audit, at) for at in _decidable(dataset).tolist())
    return tuple(decision for decision in decided if decision is not None)


def random_decisions(dataset: FerDataset, audit: Audit, seed: int) -> tuple[Decision, ...]:
    """As many drops, pooled panels and softened votes as the rule makes, each on a row chosen at random.

    A row that is softened takes what networks say of that very row, so that the two differ in the choice of rows alone:
    this is what the audit has to beat.
    """
    wanted = Counter(measure for at in _decidable(dataset).tolist() if (measure := _measure(dataset, audit, at)))
    measures = [measure for measure, count in sorted(wanted.items()) for _ in range(count)]
    at_random = np.random.default_rng(seed).permutation(_decidable(dataset))[: len(measures)]
    pairs = zip(at_random.tolist(), measures, strict=True)
    return tuple(_decision(dataset, audit, at, measure, f"{measure} at random") for at, measure in pairs)


def _decidable(dataset: FerDataset) -> npt.NDArray[np.int64]:
    """Positions of the rows that may be changed: those of the test split never are."""
    return np.flatnonzero(dataset.splits < SPLITS.index("test"))


def _measure(dataset: FerDataset, audit: Audit, at: int) -> Measure | None:
    """What the rule does with the image at a position; None leaves it as it is."""
    if max(audit.scores["not a face"][at], audit.scores["blank"][at]) >= _DROP_FROM:
        return "drop"
    if dataset.panel_votes is not None and audit.scores["panels disagree"][at] >= _POOL_FROM:
        return "pool"
    return "soften" if audit.scores["mislabeled"][at] >= _SOFTEN_FROM else None


def _decide(dataset: FerDataset, audit: Audit, at: int) -> Decision | None:
    measure = _measure(dataset, audit, at)
    if measure is None:
        return None
    score = {kind: float(audit.scores[kind][at]) for kind in KINDS}
    why = {
        "drop": f"not a face {score['not a face']:.2f}, blank {score['blank']:.2f}",
        "pool": f"panels pooled, {score['panels disagree']:.2f} apart",
        "soften": f"softened, mislabeled {score['mislabeled']:.2f}",
    }
    return _decision(dataset, audit, at, measure, why[measure])


def _decision(dataset: FerDataset, audit: Audit, at: int, measure: Measure, why: str) -> Decision:
    row, votes = int(dataset.rows[at]), np.asarray(dataset.votes[at], np.int64)
    if measure == "drop":
        return Decision(row, "drop", None, why)
    if measure == "pool" and dataset.panel_votes is not None:
        pooled = np.minimum(votes + dataset.panel_votes[at], MOST_VOTES)
        return Decision(row, "relabel", tuple(pooled.tolist()), why)
    shares = (distribution(votes[None].astype(np.uint8))[0] + audit.probabilities[at]) / 2
    return Decision(row, "relabel", _whole_votes(shares), why)


def _whole_votes(shares: npt.NDArray[np.floating]) -> tuple[int, ...]:
    """Ten votes (10,) that are as near to shares (8,) as can be: largest remainders first."""
    exact = shares / shares.sum() * _VOTES
    votes = np.floor(exact).astype(np.int64)  # (8,), up to seven votes short
    votes[np.argsort(votes - exact, kind="stable")[: _VOTES - int(votes.sum())]] += 1
    return (*votes.tolist(), 0, 0)  # none for unknown and not a face
