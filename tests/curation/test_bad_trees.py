"""Every reader on every kind of bad tree: refused with file and row, or left out and counted with ``--skip-bad``."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mien.curation.importing import ImportOptions, import_dataset
from mien.curation.layouts import LAYOUTS
from mien.errors import DatasetFormatError
from tests.curation import trees

LEGEND = (("An_Lee_0001.jpg", "302", "happiness"), ("Bo_0001.jpg", "302", "neutral"), ("Avinash_1.jpg", "x", "DISGUST"))
GOOD: dict[str, Callable[[Path], Path]] = {
    "folder": trees.fer2013_folders,
    "ckplus48": trees.ckplus,
    "kdef": trees.kdef,
    "lfw": lambda root: trees.legend(root, *LEGEND),
    "imfdb": lambda root: trees.legend(root, *LEGEND),
    "london": trees.london,
    "rafdb": trees.rafdb,
    "affectnet": trees.affectnet,
    "affectnet-npy": trees.affectnet_npy,
    "expw": trees.expw,
    "huggingface": trees.image_folder,
    "parquet": trees.parquet,
    "csv": trees.table,
}


@dataclass(frozen=True)
class Fault:
    """What makes a good tree bad.

    Attributes:
        layout: Whose tree.
        kind: Of bad tree.
        damage: Does it.
        message: Regular expression that names the file, and the row where there is one.
        lost: How many good images the fault takes with it.
    """

    layout: str
    kind: str
    damage: Callable[[Path], object]
    message: str
    lost: int = 0


def add_line(name: str, line: str) -> Callable[[Path], object]:
    def append(root: Path) -> None:
        with (root / name).open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    return append


def cut_off(name: str, to: int = 300) -> Callable[[Path], object]:
    return lambda root: (root / name).write_bytes((root / name).read_bytes()[:to])


def add_array(root: Path, content: object, side: int = 224) -> None:
    """One more face of AffectNet's arrays, with any content as its label."""
    trees.save(root / "val_set" / "images" / "9.jpg", 9, side=side)
    np.save(root / "val_set" / "annotations" / "9_exp.npy", np.array(content))


def add_parquet(content: bytes | None, label: int | None) -> Callable[[Path], object]:
    return lambda root: trees.parquet(root, (content, label))


