import csv
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.data.dataset import FerDataset, open_dataset
from mien.data.ferplus import VOTE_COLUMNS, read_ferplus, read_label_folder
from mien.data.prepare import prepare
from mien.errors import DatasetFormatError, DatasetNotFoundError, StorageError
from tests.made import write_fer_files


def test_images_votes_and_splits_are_those_of_the_files(fer_files: Path, made_dataset: FerDataset) -> None:
    with (fer_files / "fer2013.csv").open() as stream:
        pixel_rows = list(csv.DictReader(stream))
    with (fer_files / "fer2013new.csv").open() as stream:
        vote_rows = list(csv.DictReader(stream))
    assert len(made_dataset) == len(pixel_rows) - 2
    for position in (0, 50, 93, 94, 130, len(made_dataset) - 1):
        row = int(made_dataset.rows[position])
        expected = np.array(pixel_rows[row]["pixels"].split(), int).reshape(48, 48, 1)
        assert (made_dataset.images[position] == expected).all()
        assert made_dataset.votes[position].tolist() == [int(vote_rows[row][name]) for name in VOTE_COLUMNS]
    assert made_dataset.manifest["dropped"] == {"not a face": 2, "no vote for an expression": 0}
    assert [made_dataset.split_rows(s).size for s in ("train", "validation", "test")] == [94, 32, 32]


def test_the_second_panel_lies_at_the_rows_of_its_names(made_dataset: FerDataset) -> None:
    assert made_dataset.panel_votes is not None
    differ = np.flatnonzero((made_dataset.panel_votes != made_dataset.votes).any(axis=1))
    assert differ.tolist() == [made_dataset.split_rows("validation")[1]]
    assert made_dataset.panel_votes[differ[0]].tolist() == [0, 0, 0, 9, 0, 0, 0, 0, 1, 0]


def test_a_name_that_stands_twice_belongs_to_the_nearest_row_after_its_number(tmp_path: Path) -> None:
    write_fer_files(tmp_path)
    edit(tmp_path / "fer2013new.csv", lambda rows: rows[6].__setitem__(1, rows[40][1]))
    edit(tmp_path / "label_train.csv", lambda rows: rows.pop(5))
    edit(tmp_path / "label_train.csv", lambda rows: rows[38].__setitem__(slice(2, None), ["0"] * 7 + ["10", "0", "0"]))
    dataset = prepare(tmp_path / "fer2013.csv", tmp_path / "fer2013new.csv", out=tmp_path / "out", labels=tmp_path)
    assert dataset.panel_votes is not None
    assert dataset.panel_votes[39].tolist() == [0] * 7 + [10, 0, 0]
    assert dataset.panel_votes[5].tolist() == [0] * 10


def test_opening_maps_the_pixels_and_does_not_read_them(prepared: Path) -> None:
    images = open_dataset(prepared).images
    assert isinstance(images, np.memmap)
    assert not images.flags.writeable


def test_the_manifest_names_the_sources_by_their_hashes(fer_files: Path, made_dataset: FerDataset) -> None:
    for key, name in (("fer2013", "fer2013.csv"), ("ferplus", "fer2013new.csv")):
        expected = hashlib.sha256((fer_files / name).read_bytes()).hexdigest()
        assert made_dataset.manifest["sources"][key] == expected


def test_the_folder_of_pictures_gives_the_same_pixels_and_votes(tmp_path: Path, made_dataset: FerDataset) -> None:
    source = write_fer_files(tmp_path / "files")
    panel = read_label_folder(source)
    for split, (folder, label) in enumerate(
        (("FER2013Train", "label_train.csv"), ("FER2013Valid", "label_valid.csv"), ("FER2013Test", "label_test.csv"))
    ):
        (tmp_path / "png" / folder).mkdir(parents=True)
        shutil.copy(source / label, tmp_path / "png" / folder / "label.csv")
        positions = made_dataset.split_rows(("train", "validation", "test")[split])
        for number, position in zip(panel.numbers[panel.splits == split], positions, strict=True):
            picture = Image.fromarray(np.asarray(made_dataset.images[position, :, :, 0]))
            picture.save(tmp_path / "png" / folder / f"fer{number:07d}.png")
    both = prepare(tmp_path / "png", source / "fer2013new.csv", out=tmp_path / "both")
    assert (both.images == made_dataset.images).all()
    assert (both.votes == made_dataset.votes).all()
    assert both.panel_votes is not None
    assert (both.panel_votes == made_dataset.panel_votes).all()
    alone = prepare(tmp_path / "png", None, out=tmp_path / "alone")
    assert (alone.votes == made_dataset.panel_votes).all()


