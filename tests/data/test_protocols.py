from dataclasses import replace

import numpy as np
import pytest

from mien.data.dataset import FerDataset
from mien.data.protocols import available, majority, missing_rows, plurality, seen_before, select
from mien.data.splits import SPLITS
from mien.errors import ProtocolError
from mien.expressions import FERPLUS_LABELS


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
    for protocol in available(made_dataset):
        for split in SPLITS:
            selection = select(made_dataset, protocol, split)
            assert np.allclose(selection.targets.sum(axis=1), 1)
            assert (made_dataset.splits[selection.indices] == SPLITS.index(split)).all()


def test_unique_leaves_out_images_of_earlier_splits(made_dataset: FerDataset) -> None:
    assert seen_before(made_dataset, "train").sum() == 0
    for split in ("validation", "test"):
        whole, unique = select(made_dataset, "votes", split), select(made_dataset, "votes-unique", split)
        assert sorted(set(whole.indices) - set(unique.indices)) == [made_dataset.split_rows(split)[1]]


def test_all_splits_together_are_every_row_and_unique_keeps_the_first_of_equal_images(made_dataset: FerDataset) -> None:
    whole, unique = select(made_dataset, "votes", "all"), select(made_dataset, "votes-unique", "all")
    assert whole.indices.tolist() == list(range(len(made_dataset)))
    copies = [made_dataset.split_rows(split)[1] for split in ("validation", "test")]
    assert sorted(set(whole.indices) - set(unique.indices)) == copies


def test_fer2013_says_its_own_labels_in_seven_classes(made_dataset: FerDataset) -> None:
    selection = select(made_dataset, "fer2013", "all")
    own = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")  # 0 to 6 of the CSV file
    expected = [own[emotion] for emotion in made_dataset.emotions]
    assert [str(FERPLUS_LABELS[label]) for label in selection.labels] == expected
    assert {str(label) for label in selection.classes} == set(own)


def test_clean_keeps_the_rows_where_both_label_sets_agree(made_dataset: FerDataset) -> None:
    own, seen = select(made_dataset, "fer2013", "train"), select(made_dataset, "argmax", "train")
    by_row = dict(zip(seen.indices.tolist(), seen.labels.tolist(), strict=True))
    expected = [i for i, label in zip(own.indices.tolist(), own.labels.tolist(), strict=True) if by_row.get(i) == label]
    assert select(made_dataset, "clean", "train").indices.tolist() == expected
    assert expected


def test_unknown_labels_are_left_out_and_a_set_without_any_says_so(made_dataset: FerDataset) -> None:
    emotions = np.array(made_dataset.emotions)
    emotions[:5] = 255
    assert select(replace(made_dataset, emotions=emotions), "fer2013", "train").indices.tolist()[0] == 5
    with pytest.raises(ProtocolError, match="'fer2013' needs FER2013's own labels"):
        select(replace(made_dataset, emotions=np.full_like(emotions, 255)), "fer2013", "train")
    with pytest.raises(ProtocolError, match="'labels' needs published labels"):
        select(made_dataset, "labels", "train")


def test_labels_are_the_published_ones_over_the_classes_of_the_set(made_dataset: FerDataset) -> None:
    labels = np.full(len(made_dataset), 255, np.uint8)
    labels[[3, 60]] = 1, 0
    imported = replace(made_dataset, labels=labels, manifest={"classes": ["neutral", "happiness"]})
    selection = select(imported, "labels", "all")
    assert selection.indices.tolist() == [3, 60]
    assert selection.labels.tolist() == [1, 0]
    assert [str(label) for label in selection.classes] == ["neutral", "happiness"]


def test_the_rows_that_no_protocol_can_judge_are_named(made_dataset: FerDataset) -> None:
    assert missing_rows(made_dataset).tolist() == [94, 95]  # the last two training rows are not faces


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
        ("fer2013", (28559, 3579, 3573), (624, 874, 413, 588, 487, 55, 532, 0)),
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
