"""Import of a published set into the prepared, memory-mapped form that training and evaluation read.

One pass over the source: a few hundred pictures are decoded at a time and their squares go to a file, so that memory
holds one row of labels an image and no pictures.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from mien.curation.crops import Crop, Cropper, build_cropper, read_and_crop
from mien.curation.items import Layout, SourceItem
from mien.curation.labels import LabelMap, build_map, leading_label, votes_of
from mien.curation.layouts import find_layout
from mien.curation.layouts.folders import FOLDER, folder_layout
from mien.curation.splits import by_hash, by_person
from mien.data.dataset import FerDataset, check_replaceable, open_dataset, split_entry, write_dataset
from mien.data.fer2013 import UNKNOWN_EMOTION
from mien.data.ferplus import MOST_VOTES
from mien.data.manifest import MANIFEST_SCHEMA
from mien.data.splits import SPLITS, Split
from mien.errors import ConfigError, DatasetFormatError, DatasetNotFoundError
from mien.version import __version__

#: Pictures that are decoded at a time.
_BATCH = 256


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a source is read.

    Attributes:
        mapped: Published label to one of ours: ``{"fury": "anger"}``.
        dropped: Published labels whose images are left out.
        skip_bad: Leave bad rows out and count them, instead of ending at the first.
        side: Width and height of the images that are kept.
        person_pattern: For the layout ``folder``: regular expression whose first group, searched in a file name, is who
            is shown; None if names do not contain it.
        crop: ``as-is`` keeps the picture, ``detected`` the face that the default detector finds.
        name: Of the set; None takes the layout's.
        license: Terms; None takes the publisher's as the layout states them.
        source: Where it comes from; None takes the layout's.
    """

    mapped: Mapping[str, str] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    skip_bad: bool = False
    side: int = 48
    crop: Crop = "as-is"
    person_pattern: str | None = None
    name: str | None = None
    license: str | None = None
    source: str | None = None


_DEFAULTS = ImportOptions()


