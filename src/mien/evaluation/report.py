"""An evaluation as JSON and Markdown: a summary first, then the details of each protocol."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mien.data.dataset import FerDataset
from mien.evaluation.baselines import NaiveBaseline
from mien.evaluation.groups import GroupResult
from mien.evaluation.predictors import EvaluationOptions
from mien.evaluation.results import EvaluationResult
from mien.evaluation.run import evaluate
from mien.evaluation.tables import (
    abstaining_table,
    capstone_table,
    class_table,
    group_tables,
    leaderboard_table,
    metrics_table,
    summary_table,
)
from mien.render.tables import Table
from mien.render.text import rounded
from mien.runtime.files import write_text

#: Shown with every result on the test split.
TEST_SPLIT_NOTICE = (
    "The test split is for a finished model: choose recipe, epoch and threshold on the validation split, and read the "
    "test split once."
)


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """The results of one model, as tables, JSON and Markdown.

    Attributes:
        model: Its name.
        results: Protocol by protocol.
        comparison: The capstone's table, for drawn labels.
        origin: Further fields of every JSON record, such as hashes of model and data.
        groups: Metrics of groups of people, each by the protocol of one of the results.
    """

    model: str
    results: Sequence[EvaluationResult]
    comparison: Table | None = None
    origin: Mapping[str, str] = field(default_factory=dict)
    groups: Sequence[GroupResult] = ()

    def tables(self) -> Iterator[Table]:
        """The summary, then the details protocol by protocol, then published results."""
        yield summary_table({self.model: self.results})
        for result in self.results:
            yield from details(result)
        for group in self.groups:
            yield from group_tables(group)
        if self.comparison is not None:
            yield self.comparison
        for result in self.results:
            if (board := leaderboard_table({self.model: result})) is not None:
                yield board

    def to_json(self) -> str:
        """One object for one result, a list for several; numbers have six significant digits."""
        records: list[dict[str, Any]] = []
        for result in self.results:
            record = dict(self.origin) | rounded(result.to_dict())
            groups = [group.to_dict() for group in self.groups if group.protocol == result.protocol]
            records.append(record | ({"groups": rounded(groups)} if groups else {}))
        # NaN is not JSON: an error here is better than a file that other readers refuse
        return json.dumps(records[0] if len(records) == 1 else records, indent=2, allow_nan=False)

    def to_markdown(self) -> str:
        """The whole report."""
        parts = [f"# Evaluation of {self.model}\n"]
        if any(result.split == "test" for result in self.results):
            parts.append(f"{TEST_SPLIT_NOTICE}\n")
        return "\n".join([*parts, *(table.to_markdown() for table in self.tables())])

    def write(self, folder: Path) -> tuple[Path, ...]:
        """Write ``report.json`` and ``report.md`` to ``folder``, each all or nothing; their paths."""
        texts = {folder / "report.json": self.to_json() + "\n", folder / "report.md": self.to_markdown()}
        for path, text in texts.items():
            write_text(path, text)
        return tuple(texts)


def details(result: EvaluationResult) -> Iterator[Table]:
    """All tables of one protocol."""
    yield metrics_table(result)
    yield class_table(result)
    if (abstaining := abstaining_table(result)) is not None:
        yield abstaining


def compare_with_naive(
    results: Sequence[EvaluationResult], dataset: FerDataset, *, seed: int = 0, is_naive: bool = False
) -> Table | None:
    """The capstone's table for the first result on drawn labels; None if there is no such result.

    Args:
        results: Of one model.
        dataset: What they were judged on.
        seed: Of the one draw of labels.
        is_naive: Whether the results are those of the naive predictor itself, so that it is the table's only model.
    """
    # the capstone's report has values on drawn labels alone
    drawn = next((result for result in results if result.drawn is not None), None)
    if drawn is None:
        return None
    if is_naive:
        return capstone_table(drawn, None)
    options = EvaluationOptions(resamples=0, seed=seed)
    (naive,) = evaluate(NaiveBaseline(), dataset, split=drawn.split, protocols=(drawn.protocol,), options=options)
    return capstone_table(naive, drawn)
