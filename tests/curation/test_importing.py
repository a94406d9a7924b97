"""What an import refuses, what it leaves out on request, and what it writes down."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from mien.cli.app import app
from mien.curation.importing import ImportOptions, import_dataset
from mien.data.dataset import open_dataset
from mien.data.summary import check_dataset, count_protocols
from mien.errors import ConfigError, DatasetFormatError, DatasetNotFoundError, StorageError
from tests.curation import trees

REPOSITORY = Path(__file__).parents[2]


def rewrite(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("layout", "damage", "message"),
    [
        ("folder", lambda r: trees.save(r / "train" / "boredom" / "x.png", 7), r"x\.png: label 'boredom' is none of"),
        ("folder", lambda r: trees.save(r / "alone.png", 7), r"alone\.png: lies in no folder of a class"),
        (
            "folder",
            lambda r: (r / "train" / "sad" / "im5.png").write_bytes(b"no picture"),
            r"im5\.png: .*not a picture",
        ),
        (
            "folder",
            lambda r: (r / "train" / "sad" / "im5.png").write_bytes((r / "train/sad/im5.png").read_bytes()[:300]),
            r"im5\.png: .*damaged",
        ),
    ],
)
def test_bad_folders_are_refused_with_the_file_or_left_out_and_counted(
    tmp_path: Path, layout: str, damage: Callable[[Path], object], message: str
) -> None:
    root = trees.fer2013_folders(tmp_path / "in")
    damage(root)
    with pytest.raises(DatasetFormatError, match=message):
        import_dataset(root, layout, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    dataset = import_dataset(root, layout, tmp_path / "out", options=ImportOptions(skip_bad=True))
    assert dataset.manifest["dropped"] == {"bad rows": 1}
    assert len(dataset) in {13, 14}


def test_folders_of_classes_are_searched_as_every_folder_is(tmp_path: Path) -> None:
    root = trees.fer2013_folders(tmp_path / "in")
    sad = root / "train" / "sad"
    for ending in (".GIF", ".jp2", ".ppm"):
        Image.fromarray(np.full((48, 48), 90 + len(ending), np.uint8)).save(sad / f"more{ending.lower()}")
        (sad / f"more{ending.lower()}").rename(sad / f"more{ending}")
    Image.fromarray(np.full((48, 48), 7, np.uint8)).save(sad / "no-ending", "PNG")
    for junk in ("@eaDir", ".thumbnails", "__MACOSX"):
        (sad / junk).mkdir()
        trees.save(sad / junk / "copy.png", 3)
    trees.save(sad / "._im5.png", 3)
    dataset = import_dataset(root, "folder", tmp_path / "out")
    assert dataset.names is not None
    found = {str(name) for name in dataset.names if "sad/" in str(name) and "im5" not in str(name)}
    assert found == {"train/sad/more.GIF", "train/sad/more.jp2", "train/sad/more.ppm", "train/sad/no-ending"}
    (sad / "phone.jxl").write_bytes(b"\xff\x0a")
    with pytest.raises(DatasetFormatError, match="left out 1 JPEG XL file"):
        import_dataset(root, "folder", tmp_path / "again")
    again = import_dataset(root, "folder", tmp_path / "again", options=ImportOptions(skip_bad=True))
    assert again.manifest["dropped"] == {"bad rows": 1}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("Gone_0001.jpg,302,neutral", r"legend\.csv:4: there is no file 'Gone_0001.jpg'"),
        ("Ann_Lee_0001.jpg,302,joy", r"legend\.csv:4: label 'joy' is none of"),
        ("Ann_Lee_0001.jpg", r"legend\.csv:4: expected 3 fields, found 1"),
        ("../Ann_Lee_0001.jpg,302,neutral", r"legend\.csv:4: .* is no path inside"),
        (f"{'x' * 5000}_0001.jpg,302,neutral", r"legend\.csv:4: there is no file"),
    ],
)
def test_bad_rows_of_a_list_are_refused_with_their_line(tmp_path: Path, row: str, message: str) -> None:
    root = trees.legend(tmp_path / "in", ("Ann_Lee_0001.jpg", "302", "happiness"), ("Bo_0001.jpg", "302", "neutral"))
    with (root / "legend.csv").open("a") as stream:
        stream.write(row + "\n")
    with pytest.raises(DatasetFormatError, match=message) as caught:
        import_dataset(root, "lfw", tmp_path / "out")
    assert len(str(caught.value)) < len(str(root)) + 400
    dataset = import_dataset(root, "lfw", tmp_path / "out", options=ImportOptions(skip_bad=True))
    assert len(dataset) == 2
    assert dataset.manifest["dropped"] == {"bad rows": 1}


def test_another_size_than_the_layout_has_is_refused(tmp_path: Path) -> None:
    trees.save(tmp_path / "in" / "happy" / "S010_004_00000017.png", 1, side=64)
    with pytest.raises(DatasetFormatError, match="has 64×64 pixels, this layout has 48×48"):
        import_dataset(tmp_path / "in", "ckplus48", tmp_path / "out")


def test_an_image_that_is_listed_twice_is_refused_where_images_have_one_label(tmp_path: Path) -> None:
    trees.save(tmp_path / "in" / "Image" / "aligned" / "train_00001_aligned.jpg", 1, side=100)
    (tmp_path / "in" / "list_patition_label.txt").write_text("train_00001.jpg 4\ntrain_00001.jpg 5\n")
    with pytest.raises(DatasetFormatError, match=r"label\.txt:2: train_00001\.jpg is listed a second time"):
        import_dataset(tmp_path / "in", "rafdb", tmp_path / "out")


def test_pictures_of_mixed_modes_become_the_same_gray(tmp_path: Path) -> None:
    gray = trees.picture(5)
    for mode in ("L", "RGB", "RGBA", "LA", "P"):
        path = tmp_path / "in" / "happy" / f"{mode}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        gray.convert(mode).save(path)
    deep = Image.fromarray(np.asarray(gray, np.uint16) * 257)
    deep.save(tmp_path / "in" / "happy" / "deep.png")
    images = import_dataset(tmp_path / "in", "folder", tmp_path / "out").images
    assert all((image[:, :, 0] == np.asarray(gray)).all() for image in images)


def test_labels_are_mapped_and_dropped_in_the_open(tmp_path: Path) -> None:
    for number, name in enumerate(("fury", "boredom", "happy")):
        trees.save(tmp_path / "in" / name / "0.png", number)
    options = ImportOptions(mapped={"Fury": "anger"}, dropped=("boredom",))
    dataset = import_dataset(tmp_path / "in", "folder", tmp_path / "out", options=options)
    assert [str(label) for label in dataset.classes] == ["happiness", "anger"]
    assert dataset.manifest["mapped"] == {"Fury": "anger"}
    assert dataset.manifest["labels_dropped"] == ["boredom"]
    with pytest.raises(ConfigError, match="'rage' is none of neutral"):
        import_dataset(tmp_path / "in", "folder", tmp_path / "out", options=ImportOptions(mapped={"fury": "rage"}))


def test_another_side_is_kept_and_checked(tmp_path: Path) -> None:
    root = trees.london(tmp_path / "in")
    options = ImportOptions(side=96, name="faces", license="mine", source="here")
    import_dataset(root, "london", tmp_path / "out", options=options)
    dataset = open_dataset(tmp_path / "out")
    assert dataset.side == 96
    assert (dataset.manifest["name"], dataset.manifest["license"], dataset.manifest["source"]) == (
        "faces",
        "mine",
        "here",
    )
    assert check_dataset(dataset).sound
    counts = {(count.protocol, count.split): count.rows for count in count_protocols(dataset)}
    assert counts["labels", "test"] == 8
    for side in (0, 5000):
        with pytest.raises(ConfigError, match=f"side is {side}, expected 8 to 512"):
            import_dataset(root, "london", tmp_path / "out", options=ImportOptions(side=side))


def test_faces_are_found_or_marked_as_not_found(tmp_path: Path) -> None:
    portrait = pytest.importorskip("skimage.data").astronaut()
    path = tmp_path / "in" / "happy" / "a.png"
    path.parent.mkdir(parents=True)
    Image.fromarray(portrait).save(path)
    trees.save(tmp_path / "in" / "happy" / "noise.png", 3)
    dataset = import_dataset(tmp_path / "in", "folder", tmp_path / "out", options=ImportOptions(crop="detected"))
    assert dataset.found is not None
    assert dataset.found.tolist() == [True, False]
    assert dataset.manifest["faces_not_found"] == 1
    assert (dataset.images[1, :, :, 0] == np.asarray(trees.picture(3))).all()
    whole = import_dataset(tmp_path / "in", "folder", tmp_path / "whole")
    assert (dataset.images[0] != whole.images[0]).mean() > 0.5


def test_absent_and_empty_sources_and_foreign_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="no such file or folder"):
        import_dataset(tmp_path / "nowhere", "folder", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetNotFoundError, match="no pictures below it"):
        import_dataset(tmp_path / "empty", "folder", tmp_path / "out")
    with pytest.raises(DatasetNotFoundError, match=r"legend\.csv or data/legend\.csv not found"):
        import_dataset(tmp_path / "empty", "lfw", tmp_path / "out")
    root = trees.fer2013_folders(tmp_path / "in")
    with pytest.raises(StorageError, match="holds something other than a prepared data set"):
        import_dataset(root, "folder", root)
    for pattern, message in (("(", "person pattern"), ("p", "has no group")):
        with pytest.raises(ConfigError, match=message):
            import_dataset(root, "folder", tmp_path / "out", options=ImportOptions(person_pattern=pattern))
    with pytest.raises(ConfigError, match="lfw defines its persons itself"):
        import_dataset(root, "lfw", tmp_path / "out", options=ImportOptions(person_pattern="(p)"))


def test_the_command_imports_shows_and_checks(tmp_path: Path) -> None:
    root = trees.london(tmp_path / "in")
    run = CliRunner().invoke
    out = str(tmp_path / "out")
    done = run(app, ["data", "import", str(root), "--layout", "london", "--out", out, "--source", "a\x1b[31m\nset"])
    assert done.exit_code == 0
    assert "8 faces (0 train, 0 validation, 8 test)" in done.output
    shown = run(app, ["data", "show", out])
    assert shown.exit_code == 0
    assert "CC BY 4.0" in shown.output
    assert r"source: a\x1b[31m\nset" in shown.output  # one line, no control characters
    assert "female" in shown.output
    checked = run(app, ["data", "check", out, "--json"])
    assert checked.exit_code == 0
    assert json.loads(checked.stdout)["sound"] is True
    with pytest.raises(ConfigError, match="expected OURS=THEIRS"):
        run(
            app, ["data", "import", str(root), "--layout", "london", "--out", out, "--map", "x"], catch_exceptions=False
        )
