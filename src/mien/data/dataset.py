"""The prepared data set: a folder of arrays that opens memory-mapped, with a manifest that says where they came from.

It does not know the files that they were made from, nor what protocols make of the votes.

    manifest.json      counts, sha256 of the sources and of each split, package version
    images.npy         uint8 (N, 48, 48, 1)
    splits.npy         uint8 (N,), index into ("train", "validation", "test")
    rows.npy           int32 (N,), row of the source file, from 0
    emotions.npy       uint8 (N,), FER2013's own label in its order, 255 where unknown
    votes.npy          uint8 (N, 10), fer2013new.csv: the eight expressions, unknown, not a face
    panel_votes.npy    uint8 (N, 10), label_*.csv, where they were given
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.data.protocols import SPLITS, Split
from mien.errors import DatasetFormatError, DatasetNotFoundError, StorageError
from mien.runtime.files import atomic_folder

MANIFEST_SCHEMA = 1
_ARRAYS = ("images", "splits", "rows", "emotions", "votes", "panel_votes")
_MANIFEST = "manifest.json"
#: All that a prepared data set consists of.
_FILES = {_MANIFEST, *(f"{name}.npy" for name in _ARRAYS)}


@dataclass(frozen=True, slots=True, eq=False)
class FerDataset:
    """A prepared data set; the arrays are memory-mapped and read-only when it comes from :func:`open_dataset`.

    Attributes:
        images: uint8 (N, 48, 48, 1), gray, 0 to 255.
        splits: uint8 (N,), index into :data:`mien.data.protocols.SPLITS`.
        rows: int32 (N,), row of the source, ascending.
        emotions: uint8 (N,), FER2013's own label, 255 where unknown.
        votes: uint8 (N, 10), the eight expressions in FER+ order, then unknown and not-a-face.
        panel_votes: The same from the second vote file, or None.
        manifest: What ``manifest.json`` holds.
    """

    images: npt.NDArray[np.uint8]
    splits: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int32]
    emotions: npt.NDArray[np.uint8]
    votes: npt.NDArray[np.uint8]
    panel_votes: npt.NDArray[np.uint8] | None
    manifest: dict[str, Any]

    def __len__(self) -> int:
        return len(self.images)

    def split_rows(self, split: Split) -> npt.NDArray[np.int64]:
        """Positions of the rows of ``split``, ascending."""
        return np.flatnonzero(self.splits == SPLITS.index(split))

    @property
    def manifest_sha256(self) -> str:
        """Hash of the manifest: names the data in run records and model files."""
        return hashlib.sha256(_manifest_text(self.manifest).encode()).hexdigest()


def write_dataset(dataset: FerDataset, folder: Path) -> None:
    """Write ``dataset`` to ``folder``, all or nothing; a prepared data set that is there is replaced.

    Raises:
        StorageError: The folder cannot be written, or holds something else; what was there before is untouched.
    """
    check_replaceable(folder)
    with atomic_folder(folder) as temporary:
        for name in _ARRAYS:
            array = getattr(dataset, name)
            if array is not None:
                np.save(temporary / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
        (temporary / _MANIFEST).write_text(_manifest_text(dataset.manifest), encoding="utf-8")


def check_replaceable(folder: Path) -> None:
    """Refuse a place whose content a prepared data set must not replace.

    Raises:
        StorageError: ``folder`` is a file, or a folder of anything but a prepared data set, whole or damaged.
    """
    if not folder.exists():
        return
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else {folder.name}
    if found and not {_MANIFEST, "images.npy"} <= found <= _FILES:
        raise StorageError(
            f"{folder} holds something that is no prepared data set",
            hint="name a new folder, an empty one, or a prepared data set to replace; nothing was changed",
        )


def open_dataset(folder: str | Path) -> FerDataset:
    """Open a prepared data set without reading its pixels.

    Raises:
        DatasetNotFoundError: ``folder`` is not there, or holds no manifest.
        DatasetFormatError: The manifest or an array is damaged, or of another layout.
    """
    folder = Path(folder)
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as err:
        raise DatasetNotFoundError(
            f"{folder}: no prepared data set here",
            hint="mien data prepare --fer2013 … --ferplus … --out FOLDER makes one",
        ) from err
    except ValueError as err:
        raise DatasetFormatError(f"{folder / _MANIFEST}: not JSON ({err})", hint=_PREPARE_AGAIN) from err
    layout = manifest.get("schema") if isinstance(manifest, dict) else None
    if layout != MANIFEST_SCHEMA:
        raise DatasetFormatError(
            f"{folder}: layout {layout!r}, this version reads {MANIFEST_SCHEMA}", hint=_PREPARE_AGAIN
        )
    if lacking := sorted({"rows", "splits", "dropped"} - manifest.keys()):
        raise DatasetFormatError(f"{folder / _MANIFEST}: lacks {', '.join(lacking)}", hint=_PREPARE_AGAIN)
    arrays: dict[str, Any] = {name: _open_array(folder, name, rows=manifest["rows"]) for name in _ARRAYS}
    return FerDataset(**arrays, manifest=manifest)


def split_sha256(dataset: FerDataset, split: Split) -> str:
    """Hash of the pixels and votes of one split: two data sets with equal hashes give comparable scores."""
    rows = dataset.split_rows(split)
    digest = hashlib.sha256()
    for array in (dataset.rows, dataset.images, dataset.votes, dataset.panel_votes):
        if array is not None:
            digest.update(np.ascontiguousarray(array[rows]).tobytes())
    return digest.hexdigest()


_PREPARE_AGAIN = "run mien data prepare again"


def _open_array(folder: Path, name: str, *, rows: int) -> npt.NDArray[Any] | None:
    path = folder / f"{name}.npy"
    if name == "panel_votes" and not path.exists():
        return None
    try:
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as err:
        raise DatasetFormatError(f"{path}: cannot be read ({err})", hint=_PREPARE_AGAIN) from err
    if len(array) != rows:
        raise DatasetFormatError(f"{path}: {len(array)} rows, the manifest says {rows}", hint=_PREPARE_AGAIN)
    return array


def _manifest_text(manifest: dict[str, Any]) -> str:
    return json.dumps(manifest, indent=2, sort_keys=True) + "\n"
