import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from mien.data.dataset import FerDataset, open_dataset
from mien.data.plots import plot_distribution, plot_faces
from mien.data.summary import check_dataset, count_protocols, duplicate_groups
from mien.render.plots import save_plot


def test_duplicates_are_found_inside_and_across_splits(made_dataset: FerDataset) -> None:
    result = check_dataset(made_dataset)
    assert result.sound
    assert result.leaked == {"train": 0, "validation": 1, "test": 1}
    assert result.inside == {"train": 0, "validation": 0, "test": 0}
    assert [group.splits for group in result.duplicates] == [("train", "validation", "test")]
    assert result.dropped == {"not a face": 2, "no vote for an expression": 0}


def test_an_image_may_stand_earlier_both_in_its_split_and_in_another(made_dataset: FerDataset) -> None:
    images = np.array(made_dataset.images)
    train, validation = (made_dataset.split_rows(split) for split in ("train", "validation"))
    images[validation[4:6]] = images[train[7]]
    images[train[8]] = images[train[7]]
    result = check_dataset(replace(made_dataset, images=images))
    assert result.leaked == {"train": 0, "validation": 3, "test": 1}
    assert result.inside == {"train": 1, "validation": 1, "test": 0}


def test_groups_agree_with_comparing_every_pair() -> None:
    images = np.random.default_rng(0).integers(0, 2, (40, 2, 2, 1), dtype=np.uint8)
    expected = {tuple(np.flatnonzero([(a == b).all() for b in images])) for a in images}
    assert {tuple(group) for group in duplicate_groups(images)} == {g for g in expected if len(g) > 1}


def test_a_changed_pixel_is_noticed(tmp_path: Path, prepared: Path) -> None:
    shutil.copytree(prepared, tmp_path / "copy")
    images = np.load(tmp_path / "copy" / "images.npy")
    images[-1, 3, 3, 0] ^= 1
    np.save(tmp_path / "copy" / "images.npy", images)
    result = check_dataset(open_dataset(tmp_path / "copy"))
    assert not result.sound
    assert result.damaged_splits == ("test",)


def test_counts_add_up(made_dataset: FerDataset) -> None:
    counts = {(c.protocol, c.split): c for c in count_protocols(made_dataset)}
    assert counts["votes", "train"].rows == 94
    assert all(sum(count.per_class.values()) == count.rows for count in counts.values())


def test_pictures_are_drawn(tmp_path: Path, made_dataset: FerDataset) -> None:
    save_plot(plot_distribution(made_dataset), tmp_path / "distribution.png")
    save_plot(plot_faces(made_dataset, per_class=3), tmp_path / "faces.png")
    for name in ("distribution.png", "faces.png"):
        with Image.open(tmp_path / name) as picture:
            gray = np.asarray(picture.convert("L"))
        assert gray.min() < 100
        assert gray.max() > 200
