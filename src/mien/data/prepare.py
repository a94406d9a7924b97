"""From the published files to one prepared data set: join, check, drop unusable rows.

Every row with at least one vote for one of the eight expressions is kept; protocols select among them later.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mien.data.dataset import FerDataset, check_replaceable, split_entry, write_dataset
from mien.data.decisions import apply_decisions, read_decisions
from mien.data.fer2013 import UNKNOWN_EMOTION, Fer2013, read_fer2013
from mien.data.ferplus import (
    FerPlusVotes,
    join_splits,
    read_ferplus,
    read_label_file,
    read_label_folder,
    rows_of_numbers,
)
from mien.data.manifest import MANIFEST_SCHEMA
from mien.data.pixel_blocks import PIXELS, SIDE, USAGES
from mien.data.splits import SPLITS
from mien.errors import DatasetFormatError, DatasetNotFoundError
from mien.expressions import FERPLUS_LABELS
from mien.runtime.translation import reason
from mien.version import __version__

#: The folders that FER+'s own tool writes, in the order of the splits.
PNG_FOLDERS = ("FER2013Train", "FER2013Valid", "FER2013Test")
_EXPRESSIONS = len(FERPLUS_LABELS)


def prepare(
    fer2013: Path, ferplus: Path | None, *, out: Path, labels: Path | None = None, decisions: Path | None = None
) -> FerDataset:
    """Join the pixels with the votes and write the prepared data set to ``out``.

    Args:
        fer2013: ``fer2013.csv``, plain or in an archive, or the folder of PNGs that FER+'s own tool writes.
        ferplus: ``fer2013new.csv``; may be None for the folder of PNGs, which contains its own votes.
        out: Folder to write; replaced as a whole at the end.
        labels: Folder of ``label_train.csv``, ``label_valid.csv``, ``label_test.csv``.
        decisions: Table of rows to relabel or drop, see :mod:`mien.data.decisions`; recorded in the manifest.

    Raises:
        DatasetNotFoundError: A source is not there.
        DatasetFormatError: A source is not as its format says, or two disagree; file and row are named.
        StorageError: ``out`` cannot be written, or holds something other than a prepared data set.
    """
    check_replaceable(out)  # before minutes of reading
    with ThreadPoolExecutor(1) as pool:
        second = None if labels is None else pool.submit(read_label_folder, labels)
        pixels, votes, panel = _read_png_folder(fer2013, ferplus) if fer2013.is_dir() else _read_csv(fer2013, ferplus)
        panel = panel if second is None else second.result()
    dataset, usable = _joined(pixels, votes, None if panel is None else _at_rows(panel, votes))
    sources = {"fer2013": pixels.sha256, "ferplus": votes.sha256, "labels": panel.sha256 if panel else None}
    dataset = replace(dataset, manifest=_manifest(dataset, sources, dropped=_dropped(votes, ~usable)))
    if decisions is not None:
        dataset = apply_decisions(dataset, read_decisions(decisions))
    write_dataset(dataset, out)
    return dataset


def _joined(
    pixels: Fer2013, votes: FerPlusVotes, panel_votes: npt.NDArray[np.uint8] | None
) -> tuple[FerDataset, npt.NDArray[np.bool_]]:
    """The rows with a vote for an expression by either panel, and which rows of the source (M,) those are."""
    usable: npt.NDArray[np.bool_] = np.any(votes.votes[:, :_EXPRESSIONS], axis=1)  # (M,)
    if panel_votes is not None:
        usable |= panel_votes[:, :_EXPRESSIONS].any(axis=1)
    kept = np.flatnonzero(usable)
    dataset = FerDataset(
        images=pixels.images[kept],
        splits=pixels.splits[kept],
        rows=kept.astype(np.int32),
        emotions=pixels.emotions[kept],
        votes=votes.votes[kept],
        panel_votes=None if panel_votes is None else panel_votes[kept],
        manifest={},
    )
    return dataset, usable


def _read_csv(path: Path, ferplus: Path | None) -> tuple[Fer2013, FerPlusVotes, FerPlusVotes | None]:
    if ferplus is None:
        raise DatasetNotFoundError("no file of votes was given", hint="add --ferplus fer2013new.csv")
    with ThreadPoolExecutor(1) as pool:  # the votes are read meanwhile
        reading = pool.submit(read_fer2013, path)
        votes = read_ferplus(ferplus)
        pixels = reading.result()
    if len(pixels.images) != len(votes.votes):
        raise DatasetFormatError(
            f"{path} has {len(pixels.images)} rows, {ferplus} has {len(votes.votes)}",
            hint="the two files are joined row by row and must be of the same release",
        )
    if (differ := np.flatnonzero(pixels.splits != votes.splits)).size:
        at = int(differ[0])
        raise DatasetFormatError(
            f"row {at + 2}: Usage is {USAGES[pixels.splits[at]]} in {path} and {USAGES[votes.splits[at]]} in {ferplus}",
            hint=f"{differ.size} rows disagree; the two files are not of the same release",
        )
    return pixels, votes, None


def _read_png_folder(folder: Path, ferplus: Path | None) -> tuple[Fer2013, FerPlusVotes, FerPlusVotes]:
    """FER+'s folder of PNGs: a ``label.csv`` beside the images of each split."""
    parts = []
    for split, name in enumerate(PNG_FOLDERS):
        path = folder / name / "label.csv"
        if not path.exists():
            raise DatasetNotFoundError(
                f"{path}: no such file", hint=f"expected {', '.join(PNG_FOLDERS)} below {folder}"
            )
        parts.append(read_label_file(path, split))
    panel = join_splits(parts)
    images = np.concatenate(
        [
            _read_png(folder / PNG_FOLDERS[s] / f"fer{n:07d}.png")
            for s, n in zip(panel.splits, panel.numbers, strict=True)
        ]
    )
    unknown = np.full(len(images), UNKNOWN_EMOTION, np.uint8)
    pixels = Fer2013(images.reshape(-1, SIDE, SIDE, 1), panel.splits, unknown, panel.sha256)
    if ferplus is None:
        return pixels, panel, panel
    votes = read_ferplus(ferplus)
    rows = _rows_of(panel, votes)
    return pixels, replace(votes, votes=votes.votes[rows], splits=panel.splits, numbers=panel.numbers), panel