LIST, EXPW = "EmoLabel/list_patition_label.txt", "label/label.lst"
FAULTS = (
    Fault("folder", "unknown label", lambda r: trees.save(r / "train/boredom/x.png", 7), r"x\.png: label 'boredom' is"),
    Fault("folder", "no class", lambda r: trees.save(r / "alone.png", 7), r"alone\.png: lies in no folder of a class"),
    Fault("folder", "damaged", cut_off("train/sad/im5.png"), r"im5\.png: .*damaged", 1),
    Fault("folder", "no picture", cut_off("train/sad/im5.png", 0), r"in/train/sad/im5\.png: not a picture", 1),
    Fault("ckplus48", "unknown label", lambda r: trees.save(r / "neutral/S1.png", 7), r"S1\.png: label 'neutral' is"),
    Fault("ckplus48", "size", lambda r: trees.save(r / "happy/S1.png", 7, 64), r"S1\.png: .* has 64×64 pixels"),
    Fault("ckplus48", "damaged", cut_off("anger/S010_004_00000017.png"), r"00017\.png: .*damaged", 1),
    Fault("kdef", "unknown label", lambda r: trees.save(r / "AF01XXS.JPG", 7), r"AF01XXS\.JPG: not a KDEF name"),
    Fault("kdef", "damaged", cut_off("AF01/AF01AFS.JPG"), r"AF01AFS\.JPG: .*damaged", 1),
    *(
        fault
        for layout, name in (("lfw", "Gone_0001.jpg"), ("imfdb", "Gone_1.jpg"))
        for fault in (
            Fault(layout, "missing file", add_line("legend.csv", f"{name},1,anger"), rf"csv:5: .* no file '{name}'"),
            Fault(layout, "short row", add_line("legend.csv", name), r"legend\.csv:5: expected 3 fields, found 1"),
            Fault(layout, "outside", add_line("legend.csv", f"../{name},1,anger"), r"legend\.csv:5: .* no path inside"),
        )
    ),
    Fault("lfw", "unknown label", add_line("legend.csv", "Bo_0001.jpg,1,joy"), r"legend\.csv:5: label 'joy' is none"),
    Fault("imfdb", "unknown label", add_line("legend.csv", "Avinash_1.jpg,1,emotion"), r"csv:5: label 'emotion' is"),
    Fault("lfw", "damaged", cut_off("images/Bo_0001.jpg"), r"legend\.csv:3: .*damaged", 1),
    Fault("london", "no row", lambda r: trees.save(r / "neutral/099_03.jpg", 7), r"099_03\.jpg: .* no face_id '099'"),
    Fault("london", "short row", add_line("london_info.csv", "077,30"), r"info\.csv:6: expected 4 fields, found 2"),
    Fault("london", "damaged", cut_off("smiling/001_08.jpg"), r"001_08\.jpg: .*damaged", 1),
    Fault("rafdb", "missing file", add_line(LIST, "test_9999.jpg 4"), r"label\.txt:8: there is no picture of 'test_99"),
    Fault("rafdb", "unknown label", add_line(LIST, "test_0001.jpg 8"), r"label\.txt:8: label '8' is none of"),
    Fault("rafdb", "bad row", add_line(LIST, "test_0001.jpg four 4"), r"label\.txt:8: expected a name such as"),
    Fault("rafdb", "bad split", add_line(LIST, "val_0001.jpg 4"), r"label\.txt:8: expected a name such as train_"),
    Fault("rafdb", "twice", add_line(LIST, "test_0001.jpg 4"), r"label\.txt:8: test_0001\.jpg is listed a second"),
    Fault("rafdb", "damaged", cut_off("Image/aligned/test_0001_aligned.jpg"), r"label\.txt:6: .*damaged", 1),
    Fault("affectnet", "missing file", add_line("training.csv", "1/x.jpg,1,1,9,9,,0,0,0"), r"csv:8: .*'1/x\.jpg'"),
    Fault("affectnet", "unknown label", add_line("training.csv", "1/0.jpg,1,1,9,9,,11,0,0"), r"csv:8: label '11' is"),
    Fault("affectnet", "none of the eight", add_line("training.csv", "1/0.jpg,1,1,9,9,,9,0,0"), r"csv:8: label '9' is"),
    Fault("affectnet", "short row", add_line("training.csv", "1/0.jpg,1,1"), r"csv:8: expected 9 fields, found 3"),
    Fault("affectnet", "bad box", add_line("training.csv", "1/0.jpg,a,1,9,9,,0,0,0"), r"csv:8: box 'a 1 9 9', exp"),
    Fault("affectnet", "twice", add_line("training.csv", "1/0.jpg,1,1,9,9,,0,0,0"), r"csv:8: 1/0\.jpg is listed a sec"),
    Fault("affectnet", "damaged", cut_off("Manually_Annotated_Images/1/3.jpg"), r"training\.csv:5: .*damaged", 1),
    Fault("affectnet-npy", "unknown label", lambda r: add_array(r, "11"), r"9_exp\.npy: label '11' is none of"),
    Fault("affectnet-npy", "size", lambda r: add_array(r, "1", side=64), r"9_exp\.npy: .* has 64×64 pixels, .*224"),
    Fault("affectnet-npy", "two values", lambda r: add_array(r, [1, 2]), r"9_exp\.npy: 2 values, expected one number"),
    Fault("affectnet-npy", "large", lambda r: add_array(r, ["1"] * 9999), r"9_exp\.npy: more than 4096 bytes"),
    Fault("affectnet-npy", "pickle", lambda r: add_array(r, {"a": 1}), r"9_exp\.npy: cannot be read"),
    Fault("affectnet-npy", "damaged array", cut_off("val_set/annotations/0_exp.npy", 20), r"0_exp\.npy: cannot be", 1),
    Fault("affectnet-npy", "missing file", lambda r: (r / "val_set/images/0.jpg").unlink(), r"exp\.npy: there is", 1),
    Fault("affectnet-npy", "damaged", cut_off("val_set/images/0.jpg"), r"0_exp\.npy: .*damaged", 1),
    Fault("expw", "missing file", add_line(EXPW, "x.jpg 0 10 20 68 58 98 3"), r"label\.lst:3: .*'x\.jpg'"),
    Fault("expw", "unknown label", add_line(EXPW, "crowd.jpg 2 10 20 68 58 98 7"), r"label\.lst:3: label '7' is none"),
    Fault("expw", "short row", add_line(EXPW, "crowd.jpg 2 10"), r"label\.lst:3: expected 8 fields, found 3"),
    Fault("expw", "no area", add_line(EXPW, "crowd.jpg 2 10 68 20 58 98 3"), r"label\.lst:3: box .* has no area"),
    Fault("expw", "box outside", add_line(EXPW, "crowd.jpg 2 500 500 600 600 98 3"), r"lst:3: the box lies outside"),
    Fault("expw", "twice", add_line(EXPW, "crowd.jpg 1 10 20 68 58 98 3"), r"lst:3: crowd\.jpg#1 is listed a second"),
    Fault("huggingface", "missing file", add_line("train/metadata.jsonl", '{"file_name": "x.png", "label": "sad"}'),
          r"metadata\.jsonl:3: there is no file 'x\.png'"),
    Fault("huggingface", "unknown label", add_line("train/metadata.jsonl", '{"file_name": "a.png", "label": "odd"}'),
          r"metadata\.jsonl:3: label 'odd' is none of"),
    Fault("huggingface", "no label", add_line("train/metadata.jsonl", '{"file_name": "a.png"}'),
          r"metadata\.jsonl:3: no label and no votes"),
    Fault("huggingface", "no name", add_line("train/metadata.jsonl", '{"label": "sad"}'), r"jsonl:3: no value for"),
    Fault("huggingface", "not JSON", add_line("train/metadata.jsonl", '{"file_name": '), r"jsonl:3: not JSON"),
    Fault("huggingface", "no object", add_line("train/metadata.jsonl", "[1]"), r"jsonl:3: expected an object, found"),
    Fault("huggingface", "twice", add_line("train/metadata.jsonl", '{"file_name": "a.png", "label": "sad"}'),
          r"metadata\.jsonl:3: train/a\.png is listed a second time"),
    Fault("huggingface", "damaged", cut_off("test/a.png"), r"test/metadata\.jsonl:1: .*damaged", 1),
    Fault("parquet", "no picture", add_parquet(b"GIF89a", 0), r"parquet: row 4: .*(picture|damaged)"),
    Fault("parquet", "no bytes", add_parquet(None, 0), r"parquet: row 4: no bytes of a picture, or no label"),
    Fault("parquet", "no label", add_parquet(b"x", None), r"parquet: row 4: no bytes of a picture, or no label"),
    Fault("parquet", "unknown label", add_parquet(b"x", 5), r"parquet: row 4: label '5' is none of"),
    Fault("csv", "missing file", add_line("list.csv", "x.png,sad,,"), r"list\.csv:5: there is no file 'x\.png'"),
    Fault("csv", "unknown label", add_line("list.csv", "1.png,odd,,"), r"list\.csv:5: label 'odd' is none of"),
    Fault("csv", "no label", add_line("list.csv", "1.png,,,"), r"list\.csv:5: no label"),
    Fault("csv", "short row", add_line("list.csv", "1.png,sad"), r"list\.csv:5: expected 4 fields, found 2"),
    Fault("csv", "bad split", add_line("list.csv", "1.png,sad,part 3,"), r"list\.csv:5: split is 'part 3', expected"),
    Fault("csv", "outside", add_line("list.csv", "/etc/passwd,sad,,"), r"list\.csv:5: .* is no path inside"),
    Fault("csv", "damaged", cut_off("2.png"), r"list\.csv:4: .*damaged", 1),
)  # fmt: skip


