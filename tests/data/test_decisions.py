from pathlib import Path

import numpy as np
import pytest

from mien.data.dataset import FerDataset, open_dataset, split_sha256
from mien.data.decisions import Decision, apply_decisions, as_decided, read_decisions, write_decisions
from mien.data.prepare import prepare
from mien.data.protocols import select
from mien.data.summary import check_dataset, label_agreement
from mien.errors import DatasetFormatError

HAPPY = (3, 7, 0, 0, 0, 0, 0, 0, 0, 0)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    decisions = (
        Decision(5, "relabel", HAPPY, 'said "so", twice'),
        Decision(6, "drop", None, "not a face"),
        Decision(7, "accept"),
        Decision(8, "skip"),
    )
    write_decisions(decisions, tmp_path / "decisions.csv")
    assert read_decisions(tmp_path / "decisions.csv") == decisions


def test_train_rows_change_test_rows_do_not_and_all_is_recorded(made_dataset: FerDataset) -> None:
    test_row = int(made_dataset.rows[made_dataset.split_rows("test")[0]])
    decisions = [
        Decision(0, "relabel", HAPPY),
        Decision(1, "drop"),
        Decision(2, "accept"),
        Decision(test_row, "drop"),
        Decision(test_row + 1, "relabel", HAPPY),
    ]
    changed = apply_decisions(made_dataset, decisions)
    assert len(changed) == len(made_dataset) - 1
    assert changed.votes[0].tolist() == list(HAPPY)
    assert changed.panel_votes is not None
    assert changed.panel_votes[0].tolist() == list(HAPPY)
    assert 1 not in changed.rows
    assert split_sha256(changed, "test") == split_sha256(made_dataset, "test")
    counts = changed.manifest["decisions"]["counts"]
    assert counts == {"accept": 1, "drop": 1, "relabel": 1, "test rows left as they are": 2}
    assert changed.manifest["dropped"]["dropped by a decision"] == 1
    assert check_dataset(changed).sound
    assert (made_dataset.votes[0] != np.array(HAPPY)).any()


def test_a_score_as_decided_is_on_all_rows_and_the_set_keeps_them(made_dataset: FerDataset) -> None:
    test = made_dataset.split_rows("test")
    dropped, relabeled = (int(made_dataset.rows[at]) for at in test[:2])
    decided = as_decided(made_dataset, [Decision(dropped, "drop"), Decision(relabeled, "relabel", HAPPY)])
    assert len(decided) == len(made_dataset)
    for protocol in ("votes", "majority", "fer2013"):
        assert test[0] not in select(decided, protocol, "test").indices
        others = set(select(made_dataset, protocol, "test").indices.tolist()) - set(test[:2].tolist())
        assert others <= set(select(decided, protocol, "test").indices.tolist())
    votes = select(decided, "votes", "test")
    assert votes.targets[votes.indices.tolist().index(test[1])][:2] == pytest.approx([0.3, 0.7])


def test_prepare_applies_a_table(tmp_path: Path, fer_files: Path) -> None:
    write_decisions([Decision(0, "relabel", HAPPY), Decision(3, "drop")], tmp_path / "decisions.csv")
    files = (fer_files / "fer2013.csv", fer_files / "fer2013new.csv")
    prepare(*files, out=tmp_path / "out", labels=fer_files, decisions=tmp_path / "decisions.csv")
    dataset = open_dataset(tmp_path / "out")
    assert dataset.votes[0].tolist() == list(HAPPY)
    assert len(dataset) == 157
    assert check_dataset(dataset).sound


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("x,drop,,", "2: row is 'x'"),
        ("1,burn,,", "2: action is 'burn', expected accept, relabel, drop, skip"),
        ("1,drop,", "2: expected 4 fields, found 3"),
        ("1,relabel,,", "2: relabel without a vote"),
        ("1,relabel,joy=3,", "2: votes 'joy=3'"),
        ("1,relabel,happiness=-3,", "2: votes 'happiness=-3'"),
        ("1,relabel,unknown=3,", "2: relabel without a vote"),
        ("1,drop,,\n1,skip,,", "3: row 1 is decided a second time"),
    ],
)
def test_bad_tables_are_refused_with_their_line(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "decisions.csv"
    path.write_text(f"row,action,votes,why\n{row}\n")
    with pytest.raises(DatasetFormatError, match=message):
        read_decisions(path)


def test_a_table_of_other_columns_and_rows_that_are_not_there_are_refused(
    tmp_path: Path, made_dataset: FerDataset
) -> None:
    (tmp_path / "a.csv").write_text("row,what\n1,drop\n")
    with pytest.raises(DatasetFormatError, match="expected row,action,votes,why"):
        read_decisions(tmp_path / "a.csv")
    with pytest.raises(
        DatasetFormatError, match="1 decisions name rows that the data set does not have, the first is row 94"
    ):
        apply_decisions(made_dataset, [Decision(94, "drop")])


def test_agreement_counts_each_of_the_seven_labels(made_dataset: FerDataset) -> None:
    agreement = label_agreement(made_dataset)
    own = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
    seen = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")
    for number, label in enumerate(own):
        rows = np.flatnonzero(made_dataset.emotions == number)
        agreed = sum(seen[int(made_dataset.votes[row].argmax())] == label for row in rows)
        assert agreement[label] == (len(rows), agreed)
