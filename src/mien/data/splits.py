"""The splits of a data set: their names and their order.

Which image belongs to which split is decided where a data set is made.
"""

from typing import Literal

#: A split, or ``all`` of them together: sets that were never split are judged whole.
Split = Literal["train", "validation", "test", "all"]
#: The splits in the order of the numbers in ``splits.npy``; an earlier one may not leak into a later one.
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
