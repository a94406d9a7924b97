"""Input of batch jobs that the tests make: small pictures with and without a face, some that cannot be read."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from mien.batch import BatchSettings
from tests.photos import head

#: Small parts and one worker: several parts from few pictures.
SETTINGS = BatchSettings(part_size=3, workers=1)

_FORMATS: tuple[tuple[str, dict[str, Any]], ...] = (
    (".png", {}),
    (".jpg", {"quality": 95}),
    (".webp", {"quality": 95}),
    (".tiff", {}),
    (".jpeg", {"quality": 95, "progressive": True}),
)


def write_pictures(folder: Path, count: int = 8) -> Path:
    """``count`` pictures: every third shows no face, the others one; each a little different."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        picture = Image.new("RGB", (240, 240), (90 + number, 120, 125))
        if number % 3 != 2:
            picture.paste(head().resize((200 - number, 200 - number)), (10, 20))
        # each decoder has its own way to take memory, of which a worker gets little
        ending, settings = _FORMATS[number % len(_FORMATS)]
        picture.save(folder / f"picture{number:03d}{ending}", **settings)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    """Name and content of every table of a job."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}


def rows(folder: Path) -> list[dict[str, object]]:
    """All rows of a job, in order, read without our own code."""
    return [row for path in sorted(folder.glob("part-*.parquet")) for row in pq.read_table(path).to_pylist()]


def noise(seed: int, size: int = 64) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (size, size, 3), np.uint8))
