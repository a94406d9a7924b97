"""The prepared data set: a folder of arrays that opens memory-mapped, with a manifest that says where they came from.

It does not know the files that they were made from, nor what protocols make of the votes.

    manifest.json      counts, sha256 of the sources and of each split, package version; of imported sets also
                       name, license, source, classes, split rule and crop
    images.npy         uint8 (N, S, S, 1), gray; S is 48 for FER2013
    splits.npy         uint8 (N,), index into ("train", "validation", "test")
    rows.npy           int32 (N,), row of the source file, from 0
    emotions.npy       uint8 (N,), FER2013's own label in its order, 255 where unknown
    votes.npy          uint8 (N, 10), the eight expressions, unknown, not a face

Only where the source has them:

    panel_votes.npy    uint8 (N, 10), the second panel's votes (label_*.csv of FER+)
    labels.npy         uint8 (N,), the one published label, index into FER+'s order, 255 for none
    names.npy          str (N,), path of the image inside its source
    persons.npy        str (N,), who is shown, "" where unknown
    groups.npy         structured (N,), a str field for each group: gender, age, ethnicity
    found.npy          bool (N,), whether the detector found the face that was cropped
"""

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.data.manifest import EMOTIONS_HASH, MANIFEST, PREPARE_AGAIN, manifest_text, read_manifest
from mien.data.splits import SPLITS, Split
from mien.errors import ConfigError, DatasetFormatError, StorageError
from mien.expressions import FERPLUS_LABELS, Expression, LabelSet
from mien.json_object import JsonObject
from mien.runtime.files import atomic_folder
from mien.runtime.translation import translate_errors


def _is_text(array: npt.NDArray[Any]) -> bool:
    """Whether an array holds text, and none but Unicode's characters: with others Python fails where it is read."""
    if array.dtype.kind != "U" or not array.dtype.isnative:
        return False
    return not array.nbytes or int(np.ascontiguousarray(array).view(np.uint32).max()) <= sys.maxunicode


def _are_labels(array: npt.NDArray[Any]) -> bool:
    """Whether an array holds indices of expressions, or 255 for none."""
    return array.dtype == np.uint8 and array.ndim == 1 and bool(((array < len(FERPLUS_LABELS)) | (array == 255)).all())


#: Type and shape that each array must have. The first six are FER2013's, of which only ``panel_votes`` may be missing.
_LAYOUT: dict[str, Callable[[npt.NDArray[Any]], bool]] = {
    "images": lambda a: a.dtype == np.uint8 and a.ndim == 4 and a.shape[1] == a.shape[2] > 0 and a.shape[3] == 1,
    "splits": lambda a: a.dtype == np.uint8 and a.ndim == 1,
    "rows": lambda a: a.dtype == np.int32 and a.ndim == 1,
    "emotions": lambda a: a.dtype == np.uint8 and a.ndim == 1,
    "votes": lambda a: a.dtype == np.uint8 and a.ndim == 2 and a.shape[1] == len(FERPLUS_LABELS) + 2,
    "panel_votes": lambda a: a.dtype == np.uint8 and a.ndim == 2 and a.shape[1] == len(FERPLUS_LABELS) + 2,
    "labels": _are_labels,
    "names": lambda a: a.ndim == 1 and _is_text(a),
    "persons": lambda a: a.ndim == 1 and _is_text(a),
    "groups": lambda a: a.dtype.names is not None and a.ndim == 1 and all(_is_text(a[n]) for n in a.dtype.names),
    "found": lambda a: a.dtype == np.bool_ and a.ndim == 1,
}
_REQUIRED = ("images", "splits", "rows", "emotions", "votes")
#: All that a prepared data set consists of.
_FILES = {MANIFEST, *(f"{name}.npy" for name in _LAYOUT)}
#: Rows that are hashed at a time, so that a large split is never copied whole.
_HASHED_ROWS = 4096


