from dataclasses import replace

import numpy as np
import pytest

from mien.data.dataset import FerDataset
from mien.data.protocols import PROTOCOLS, SPLITS, majority, plurality, seen_before, select
from mien.errors import ProtocolError


def votes(**counts: int) -> np.ndarray:
    names = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "nf")
    return np.array([[counts.get(name, 0) for name in names]], np.uint8)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (votes(happiness=6, neutral=4), 1),
        (votes(happiness=5, neutral=5), None),
        (votes(happiness=5, neutral=3, anger=1, fear=1), 1),  # single votes do not count: 5 of 8
        (votes(happiness=4, neutral=2, anger=2, fear=2), None),
        (votes(unknown=8, happiness=2), None),
        (votes(nf=9), None),
        (votes(), None),
        (votes(contempt=1), None),
    ],
)
def test_majority_wants_more_than_half_of_what_is_left_without_single_votes(
    row: np.ndarray, expected: int | None
) -> None:
    target = majority(row)[0]
    assert (target.argmax() if target.any() else None) == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (votes(happiness=4, neutral=3, nf=3), 1),
        (votes(happiness=4, neutral=4, anger=2), 0),  # the first wins ties
        (votes(nf=5, happiness=4), None),
        (votes(happiness=5, unknown=5), 1),
        (votes(), None),
    ],
)
def test_argmax_looks_at_all_ten_columns(row: np.ndarray, expected: int | None) -> None:
    target = plurality(row)[0]
    assert (target.argmax() if target.any() else None) == expected


def test_targets_of_every_protocol_sum_to_one(made_dataset: FerDataset) -> None:
    for protocol in PROTOCOLS:
        for split in SPLITS:
            selection = select(made_dataset, protocol, split)
            assert np.allclose(selection.targets.sum(axis=1), 1)
            assert (made_dataset.splits[selection.indices] == SPLITS.index(split)).all()


def test_unique_leaves_out_images_of_earlier_splits(made_dataset: FerDataset) -> None:
    assert seen_before(made_dataset, "train").sum() == 0
    for split in ("validation", "test"):
        whole, unique = select(made_dataset, "votes", split), select(made_dataset, "votes-unique", split)
        assert sorted(set(whole.indices) - set(unique.indices)) == [made_dataset.split_rows(split)[1]]


def test_majority_reads_the_second_panel(made_dataset: FerDataset) -> None:
    position = made_dataset.split_rows("validation")[1]
    by_panel = {p: select(made_dataset, p, "validation") for p in ("majority", "majority-v1")}
    labels = {p: int(s.labels[s.indices == position][0]) for p, s in by_panel.items()}
    assert labels == {"majority": 3, "majority-v1": 1}


def test_a_protocol_of_the_second_panel_says_what_it_needs(made_dataset: FerDataset) -> None:
    with pytest.raises(ProtocolError, match=r"label_train.csv, label_valid.csv and label_test.csv"):
        select(replace(made_dataset, panel_votes=None), "majority", "test")


def test_unknown_names_are_refused_with_near_ones(made_dataset: FerDataset) -> None:
    with pytest.raises(ProtocolError, match="no protocol 'majorty'") as caught:
        select(made_dataset, "majorty", "test")
    assert "majority" in str(caught.value.hint)
    with pytest.raises(ProtocolError, match="no split 'exam'"):
        select(made_dataset, "votes", "exam")  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("protocol", "rows", "test_classes"),
    [
        ("votes", (28559, 3579, 3573), (1278, 929, 446, 448, 326, 23, 94, 29)),
        ("drawn", (28559, 3579, 3573), (1278, 929, 446, 448, 326, 23, 94, 29)),
        ("majority", (25045, 3191, 3137), (1083, 892, 394, 382, 269, 16, 86, 15)),
        ("majority-v1", (25060, 3199, 3153), (1090, 893, 396, 384, 273, 18, 83, 16)),
        ("argmax", (28389, 3553, 3546), (1262, 928, 444, 444, 325, 23, 93, 27)),
    ],
)
def test_counts_on_the_real_data_are_the_published_ones(
    real_dataset: FerDataset, protocol: str, rows: tuple[int, ...], test_classes: tuple[int, ...]
) -> None:
    selections = [select(real_dataset, protocol, split) for split in SPLITS]
    assert tuple(len(selection.indices) for selection in selections) == rows
    assert tuple(np.bincount(selections[2].labels, minlength=8)) == test_classes


@pytest.mark.slow
def test_unique_counts_on_the_real_data(real_dataset: FerDataset) -> None:
    assert len(select(real_dataset, "votes-unique", "test").indices) == 3573 - 314
    assert len(select(real_dataset, "majority-unique", "test").indices) == 3137 - 267
