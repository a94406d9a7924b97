"""Small trees in the published layouts, with pictures made from a number so that a test can tell them apart."""

import csv
import json
from pathlib import Path

import numpy as np
from PIL import Image


def picture(number: int, side: int = 48) -> Image.Image:
    """A gray picture that no other number gives."""
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, (side, side), np.uint8))


def save(path: Path, number: int, side: int = 48) -> Path:
    """Write :func:`picture` without loss, whatever the ending of ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        picture(number, side).save(stream, "PNG")
    return path


def write_csv(path: Path, *rows: tuple[object, ...]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return path


def fer2013_folders(root: Path) -> Path:
    """The image form of FER2013: train and test, seven folders each, one picture in each."""
    for split in ("train", "test"):
        for number, name in enumerate(("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")):
            save(root / split / name / f"im{number}.png", number + 100 * (split == "test"))
    return root


def legend(root: Path, *rows: tuple[str, str, str]) -> Path:
    """``legend.csv`` and ``images/`` of muxspace/facial_expressions."""
    write_csv(root / "legend.csv", ("image", "annotator", "emotion"), *rows)
    for number, name in enumerate(sorted({row[0] for row in rows})):
        save(root / "images" / name, number, side=60)
    return root


def london(root: Path, people: int = 4) -> Path:
    info = [(f"{n:03}", 20 + n, ("female", "male")[n % 2], "white") for n in range(1, people + 1)]
    write_csv(root / "london_info.csv", ("face_id", "face_age", "face_gender", "face_eth"), *info)
    for person, *_ in info:
        save(root / "neutral" / f"{person}_03.jpg", int(person))
        save(root / "smiling" / f"{person}_08.jpg", int(person) + 50)
    return root


def ckplus(root: Path) -> Path:
    """CK+48: a folder a class, subject and session in the file name."""
    for number, name in enumerate(("anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise")):
        save(root / name / f"S{number + 10:03}_004_00000017.png", number)
    return root


def kdef(root: Path) -> Path:
    for number, name in enumerate(("AF01AFS.JPG", "AF01ANHL.JPG", "BM35SUFR.JPG", "BM35NES.JPG")):
        save(root / name[:4] / name, number)
    return root


def rafdb(root: Path) -> Path:
    """RAF-DB's list, in its spelling, and its aligned pictures; the labels are 1 to 7 in turn."""
    names = [*(f"train_{n:05}" for n in range(1, 6)), "test_0001", "test_0002"]
    for number, name in enumerate(names):
        save(root / "Image" / "aligned" / f"{name}_aligned.jpg", number, side=100)
    listing = root / "EmoLabel" / "list_patition_label.txt"
    listing.parent.mkdir()
    listing.write_text("".join(f"{name}.jpg {number + 1}\n" for number, name in enumerate(names)))
    return root


AFFECTNET_HEADER = (
    *("subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "facial_landmarks"),
    *("expression", "valence", "arousal"),
)


def affectnet(root: Path, labels: int = 8) -> Path:
    """AffectNet's two lists, the last two labels in the second; pictures of 90 pixels with a face of 48."""
    rows = [(f"1/{n}.jpg", 10, 20, 48, 48, "1;2", n, 0.1, 0.2) for n in range(labels)]
    write_csv(root / "training.csv", AFFECTNET_HEADER, *rows[:-2])
    write_csv(root / "validation.csv", AFFECTNET_HEADER, *rows[-2:])
    for number in range(labels):
        save(root / "Manually_Annotated_Images" / "1" / f"{number}.jpg", number, side=90)
    return root


def affectnet_npy(root: Path) -> Path:
    """AffectNet as arrays: labels 0 to 2 to train on, 5 to 7 for validation."""
    for folder, first in (("train_set", 0), ("val_set", 5)):
        (root / folder / "annotations").mkdir(parents=True)
        for number in range(3):
            save(root / folder / "images" / f"{number}.jpg", number, side=224)
            np.save(root / folder / "annotations" / f"{number}_exp.npy", np.array(str(first + number)))
    return root


def expw(root: Path) -> Path:
    """ExpW with two faces in one picture of 120 pixels, boxes in the order top, left, right, bottom."""
    save(root / "image" / "crowd.jpg", 1, side=120)
    (root / "label").mkdir()
    (root / "label" / "label.lst").write_text("crowd.jpg 0 10 20 68 58 98.1 3\ncrowd.jpg 1 60 50 98 108 70 6\n")
    return root


def image_folder(root: Path, form: str = "jsonl") -> Path:
    """Hugging Face's image folder: a metadata file a split, and an ``a.png`` in each."""
    splits = {"train": [("a.png", "happy"), ("sub/b.png", "anger")], "test": [("a.png", "neutral")]}
    for at, (split, records) in enumerate(splits.items()):
        for number, (name, _) in enumerate(records):
            save(root / split / name, 10 * at + number)
        if form == "csv":
            write_csv(root / split / "metadata.csv", ("file_name", "label"), *records)
        else:
            lines = [json.dumps({"file_name": name, "label": label}) + "\n" for name, label in records]
            (root / split / "metadata.jsonl").write_text("".join(lines))
    return root


def table(root: Path) -> Path:
    """A CSV file with a split and a person, and its pictures."""
    for number in range(3):
        save(root / f"{number}.png", number)
    rows = (("0.png", "Angry", "val", "p1"), ("1.png", "sad", "Training", "p2"), ("2.png", "sad", "", "p3"))
    write_csv(root / "list.csv", ("path", "label", "Split", "Subject"), *rows)
    return root


def parquet(root: Path, *further: tuple[bytes | None, int | None]) -> Path:
    """Hugging Face's Parquet form with four faces and the names of its two labels, and ``further`` rows."""
    import pyarrow as pa
    from pyarrow import parquet as files

    pictures = [save(root.parent / f"{root.name}-{n}.png", n).read_bytes() for n in range(4)]
    rows = [*zip(pictures, (0, 1, 1, 0), strict=True), *further]
    images = [{"bytes": content, "path": None} for content, _ in rows]
    made = pa.table({"image": images, "label": [label for _, label in rows]})
    info = {"info": {"features": {"label": {"names": ["sad", "happy"], "_type": "ClassLabel"}}}}
    (root / "data").mkdir(parents=True, exist_ok=True)
    made = made.replace_schema_metadata({"huggingface": json.dumps(info)})
    files.write_table(made, root / "data" / "validation-00000-of-00001.parquet")
    return root


def in_mode(path: Path, mode: str) -> None:
    """Write a gray picture again, without loss, in another mode of Pillow's."""
    with Image.open(path) as image:
        converted = image.convert("L").convert(mode)
    with path.open("wb") as stream:
        converted.save(stream, "PNG")