@dataclass(frozen=True, slots=True, eq=False)
class FerDataset:
    """A prepared data set; the arrays are memory-mapped and read-only when it comes from :func:`open_dataset`.

    Attributes:
        images: uint8 (N, S, S, 1), gray, 0 to 255.
        splits: uint8 (N,), index into ("train", "validation", "test").
        rows: int32 (N,), row of the source, ascending.
        emotions: uint8 (N,), FER2013's own label, 255 where unknown.
        votes: uint8 (N, 10), the eight expressions in FER+ order, then unknown and not-a-face. A set with one label per
            image has one vote each; published probabilities are kept in hundredths.
        panel_votes: The same from the second vote file, or None.
        manifest: What ``manifest.json`` holds.
        labels: uint8 (N,), the label that a source with labels publishes, in FER+ order; the most frequent where it has
            several, the first given among equals; 255 for none. None where the source has votes alone.
        names: str (N,), path of each image inside its source, or None.
        persons: str (N,), who is shown, "" where unknown; or None.
        groups: Structured (N,), one str field for each group, such as ``groups["gender"]``; or None.
        found: bool (N,), whether a detector found the face, otherwise the whole picture is stored; None if no detector
            was run.
    """

    images: npt.NDArray[np.uint8]
    splits: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int32]
    emotions: npt.NDArray[np.uint8]
    votes: npt.NDArray[np.uint8]
    panel_votes: npt.NDArray[np.uint8] | None
    manifest: JsonObject
    labels: npt.NDArray[np.uint8] | None = None
    names: npt.NDArray[np.str_] | None = None
    persons: npt.NDArray[np.str_] | None = None
    groups: npt.NDArray[np.void] | None = None
    found: npt.NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def side(self) -> int:
        """Width and height of each image in pixels."""
        return int(self.images.shape[1])

    @property
    def classes(self) -> LabelSet:
        """The expressions that labels of the source can have, in FER+ order."""
        names = self.manifest.get("classes")
        return FERPLUS_LABELS if names is None else LabelSet(tuple(Expression(name) for name in names))

    @property
    def group_names(self) -> tuple[str, ...]:
        """Names of the groups that the source records for each image, such as ``gender``; empty if it records none."""
        return () if self.groups is None else tuple(self.groups.dtype.names or ())

    def split_rows(self, split: Split) -> npt.NDArray[np.int64]:
        """Positions of the rows of ``split``, ascending; ``all`` is every row.

        Raises:
            ConfigError: There is no such split.
        """
        if split == "all":
            return np.arange(len(self))
        if split not in SPLITS:
            raise ConfigError(f"no split {split!r}", hint=f"there are {', '.join(SPLITS)} and all")
        return np.flatnonzero(self.splits == SPLITS.index(split))

    def take(self, rows: npt.NDArray[np.integer]) -> "FerDataset":
        """The data set of some positions, in their order; the manifest counts and hashes its splits."""
        arrays = {name: None if (a := getattr(self, name)) is None else np.asarray(a[rows]) for name in _LAYOUT}
        taken = replace(self, **arrays)  # type: ignore[arg-type]  # each array replaces its own kind
        # folders of earlier versions have no hash of the emotions, nor do parts of them: their hash names what was kept
        kept = self.manifest.get("splits", {}).get("train", {}).keys() | {"rows", "sha256"}
        splits = {s: {k: v for k, v in split_entry(taken, s).items() if k in kept} for s in SPLITS}
        return replace(taken, manifest={**self.manifest, "rows": len(taken), "splits": splits})

    @property
    def manifest_sha256(self) -> str:
        """Hash of the manifest: identifies the data in run records and model files."""
        return hashlib.sha256(manifest_text(self.manifest).encode()).hexdigest()