def test_every_layout_has_its_good_tree_and_its_bad_ones() -> None:
    assert set(GOOD) == set(LAYOUTS)
    for layout in LAYOUTS:
        kinds = {fault.kind for fault in FAULTS if fault.layout == layout}
        assert len(kinds) >= 2, layout
        assert kinds & {"unknown label", "no row"}, layout


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.layout}-{fault.kind}")
def test_a_bad_tree_is_refused_with_its_place_or_left_out_and_counted(tmp_path: Path, fault: Fault) -> None:
    if fault.layout == "parquet":
        pytest.importorskip("pyarrow")
    root = GOOD[fault.layout](tmp_path / "in")
    good = len(import_dataset(root, fault.layout, tmp_path / "good"))
    fault.damage(root)
    with pytest.raises(DatasetFormatError, match=fault.message) as caught:
        import_dataset(root, fault.layout, tmp_path / "out")
    assert len(str(caught.value)) < 2 * len(str(root)) + 400
    assert not (tmp_path / "out").exists()
    dataset = import_dataset(root, fault.layout, tmp_path / "out", options=ImportOptions(skip_bad=True))
    assert len(dataset) == good - fault.lost
    assert dataset.manifest["dropped"] == {"bad rows": 1}


@pytest.mark.parametrize("layout", sorted(set(LAYOUTS) - {"parquet"}))
def test_pictures_of_mixed_modes_become_the_same_gray_by_every_reader(tmp_path: Path, layout: str) -> None:
    root = GOOD[layout](tmp_path / "in")
    expected = np.asarray(import_dataset(root, layout, tmp_path / "gray").images)
    modes = ("RGB", "RGBA", "P", "LA")
    for number, path in enumerate(sorted(p for p in root.rglob("*") if p.suffix.lower() in {".png", ".jpg"})):
        trees.in_mode(path, modes[number % len(modes)])
    assert (import_dataset(root, layout, tmp_path / "mixed").images == expected).all()