def _read_png(path: Path) -> npt.NDArray[np.uint8]:
    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("L"))
    except FileNotFoundError as err:
        raise DatasetNotFoundError(f"{path}: no such file, though label.csv names it") from err
    except OSError as err:
        raise DatasetFormatError(f"{path}: not a readable picture ({reason(err)})") from err
    if pixels.size != PIXELS:
        raise DatasetFormatError(f"{path}: {pixels.shape[1]}×{pixels.shape[0]} pixels, expected {SIDE}×{SIDE}")
    return pixels.reshape(1, PIXELS)


def _at_rows(panel: FerPlusVotes, votes: FerPlusVotes) -> npt.NDArray[np.uint8]:
    """The second panel's votes at the rows of the first file; zeros where it has none."""
    at_rows = np.zeros_like(votes.votes)
    at_rows[_rows_of(panel, votes)] = panel.votes
    return at_rows


def _rows_of(panel: FerPlusVotes, votes: FerPlusVotes) -> npt.NDArray[np.int64]:
    """The row of ``fer2013new.csv`` with the name of each of the panel's images."""
    rows = rows_of_numbers(votes)
    if missing := [number for number in panel.numbers.tolist() if number not in rows]:
        raise DatasetFormatError(
            f"label files name fer{missing[0]:07d}.png, which is not in the file of votes",
            hint=f"{len(missing)} names are unknown; take the files of one release",
        )
    chosen = np.array([rows[number] for number in panel.numbers.tolist()])
    if (differ := np.flatnonzero(votes.splits[chosen] != panel.splits)).size:
        name = f"fer{int(panel.numbers[differ[0]]):07d}.png"
        raise DatasetFormatError(f"label files put {name} into another split than the file of votes")
    return chosen


def _dropped(votes: FerPlusVotes, dropped: npt.NDArray[np.bool_]) -> dict[str, int]:
    # the last two columns are unknown and NF; a row without any vote is neither
    not_a_face = dropped & (votes.votes[:, -1] >= votes.votes[:, -2]) & votes.votes.any(axis=1)
    return {"not a face": int(not_a_face.sum()), "no vote for an expression": int((dropped & ~not_a_face).sum())}


def _manifest(dataset: FerDataset, sources: dict[str, Any], *, dropped: dict[str, int]) -> dict[str, Any]:
    with ThreadPoolExecutor() as pool:
        entries = list(pool.map(partial(split_entry, dataset), SPLITS))
    return {
        "schema": MANIFEST_SCHEMA,
        "package": f"mien {__version__}",
        "rows": len(dataset),
        "splits": dict(zip(SPLITS, entries, strict=True)),
        "dropped": dropped,
        "sources": sources,
    }