def write_dataset(dataset: FerDataset, folder: Path) -> None:
    """Write ``dataset`` to ``folder``, all or nothing; a prepared data set that is there is replaced.

    Raises:
        StorageError: The folder cannot be written, or holds something else; what was there before is untouched.
    """
    check_replaceable(folder)
    with atomic_folder(folder) as temporary:
        for name in _LAYOUT:
            array = getattr(dataset, name)
            if array is not None:
                np.save(temporary / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
        (temporary / MANIFEST).write_text(manifest_text(dataset.manifest), encoding="utf-8")


def check_replaceable(folder: Path) -> None:
    """Refuse a place whose content a prepared data set must not replace.

    Raises:
        StorageError: ``folder`` is a file, or a folder of anything but a prepared data set, whole or damaged.
    """
    if not folder.exists():
        return
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else {folder.name}
    if found and not {MANIFEST, "images.npy"} <= found <= _FILES:
        raise StorageError(
            f"{folder} holds something other than a prepared data set",
            hint="name a new folder, an empty one, or a prepared data set to replace; nothing was changed",
        )


def open_dataset(folder: str | Path) -> FerDataset:
    """Open a prepared data set without reading its pixels.

    Raises:
        DatasetNotFoundError: ``folder`` is not there, or holds no manifest.
        DatasetFormatError: The manifest or an array is damaged, or of another layout.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    arrays: dict[str, Any] = {name: _open_array(folder, name, rows=manifest["rows"]) for name in _LAYOUT}
    if len(arrays["splits"]) and arrays["splits"].max() >= len(SPLITS):
        raise DatasetFormatError(
            f"{folder / 'splits.npy'}: a split {arrays['splits'].max()}, expected 0 to {len(SPLITS) - 1}",
            hint=PREPARE_AGAIN,
        )
    return FerDataset(**arrays, manifest=manifest)


def open_unchanged(folder: str | Path, *splits: Split) -> FerDataset:
    """As :func:`open_dataset`, after comparing every pixel and vote of ``splits`` with the manifest's hashes.

    FER2013's own labels (``emotions``) are compared where the manifest has their hash; earlier versions wrote none.

    Raises:
        DatasetNotFoundError: ``folder`` is not there, or holds no manifest.
        DatasetFormatError: The data are damaged, or differ from the hashes of the manifest.
        ConfigError: There is no such split.
    """
    dataset = open_dataset(folder)
    for split in SPLITS if "all" in splits else splits:
        if not is_unchanged(dataset, split):
            raise DatasetFormatError(
                f"{folder}: pixels, votes or labels of {split} differ from the hashes of the manifest",
                hint=PREPARE_AGAIN,
            )
    return dataset


def is_unchanged(dataset: FerDataset, split: Split) -> bool:
    """Whether a split's data have the hashes of the manifest."""
    stated = dataset.manifest["splits"].get(split, {})
    emotions = stated.get(EMOTIONS_HASH)
    return split_sha256(dataset, split) == stated.get("sha256") and emotions in (None, _emotions_sha256(dataset, split))


def split_entry(dataset: FerDataset, split: Split) -> dict[str, int | str]:
    """What a manifest says of a split: its number of rows and its hashes."""
    return {
        "rows": len(dataset.split_rows(split)),
        "sha256": split_sha256(dataset, split),
        EMOTIONS_HASH: _emotions_sha256(dataset, split),
    }


def split_sha256(dataset: FerDataset, split: Split) -> str:
    """Hash of the pixels and votes of one split: metrics on two data sets with equal hashes are comparable."""
    rows = dataset.split_rows(split)
    digest = hashlib.sha256()
    hashed = (dataset.rows, dataset.images, dataset.votes, dataset.panel_votes)
    extras = (dataset.labels, dataset.names, dataset.persons, dataset.groups, dataset.found)
    # arrays that a set lacks add nothing, so that sets made before an array existed keep their hashes
    for array in (*hashed, *extras):
        if array is not None:
            for start in range(0, len(rows), _HASHED_ROWS):
                digest.update(np.ascontiguousarray(array[rows[start : start + _HASHED_ROWS]]).tobytes())
    return digest.hexdigest()


def _emotions_sha256(dataset: FerDataset, split: Split) -> str:
    # apart from the other hash, which identifies the split in runs and model files that exist
    return hashlib.sha256(np.ascontiguousarray(dataset.emotions[dataset.split_rows(split)]).tobytes()).hexdigest()


def _open_array(folder: Path, name: str, *, rows: int) -> npt.NDArray[Any] | None:
    path = folder / f"{name}.npy"
    if name not in _REQUIRED and not path.exists():
        return None
    # numpy parses the header as a Python literal, so that a damaged one raises whatever Python's parser raises
    with translate_errors(lambda why: DatasetFormatError(f"{path}: cannot be read ({why})", hint=PREPARE_AGAIN)):
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(array, np.ndarray) or array.ndim == 0 or not _LAYOUT[name](array):
        kind = f"{getattr(array, 'dtype', type(array).__name__)} {getattr(array, 'shape', '')}"
        raise DatasetFormatError(f"{path}: {kind[:80]} is not the type or shape of {name}", hint=PREPARE_AGAIN)
    if len(array) != rows:
        raise DatasetFormatError(f"{path}: {len(array)} rows, the manifest says {rows}", hint=PREPARE_AGAIN)
    return array
