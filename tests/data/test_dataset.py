"""The folder of a prepared data set: optional arrays, other sides, and what is refused when it is opened."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.data.dataset import FerDataset, open_dataset, open_unchanged, split_sha256, write_dataset
from mien.errors import ConfigError, DatasetFormatError


def imported(dataset: FerDataset) -> FerDataset:
    """The made data set as if it had been imported at another side."""
    count = len(dataset)
    groups = np.zeros(count, [("gender", "U8"), ("age", "U8")])
    groups["gender"][1] = "female"
    return replace(
        dataset,
        images=np.repeat(np.repeat(np.asarray(dataset.images), 2, 1), 2, 2),
        labels=np.zeros(count, np.uint8),
        names=np.array([f"é/{at}.png" for at in range(count)]),
        persons=np.array(["Ann"] * count),
        groups=groups,
        found=np.ones(count, np.bool_),
        manifest={**dataset.manifest, "classes": ["neutral", "happiness"]},
    )


def test_optional_arrays_and_another_side_come_back(tmp_path: Path, made_dataset: FerDataset) -> None:
    written = imported(made_dataset)
    write_dataset(written, tmp_path / "out")
    opened = open_dataset(tmp_path / "out")
    assert opened.side == 96
    assert [str(label) for label in opened.classes] == ["neutral", "happiness"]
    assert opened.group_names == ("gender", "age")
    for name in ("images", "labels", "names", "persons", "groups", "found"):
        assert (getattr(opened, name) == getattr(written, name)).all()
    assert split_sha256(opened, "test") == split_sha256(written, "test")


def test_the_hash_of_a_split_covers_persons_and_groups(made_dataset: FerDataset) -> None:
    first = imported(made_dataset)
    other = replace(first, persons=np.array(["Bob"] * len(first)))
    assert split_sha256(first, "test") != split_sha256(other, "test")


def test_a_set_of_votes_has_no_groups_and_all_classes(made_dataset: FerDataset) -> None:
    assert made_dataset.group_names == ()
    assert len(made_dataset.classes) == 8
    assert made_dataset.split_rows("all").size == len(made_dataset)
    with pytest.raises(ConfigError, match="no split 'exam'"):
        made_dataset.split_rows("exam")  # type: ignore[arg-type]


def save(name: str, array: np.ndarray) -> Callable[[Path], None]:
    return lambda folder: np.save(folder / f"{name}.npy", array)


def manifest(**changes: object) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        path = folder / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            save("images", np.zeros((158, 48, 48), np.uint8)),
            r"images\.npy: uint8 \(158, 48, 48\) is not the type or shape of images",
        ),
        (save("images", np.zeros((158, 48, 47, 1), np.uint8)), "is not the type or shape of images"),
        (save("votes", np.zeros((158, 8), np.uint8)), "is not the type or shape of votes"),
        (save("votes", np.zeros((158, 10), np.float64)), "is not the type or shape of votes"),
        (save("rows", np.array(3, np.int32)), "is not the type or shape of rows"),
        (save("splits", np.full(158, 7, np.uint8)), "a split 7, expected 0 to 2"),
        (save("groups", np.zeros(158, np.uint8)), "is not the type or shape of groups"),
        (lambda folder: np.save(folder / "names.npy", np.array([None] * 158)), r"names\.npy: cannot be read"),
        (save("names", np.full((158, 2), 0x110000, np.uint32).view("<U2")[:, 0]), "is not the type or shape of names"),
        (save("persons", np.full(158, "a", ">U1")), "is not the type or shape of persons"),
        (save("labels", np.full(158, 8, np.uint8)), "is not the type or shape of labels"),
        (lambda folder: (folder / "manifest.json").write_text("[" * 100_000), "not JSON"),
        (manifest(rows="many"), "rows has the wrong type"),
        (manifest(splits={"train": 3}), "splits has the wrong type"),
        (manifest(dropped=[1]), "dropped has the wrong type"),
        (manifest(classes=["bliss"]), "classes has the wrong type"),
    ],
)
def test_damaged_arrays_and_manifests_are_refused(
    tmp_path: Path, prepared: Path, damage: Callable[[Path], object], message: str
) -> None:
    shutil.copytree(prepared, tmp_path / "copy")
    damage(tmp_path / "copy")
    with pytest.raises(DatasetFormatError, match=message):
        open_dataset(tmp_path / "copy")


@pytest.mark.parametrize(
    ("name", "at"), [("images.npy", 0.5), ("images.npy", 0.999), ("votes.npy", 0.9), ("emotions.npy", 0.95)]
)
def test_a_flipped_byte_is_refused_before_numbers_are_made_from_it(
    prepared: Path, tmp_path: Path, name: str, at: float
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(prepared, folder)
    assert len(open_unchanged(folder, "all")) == len(open_dataset(prepared))
    content = bytearray((folder / name).read_bytes())
    content[int(len(content) * at)] ^= 1
    (folder / name).write_bytes(content)
    assert len(open_dataset(folder)) == len(open_dataset(prepared))  # which looks at no pixel
    with pytest.raises(DatasetFormatError, match=r"labels of .* differ from the hashes of the manifest"):
        open_unchanged(folder, "all")


def test_images_that_moved_to_another_split_are_refused(prepared: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(prepared, folder)
    splits = np.load(folder / "splits.npy")
    splits[np.flatnonzero(splits == 2)[0]] = 0  # a judged image among those that are learned from
    np.save(folder / "splits.npy", splits)
    with pytest.raises(DatasetFormatError, match="pixels, votes or labels of train differ from"):
        open_unchanged(folder, "train", "validation")


def test_a_folder_of_an_earlier_version_opens_and_parts_of_it_keep_their_hash(prepared: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(prepared, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    for entry in manifest["splits"].values():
        del entry["emotions_sha256"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    dataset = open_unchanged(folder, "all")
    part = dataset.take(np.arange(0, len(dataset), 2))
    assert [*part.manifest["splits"]["train"]] == ["rows", "sha256"]
    whole = open_unchanged(prepared, "all")
    assert [*whole.take(np.arange(9)).manifest["splits"]["train"]] == ["rows", "sha256", "emotions_sha256"]
