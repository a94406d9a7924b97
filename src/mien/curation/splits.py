"""Which split an image of an imported set belongs to: as published, else by person, else by its pixels.

Neither a person nor byte-identical images are ever in two splits.
"""

import hashlib

from mien.data.splits import SPLITS, Split

#: Parts of a set by ``sha256 % 5``: part 0 is judged, part 1 is to choose by, parts 2 to 4 are to train on.
PARTS = 5
_SPLIT_OF_PART: tuple[Split, ...] = ("test", "validation", "train", "train", "train")


def part_of(key: bytes) -> int:
    """The part, 0 to 4, that a person's name or an image's pixels fall into."""
    return int(hashlib.sha256(key).hexdigest(), 16) % PARTS


def by_hash(key: bytes) -> Split:
    """The split of a person's name or of an image's pixels."""
    return _SPLIT_OF_PART[part_of(key)]


def by_person(person: str) -> Split:
    """The split that all images of a person belong to."""
    return by_hash(person.encode())


def all_judged(_: str) -> Split:
    """Every image is judged and none trained on."""
    return SPLITS[-1]
