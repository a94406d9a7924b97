"""Every published layout as a small tree: labels, splits, persons, groups and boxes come out as published."""

from pathlib import Path

import numpy as np
import pytest

from mien.cli.curation import LAYOUT_NAMES
from mien.curation.importing import ImportOptions, import_dataset
from mien.curation.layouts import LAYOUTS, find_layout
from mien.curation.splits import part_of
from mien.data.dataset import FerDataset
from mien.data.protocols import select
from mien.data.splits import SPLITS
from mien.errors import ConfigError
from mien.expressions import FERPLUS_LABELS
from tests.curation import trees


def table(dataset: FerDataset) -> dict[str, tuple[str, str]]:
    """Name to (label, split)."""
    assert dataset.names is not None
    assert dataset.labels is not None
    return {
        str(name): ("" if label == 255 else str(FERPLUS_LABELS[label]), str(SPLITS[split]))
        for name, label, split in zip(dataset.names, dataset.labels, dataset.splits, strict=True)
    }


def test_the_command_lists_every_layout() -> None:
    assert tuple(LAYOUTS) == LAYOUT_NAMES
    assert all(find_layout(name).name == name for name in LAYOUTS)
    with pytest.raises(ConfigError, match="no layout 'rafd'"):
        find_layout("rafd")


def test_fer2013_folders_keep_their_pixels_splits_and_classes(tmp_path: Path) -> None:
    dataset = import_dataset(trees.fer2013_folders(tmp_path / "in"), "folder", tmp_path / "out")
    rows = table(dataset)
    assert rows["train/angry/im0.png"] == ("anger", "train")
    assert rows["test/surprise/im6.png"] == ("surprise", "test")
    assert [str(label) for label in dataset.classes] == [str(e) for e in FERPLUS_LABELS if e != "contempt"]
    at = list(rows).index("test/sad/im5.png")
    assert (dataset.images[at, :, :, 0] == np.asarray(trees.picture(105))).all()
    assert dataset.manifest["split_rule"] == {"as published": 14}


def test_an_image_folder_without_splits_goes_by_the_hash_of_its_pixels(tmp_path: Path) -> None:
    for number in range(30):
        trees.save(tmp_path / "in" / ("happy", "sad")[number % 2] / f"{number}.png", number)
    trees.save(tmp_path / "in" / "sad" / "copy.png", 0)
    dataset = import_dataset(tmp_path / "in", "folder", tmp_path / "out")
    expected = [("test", "validation", "train", "train", "train")[part_of(i.tobytes())] for i in dataset.images]
    rows = table(dataset)
    assert [split for _, split in rows.values()] == expected
    assert rows["sad/copy.png"][1] == rows["happy/0.png"][1]


def test_a_person_in_the_file_name_never_stands_in_two_splits(tmp_path: Path) -> None:
    for number in range(40):
        trees.save(tmp_path / "in" / ("happy", "sad")[number % 2] / f"p{number % 13}_{number}.png", number)
    dataset = import_dataset(
        tmp_path / "in", "folder", tmp_path / "out", options=ImportOptions(person_pattern=r"^(p\d+)_")
    )
    assert dataset.persons is not None
    splits: dict[str, set[int]] = {}
    for person, split in zip(dataset.persons.tolist(), dataset.splits.tolist(), strict=True):
        splits.setdefault(person, set()).add(split)
    assert len(splits) == 13
    assert all(len(found) == 1 for found in splits.values())
    assert len(set.union(*splits.values())) > 1


def test_ckplus48_has_subjects_and_no_neutral_face(tmp_path: Path) -> None:
    dataset = import_dataset(trees.ckplus(tmp_path / "in"), "ckplus48", tmp_path / "out")
    assert dataset.persons is not None
    assert dataset.persons.tolist() == [f"S{n + 10:03}" for n in range(7)]
    assert "neutral" not in [str(label) for label in dataset.classes]
    assert len(dataset.classes) == 7
    assert table(dataset)["happy/S014_004_00000017.png"][0] == "happiness"


def test_kdef_reads_sex_person_expression_and_angle_from_the_name(tmp_path: Path) -> None:
    dataset = import_dataset(trees.kdef(tmp_path / "in"), "kdef", tmp_path / "out")
    labels = [label for label, _ in table(dataset).values()]
    assert labels == ["fear", "anger", "neutral", "surprise"]
    assert dataset.groups is not None
    assert dataset.groups["gender"].tolist() == ["female", "female", "male", "male"]
    assert dataset.groups["angle"].tolist() == ["S", "HL", "S", "FR"]
    assert dataset.persons is not None
    assert dataset.persons.tolist() == ["F01", "F01", "M35", "M35"]


