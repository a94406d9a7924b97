"""Data that the tests make themselves: drawn faces with votes, in the published file formats."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mien.data.ferplus import LABEL_FILES, VOTE_COLUMNS
from mien.data.pixel_blocks import USAGES

SIDE = 48


def draw_face(expression: int, generator: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A gray 48×48 face whose mouth (curve, opening) and brows (slope) tell the expression; uint8 (48, 48)."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(float)
    dx, dy = generator.uniform(-2, 2, 2)
    x, y = x - 24 - dx, y - 24 - dy
    face = 90 + 70 * ((x / 19) ** 2 + (y / 22) ** 2 < 1)
    curve = (0, 6, 0, -6, -3, 4, -5, 2)[expression]
    opening = (1, 2, 6, 1, 3, 2, 4, 1)[expression]
    slope = (0.0, 0.1, 0.0, 0.4, -0.5, -0.3, 0.5, -0.1)[expression]
    for side in (-1, 1):
        face[(x - side * 8) ** 2 + (y + 6) ** 2 < 6] = 30
        face[(np.abs(x - side * 8) < 5) & (np.abs(y + 12 - slope * (x - side * 8) * side) < 1.2)] = 40
    face[(np.abs(x) < 9) & (np.abs(y - 11 + curve * (x / 9) ** 2) < opening)] = 20
    drawn: npt.NDArray[np.uint8] = np.clip(face + generator.normal(0, 6, face.shape), 0, 255).astype(np.uint8)
    return drawn


def write_fer_files(
    folder: Path, *, per_split: tuple[int, int, int] = (96, 32, 32), seed: int = 0, not_faces: int = 2
) -> Path:
    """Write fer2013.csv, fer2013new.csv and the three label files into ``folder`` and return it.

    The last ``not_faces`` training rows are black and bear no name. Row 1 of validation and of test copies a training
    image; the label files give the copy in validation votes of its own.
    """
    generator = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    pixels: list[npt.NDArray[np.uint8]] = []
    votes: list[list[int]] = []
    usages: list[str] = []
    names: list[int | None] = []
    for usage, count in zip(USAGES, per_split, strict=True):
        for position in range(count):
            expression = position % 8
            face = draw_face(expression, generator)
            if usage != "Training" and position == 1:
                face = pixels[1]
            dropped = usage == "Training" and position >= count - not_faces
            pixels.append(np.zeros_like(face) if dropped else face)
            usages.append(usage)
            names.append(None if dropped else sum(name is not None for name in names))
            votes.append([0] * 9 + [10] if dropped else _votes(expression, generator))
    _write(
        folder / "fer2013.csv",
        [("emotion", "pixels", "Usage")]
        + [
            (str(i % 7), " ".join(map(str, face.ravel())), usage)
            for i, (face, usage) in enumerate(zip(pixels, usages, strict=True))
        ],
    )
    _write(
        folder / "fer2013new.csv",
        [("Usage", "Image name", *VOTE_COLUMNS)]
        + [
            (usage, "" if name is None else f"fer{name:07d}.png", *map(str, row))
            for usage, name, row in zip(usages, names, votes, strict=True)
        ],
    )
    for usage, file in zip(USAGES, LABEL_FILES, strict=True):
        rows = [(n, v) for u, n, v in zip(usages, names, votes, strict=True) if u == usage and n is not None]
        if usage == "PublicTest":
            rows[1] = (rows[1][0], [0, 0, 0, 9, 0, 0, 0, 0, 1, 0])
        _write(folder / file, [(f"fer{name:07d}.png", "(0, 0, 48, 48)", *map(str, row)) for name, row in rows])
    return folder


def _votes(expression: int, generator: np.random.Generator) -> list[int]:
    """Ten votes, seven or more for ``expression``."""
    others = generator.integers(0, 10, 3)
    votes = np.bincount([expression] * 7 + others.tolist(), minlength=10)
    return [int(vote) for vote in votes]


def _write(path: Path, rows: Sequence[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)
