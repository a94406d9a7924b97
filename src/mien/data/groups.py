"""The groups of people that a data set records: one label per image, ages in bands.

``mien.evaluation.groups`` computes metrics by these labels.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from mien.data.dataset import FerDataset
from mien.errors import ProtocolError

#: Label of images whose source records none.
UNKNOWN = "unknown"
#: How tables mark unknown values.
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "unknown"})
#: Lower bounds of the age bands in years; groups by single years would have too few images.
AGE_BANDS = (0, 18, 25, 35, 45, 55, 65)
#: With more distinct numbers than this they are taken for ages, with fewer for codes of categories.
_MOST_NUMBERS = 10


def group_labels(dataset: FerDataset, group: str) -> npt.NDArray[np.str_]:
    """The label of every image under ``group``, str (N,); ``unknown`` where the source records none.

    Numbers become bands of :data:`AGE_BANDS` where there are more than ten different ones.

    Raises:
        ProtocolError: The data set has no such group.
    """
    if dataset.groups is None or group not in dataset.group_names:
        there = ", ".join(dataset.group_names) or "none"
        raise ProtocolError(f"no group {group!r} in this data set", hint=f"its groups: {there}")
    values: list[str] = [value.strip() for value in dataset.groups[group].tolist()]
    known = {value for value in values if value.lower() not in _MISSING}
    names = {value: value for value in known}  # published value to label
    if len(known) > _MOST_NUMBERS and all(_is_number(value) for value in known):
        names = {value: _band(float(value)) for value in known}
    return np.array([names.get(value, UNKNOWN) for value in values])


def _band(age: float) -> str:
    for low, high in pairwise(AGE_BANDS):
        if age < high:
            return f"{low}-{high - 1}"
    return f"{AGE_BANDS[-1]}+"


def _is_number(text: str) -> bool:
    """ASCII digits with at most one point, short enough for a float."""
    return text.isascii() and text.replace(".", "", 1).isdigit() and len(text) < 20