def test_london_has_groups_and_two_classes_and_is_judged_whole(tmp_path: Path) -> None:
    dataset = import_dataset(trees.london(tmp_path / "in"), "london", tmp_path / "out")
    assert [str(label) for label in dataset.classes] == ["neutral", "happiness"]
    assert len(select(dataset, "labels", "test").indices) == len(dataset) == 8
    assert dataset.group_names == ("age", "ethnicity", "gender")
    assert dataset.groups is not None
    assert dataset.groups["gender"][:2].tolist() == ["male", "female"]
    assert dataset.manifest["license"] == "CC BY 4.0"


LEGEND = (
    ("Ann_Lee_0001.jpg", "302", "Happiness"),
    ("Ann_Lee_0002.jpg", "302", "NEUTRAL"),
    ("Bo_0001.jpg", "a", "sadness"),
    ("Bo_0001.jpg", "b", "anger"),
    ("Bo_0001.jpg", "c", "anger"),
    ("Cy_0001.jpg", "a", "surprise"),
    ("Cy_0001.jpg", "b", "neutral"),
    ("Avinash_1.jpg", "x", "DISGUST"),
    ("HrithikRoshan_33.jpg", "x", "fear"),
)


def test_lfw_and_imfdb_are_told_apart_and_labels_of_several_become_votes(tmp_path: Path) -> None:
    lfw = import_dataset(trees.legend(tmp_path / "in", *LEGEND), "lfw", tmp_path / "lfw")
    labels = {name: label for name, (label, _) in table(lfw).items()}
    assert labels == {
        "Ann_Lee_0001.jpg": "happiness",
        "Ann_Lee_0002.jpg": "neutral",
        "Bo_0001.jpg": "anger",  # two of three
        "Cy_0001.jpg": "surprise",  # the first among equals
    }
    assert lfw.votes.sum(axis=1).tolist() == [1, 1, 3, 2]
    assert lfw.persons is not None
    assert lfw.persons.tolist() == ["Ann_Lee", "Ann_Lee", "Bo", "Cy"]
    parts = [("test", "validation", "train", "train", "train")[part_of(p.encode())] for p in lfw.persons.tolist()]
    assert [split for _, split in table(lfw).values()] == parts
    imfdb = import_dataset(tmp_path / "in", "imfdb", tmp_path / "imfdb")
    assert set(table(imfdb).values()) == {("disgust", "test"), ("fear", "test")}
    assert imfdb.persons is not None
    assert imfdb.persons.tolist() == ["Avinash", "HrithikRoshan"]


def test_rafdb_reads_its_list_and_its_aligned_pictures(tmp_path: Path) -> None:
    dataset = import_dataset(trees.rafdb(tmp_path / "in"), "rafdb", tmp_path / "out")
    order = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")  # 1 to 7
    assert [label for label, _ in table(dataset).values()] == list(order)
    assert [split for _, split in table(dataset).values()] == ["train"] * 5 + ["test"] * 2


AFFECTNET = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")


def test_affectnet_reads_both_lists_and_cuts_the_published_box(tmp_path: Path) -> None:
    root = trees.affectnet(tmp_path / "in", labels=11)
    options = ImportOptions(mapped={"9": "unknown"}, dropped=("8", "10"))
    dataset = import_dataset(root, "affectnet", tmp_path / "out", options=options)
    rows_read = table(dataset)
    assert [label for label, _ in rows_read.values()] == [*AFFECTNET, ""]  # uncertain is none of the eight
    assert rows_read["1/9.jpg"] == ("", "validation")
    assert dataset.votes[-1].tolist() == [0] * 8 + [1, 0]
    assert dataset.manifest["dropped"] == {"label dropped": 2}
    expected = np.asarray(trees.picture(0, 90))[20:68, 10:58]
    assert (dataset.images[0, :, :, 0] == expected).all()