def import_dataset(
    source: str | Path, layout: str, out: str | Path, *, options: ImportOptions = _DEFAULTS
) -> FerDataset:
    """Read a published set and write it as a prepared data set.

    Args:
        source: Folder or file as the publisher's archive unpacks.
        layout: Name of its layout: ``folder``, ``ckplus48``, ``kdef``, ``lfw``, ``imfdb``, ``london``, ``rafdb``,
            ``affectnet``, ``affectnet-npy``, ``expw``, ``huggingface``, ``parquet`` or ``csv``.
        out: New folder, or a prepared data set to replace as a whole.
        options: How it is read.

    Returns:
        The data set, opened memory-mapped.

    Raises:
        ConfigError: The layout, a mapping, the side or the crop is unknown.
        DatasetNotFoundError: The source is not there, or holds no image.
        DatasetFormatError: A row is not as the layout says; file and row are named.
        StorageError: ``out`` cannot be written, or holds something other than a prepared data set.
    """
    source, out = Path(source), Path(out)
    found = _layout(layout, options.person_pattern)
    labels = build_map(found, options.mapped, options.dropped)
    cropper = build_cropper(options.crop, options.side)
    check_replaceable(out)  # before anything is read, which may take an hour
    if not source.exists():
        raise DatasetNotFoundError(f"{source}: no such file or folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=out.parent) as pixels:  # on the disk of the result; /tmp may be memory
        table = _Table(found, labels, pixels, skip_bad=options.skip_bad)
        for item, cropped in _cropped(table.wanted(found.read(source)), cropper, found.side):
            table.add(item, cropped)
        if not table.rows:
            raise DatasetNotFoundError(f"{source}: no image of this layout, or all were left out")
        dataset = table.dataset(options.side)
        write_dataset(replace(dataset, manifest=_manifest(dataset, table, found, options)), out)
    return open_dataset(out)


def _layout(name: str, person_pattern: str | None) -> Layout:
    if person_pattern is None:
        return find_layout(name)
    if name != FOLDER.name:
        raise ConfigError(f"a person pattern is for the layout {FOLDER.name}; {name[:40]} defines its persons itself")
    return folder_layout(person_pattern)


def _cropped(
    items: Iterable[SourceItem], cropper: Cropper, side: int | None
) -> Iterator[tuple[SourceItem, tuple[npt.NDArray[np.uint8], bool] | DatasetFormatError]]:
    """Each item with its square, decoded a batch at a time in a few threads."""
    waiting = iter(items)
    with ThreadPoolExecutor() as pool:  # Pillow and onnxruntime release the interpreter's lock
        while batch := list(islice(waiting, _BATCH)):
            yield from zip(batch, pool.map(partial(read_and_crop, cropper=cropper, side=side), batch), strict=True)


@dataclass(frozen=True, slots=True)
class _Row:
    """One image of the set that is being made."""

    name: str
    source_row: int
    split: Split
    person: str
    groups: Mapping[str, str]
    found: bool


class _Table:
    """The rows of the set as they come in; pixels go to a file."""

    def __init__(self, layout: Layout, labels: LabelMap, pixels: IO[bytes], *, skip_bad: bool) -> None:
        self.rows: list[_Row] = []
        self.left_out: Counter[str] = Counter()
        self.rules: Counter[str] = Counter()
        self._layout, self._labels, self._pixels, self._skip_bad = layout, labels, pixels, skip_bad
        self._source_rows: dict[str, int] = {}  # by name
        self._given: dict[str, SourceItem] = {}  # by name, with the votes of all its rows and no picture
        self._columns: set[int] = set()
        self._seen = 0

    def wanted(self, rows: Iterable[SourceItem | DatasetFormatError]) -> Iterator[SourceItem]:
        """The items whose pictures are to be read; votes for one that was listed before are added to it."""
        for row in rows:
            self._seen += 1
            fault = row if isinstance(row, DatasetFormatError) else self._fault(row)
            if isinstance(row, DatasetFormatError) or fault is not None:
                self._bad(fault)
            elif votes_of(row, self._labels) is None:
                self.left_out["label dropped"] += 1
            elif (earlier := self._given.get(row.name)) is not None:
                self._given[row.name] = replace(earlier, votes=earlier.votes + row.votes)
            else:
                self._given[row.name] = replace(row, content=b"")  # votes may follow; bytes of Parquet would stay
                self._source_rows[row.name] = self._seen - 1
                yield row

    def add(self, item: SourceItem, cropped: tuple[npt.NDArray[np.uint8], bool] | DatasetFormatError) -> None:
        """Take in one of the wanted images, or leave it out where its picture is bad."""
        if isinstance(cropped, DatasetFormatError):
            self._bad(cropped)
            return
        square, found = cropped
        content = square.tobytes()
        self._pixels.write(content)
        split = self._split(item, content)
        self.rows.append(_Row(item.name, self._source_rows[item.name], split, item.person, item.groups, found))

    def dataset(self, side: int) -> FerDataset:
        """The set, without a manifest; its pixels lie in the file."""
        count = len(self.rows)
        # Each row had a vote when it came in, and more votes take none away.
        read = [r for row in self.rows if (r := votes_of(self._given[row.name], self._labels)) is not None]
        votes = np.array([v for v, _ in read])  # (N, 10)
        self._columns = set(np.flatnonzero(votes.any(axis=0)).tolist())
        self._pixels.flush()
        # mapped from the file that they went to: 100,000 faces of 224 pixels are 5 GB
        images = np.memmap(self._pixels, np.uint8, "r", shape=(count, side, side, 1))
        persons = np.array([row.person for row in self.rows])
        return FerDataset(
            images=images,
            splits=np.array([SPLITS.index(row.split) for row in self.rows], np.uint8),
            rows=np.array([row.source_row for row in self.rows], np.int32),
            emotions=np.full(count, UNKNOWN_EMOTION, np.uint8),
            votes=np.minimum(votes, MOST_VOTES).astype(np.uint8),
            panel_votes=None,
            manifest={},
            labels=np.array([leading_label(v, order) for v, order in read], np.uint8),
            names=np.array([row.name for row in self.rows]),
            persons=persons if persons.dtype.itemsize and (persons != "").any() else None,
            groups=_group_table([row.groups for row in self.rows]),
            found=np.array([row.found for row in self.rows], np.bool_),
        )

    @property
    def classes(self) -> list[str]:
        """The expressions that the set can name."""
        return [str(label) for label in self._labels.classes(self._columns)]

    def _fault(self, row: SourceItem) -> DatasetFormatError | None:
        """What is wrong with the labels of a row."""
        try:
            votes_of(row, self._labels)
        except DatasetFormatError as err:
            return err
        if not self._layout.several and row.name in self._given:
            return DatasetFormatError(f"{row.place}: {row.name[:60]} is listed a second time")
        return None

    def _split(self, item: SourceItem, content: bytes) -> Split:
        if self._layout.parts is not None:
            self.rules["the protocol of this set, by person"] += 1
            return self._layout.parts(item.person)
        if item.split is not None:
            self.rules["as published"] += 1
            return item.split
        self.rules[f"by {'person' if item.person else 'hash of the pixels'}, {_PARTS}"] += 1
        return by_person(item.person) if item.person else by_hash(content)

    def _bad(self, fault: DatasetFormatError | None) -> None:
        if fault is not None and not self._skip_bad:
            raise fault
        self.left_out["bad rows"] += 1


_PARTS = "sha256 % 5: part 0 test, 1 validation, 2 to 4 train"


def _group_table(groups: list[Mapping[str, str]]) -> npt.NDArray[np.void] | None:
    """Structured (N,) with a str field for each group, in the order of their names; None where there is none."""
    names = sorted({name for values in groups for name in values})
    if not names:
        return None
    columns = {name: np.array([values.get(name, "") for values in groups]) for name in names}
    # itemsize counts bytes, of which numpy takes four for a character
    table = np.empty(
        len(groups), [(name, f"U{max(column.dtype.itemsize // 4, 1)}") for name, column in columns.items()]
    )
    for name, column in columns.items():
        table[name] = column
    return table


def _manifest(dataset: FerDataset, table: _Table, layout: Layout, options: ImportOptions) -> dict[str, Any]:
    """Counts and hashes as of every prepared set, and where an imported one comes from."""
    found = dataset.found if dataset.found is not None else np.ones(len(dataset), np.bool_)
    return {
        "schema": MANIFEST_SCHEMA,
        "package": f"mien {__version__}",
        "rows": len(dataset),
        "splits": {split: split_entry(dataset, split) for split in SPLITS},
        "dropped": dict(sorted(table.left_out.items())),
        "sources": {},
        "name": options.name or layout.name,
        "layout": layout.name,
        "license": options.license or layout.license,
        "source": options.source or layout.source,
        "classes": table.classes,
        "side": options.side,
        "crop": options.crop,
        "faces_not_found": int((~found).sum()),
        "split_rule": dict(sorted(table.rules.items())),
        "mapped": dict(sorted(options.mapped.items())),
        "labels_dropped": sorted(options.dropped),
    }
