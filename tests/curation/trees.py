"""Small trees in the published layouts, with pictures made from a number so that a test can tell them apart."""

import csv
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