def test_affectnet_as_its_two_archives_unpack_and_faces_without_a_box(tmp_path: Path) -> None:
    root = trees.affectnet(tmp_path / "in")
    (root / "Manually_Annotated").mkdir()
    (root / "Manually_Annotated_Images").rename(root / "Manually_Annotated" / "Manually_Annotated_Images")
    (root / "Manually_Annotated_file_lists").mkdir()
    for name in ("training.csv", "validation.csv"):
        (root / name).rename(root / "Manually_Annotated_file_lists" / name)
    listing = root / "Manually_Annotated_file_lists" / "validation.csv"
    listing.write_text(listing.read_text().replace("10,20,48,48", "NULL,NULL,NULL,NULL", 1))
    dataset = import_dataset(root, "affectnet", tmp_path / "out")
    assert [label for label, _ in table(dataset).values()] == list(AFFECTNET)
    whole = import_dataset(
        root / "Manually_Annotated" / "Manually_Annotated_Images", "folder", tmp_path / "whole",
        options=ImportOptions(mapped={"1": "anger"}),
    )  # fmt: skip
    assert (dataset.images[6] == whole.images[6]).all()  # the picture as it is
    assert (dataset.images[7] != whole.images[7]).any()


def test_affectnet_as_arrays(tmp_path: Path) -> None:
    rows = table(import_dataset(trees.affectnet_npy(tmp_path / "in"), "affectnet-npy", tmp_path / "out"))
    assert [label for label, _ in rows.values()] == [*AFFECTNET[:3], *AFFECTNET[5:8]]
    assert rows["val_set/images/2.jpg"] == ("contempt", "validation")


def test_expw_has_several_faces_a_picture_with_boxes_top_first(tmp_path: Path) -> None:
    dataset = import_dataset(trees.expw(tmp_path / "in"), "expw", tmp_path / "out")
    assert table(dataset)["crowd.jpg#0"][0] == "happiness"
    assert table(dataset)["crowd.jpg#1"][0] == "neutral"
    # top 10, left 20, right 68, bottom 58: 48 pixels either way
    assert (dataset.images[0, :, :, 0] == np.asarray(trees.picture(1, 120))[10:58, 20:68]).all()


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_hugging_face_folders_with_metadata(tmp_path: Path, form: str) -> None:
    rows = table(import_dataset(trees.image_folder(tmp_path / "in", form), "huggingface", tmp_path / "out"))
    assert rows == {
        "test/a.png": ("neutral", "test"),
        "train/a.png": ("happiness", "train"),
        "train/sub/b.png": ("anger", "train"),
    }


def test_parquet_with_the_names_of_its_numbers(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    dataset = import_dataset(trees.parquet(tmp_path / "in"), "parquet", tmp_path / "out")
    assert list(table(dataset).values()) == [
        (n, "validation") for n in ("sadness", "happiness", "happiness", "sadness")
    ]
    assert (dataset.images[2, :, :, 0] == np.asarray(trees.picture(2))).all()


def test_a_generic_table_with_labels_splits_persons_and_groups(tmp_path: Path) -> None:
    for number in range(3):
        trees.save(tmp_path / "in" / f"{number}.png", number)
    trees.write_csv(
        tmp_path / "in" / "list.csv",
        ("path", "label", "Split", "Subject", "sex"),
        ("0.png", "Angry", "val", "p1", "f"),
        ("1.png", "sad", "Training", "p2", ""),
        ("2.png", "sad", "", "p3", "m"),
        ("0.png", "disgust", "val", "p1", "f"),
    )
    dataset = import_dataset(tmp_path / "in", "csv", tmp_path / "out")
    rows = table(dataset)
    assert rows["0.png"] == ("anger", "validation")
    assert rows["1.png"] == ("sadness", "train")
    assert dataset.votes[0].tolist() == [0, 0, 0, 0, 1, 1, 0, 0, 0, 0]
    assert dataset.groups is not None
    assert dataset.groups["gender"].tolist() == ["f", "", "m"]


def test_a_table_of_votes_and_one_of_probabilities(tmp_path: Path) -> None:
    for number in range(2):
        trees.save(tmp_path / "in" / f"{number}.png", number)
    votes = trees.write_csv(
        tmp_path / "in" / "votes.csv",
        ("path", "neutral", "happy", "contempt", "NF"),
        ("0.png", 3, 6, 0, 1),
        ("1.png", 0, 0, 10, 0),
    )
    options = ImportOptions(mapped={"nf": "NF"})
    dataset = import_dataset(votes, "csv", tmp_path / "out", options=options)
    assert dataset.votes.tolist() == [[3, 6, 0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0, 10, 0, 0]]
    shares = trees.write_csv(
        tmp_path / "in" / "shares.csv",
        ("path", "neutral", "happy", "sad"),
        ("0.png", 1 / 3, 1 / 3, 1 / 3),
        ("1.png", 0, 1, 0),
    )
    dataset = import_dataset(shares, "csv", tmp_path / "out")
    assert dataset.votes.tolist() == [[34, 33, 0, 33, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0, 0, 0, 0]]