def edit(path: Path, change: Callable[[list[list[str]]], object]) -> None:
    with path.open() as stream:
        rows = list(csv.reader(stream))
    change(rows)
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("fer2013new.csv", lambda rows: rows.pop(), "has 160 rows, .* has 159"),
        ("fer2013new.csv", lambda rows: rows[5].__setitem__(0, "PublicTest"), "row 6: Usage is Training in"),
        ("fer2013new.csv", lambda rows: rows[5].__setitem__(0, "Exam"), "fer2013new.csv:6: Usage is 'Exam'"),
        ("fer2013new.csv", lambda rows: rows[5].__setitem__(3, "-1"), "fer2013new.csv:6: happiness is '-1'"),
        ("fer2013new.csv", lambda rows: rows[5].__setitem__(3, "two"), "fer2013new.csv:6: happiness is 'two'"),
        ("fer2013new.csv", lambda rows: rows[5].__setitem__(3, "²"), "fer2013new.csv:6: happiness is '²'"),
        ("fer2013new.csv", lambda rows: rows[0].__setitem__(4, "joy"), "fer2013new.csv:1: no column surprise"),
        ("fer2013new.csv", lambda rows: rows[5].__delitem__(slice(6, None)), "6: expected 12 fields, found 6"),
        ("fer2013new.csv", lambda rows: rows[5].__setitem__(1, "me.jpg"), "6: image name is 'me.jpg'"),
        ("fer2013new.csv", lambda rows: rows.clear(), "empty file"),
        ("label_train.csv", lambda rows: rows[3].pop(), "label_train.csv:4: expected 12 fields"),
        ("label_train.csv", lambda rows: rows[3].__setitem__(0, "fer9999999.png"), "name fer9999999.png"),
        ("label_test.csv", lambda rows: rows[0].__setitem__(0, "fer0000003.png"), "into another split"),
        ("label_test.csv", lambda rows: rows.clear(), "label_test.csv: empty file"),
    ],
)
def test_a_fault_is_named_and_nothing_half_written_stays(
    tmp_path: Path, file: str, change: Callable[[list[list[str]]], object], message: str
) -> None:
    source = write_fer_files(tmp_path / "files")
    edit(source / file, change)
    with pytest.raises(DatasetFormatError, match=message):
        prepare(source / "fer2013.csv", source / "fer2013new.csv", out=tmp_path / "out" / "data", labels=source)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_votes_with_mark_crlf_and_other_column_order_read_the_same(tmp_path: Path) -> None:
    source = write_fer_files(tmp_path)
    plain = read_ferplus(source / "fer2013new.csv")
    with (source / "fer2013new.csv").open() as stream:
        rows = [list(reversed(row)) for row in csv.reader(stream)]
    text = "\r\n".join(",".join(row) for row in rows) + "\r\n"
    (source / "odd.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    odd = read_ferplus(source / "odd.csv")
    assert (odd.votes == plain.votes).all()
    assert (odd.numbers == plain.numbers).all()


def test_missing_label_files_are_named(tmp_path: Path, fer_files: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"label_train.csv, label_valid.csv, label_test.csv not found"):
        prepare(fer_files / "fer2013.csv", fer_files / "fer2013new.csv", out=tmp_path / "out", labels=tmp_path)


def test_an_older_data_set_survives_a_failed_preparation(tmp_path: Path) -> None:
    source = write_fer_files(tmp_path / "files")
    prepare(source / "fer2013.csv", source / "fer2013new.csv", out=tmp_path / "out")
    before = open_dataset(tmp_path / "out").manifest
    edit(source / "fer2013new.csv", lambda rows: rows.pop())
    with pytest.raises(DatasetFormatError, match="rows"):
        prepare(source / "fer2013.csv", source / "fer2013new.csv", out=tmp_path / "out")
    assert open_dataset(tmp_path / "out").manifest == before


def test_a_folder_of_something_else_is_not_replaced(tmp_path: Path) -> None:
    sources = write_fer_files(tmp_path / "sources")
    before = sorted(sources.iterdir())
    with pytest.raises(StorageError, match="holds something other than a prepared data set"):
        prepare(sources / "fer2013.csv", sources / "fer2013new.csv", out=sources)
    assert sorted(sources.iterdir()) == before
    site = tmp_path / "site"
    site.mkdir()
    for name in ("manifest.json", "index.html"):
        (site / name).write_text("{}")
    with pytest.raises(StorageError, match="holds something other than a prepared data set"):
        prepare(sources / "fer2013.csv", sources / "fer2013new.csv", out=site)
    assert sorted(path.name for path in site.iterdir()) == ["index.html", "manifest.json"]
    (tmp_path / "empty").mkdir()
    assert prepare(sources / "fer2013.csv", sources / "fer2013new.csv", out=tmp_path / "empty")


def test_a_place_that_cannot_be_written_is_a_storage_error(tmp_path: Path, fer_files: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot write"):
        prepare(fer_files / "fer2013.csv", fer_files / "fer2013new.csv", out=tmp_path / "file" / "data")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "manifest.json").write_text("{"), "not JSON"),
        (lambda folder: (folder / "manifest.json").write_text('{"schema": 99}'), "layout 99"),
        (lambda folder: (folder / "manifest.json").write_text("[]"), "layout None"),
        (lambda folder: (folder / "manifest.json").write_text('{"schema": 1, "rows": 1}'), "lacks dropped, splits"),
        (lambda folder: (folder / "images.npy").write_bytes(b"\x93NUMPY"), r"images\.npy: cannot be read"),
        (lambda folder: np.save(folder / "votes.npy", np.zeros((3, 10), np.uint8)), "3 rows, the manifest says 158"),
    ],
)
def test_a_damaged_data_set_is_refused(
    tmp_path: Path, prepared: Path, damage: Callable[[Path], object], message: str
) -> None:
    shutil.copytree(prepared, tmp_path / "copy")
    damage(tmp_path / "copy")
    with pytest.raises(DatasetFormatError, match=message):
        open_dataset(tmp_path / "copy")


def test_a_folder_without_a_data_set_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="no prepared data set here"):
        open_dataset(tmp_path)
