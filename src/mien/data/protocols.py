"""The named rules that turn votes into the rows and targets a score is measured on.

A score means nothing without its protocol. This module does not know networks or metrics.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
#: How targets are compared: whole distributions, one label drawn from them, or one label.
TargetKind = Literal["distribution", "drawn", "label"]


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows of one split that a protocol keeps, with their targets.

    Attributes:
        protocol: Name of the rule, such as ``majority-unique``.
        split: Which split.
        kind: How the targets are to be compared.
        indices: Rows of the data set, int64 (n,), ascending.
        targets: float64 (n, 8) in FER+ order, each row sums to 1; one-hot where ``kind`` is ``label``.
    """

    protocol: str
    split: Split
    kind: TargetKind
    indices: npt.NDArray[np.int64]
    targets: npt.NDArray[np.float64]

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Most voted expression of each row, int64 (n,); the first wins ties."""
        return self.targets.argmax(axis=1)
