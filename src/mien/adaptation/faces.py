"""The type of labeled faces, whatever they were read from."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.expressions import LabelSet
from mien.geometry import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class LabeledFaces:
    """Faces as the network sees them, with their labels.

    Attributes:
        crops: float32 (n, size, size) in [0, 1].
        labels: Columns of the model's labels, int64 (n,).
        persons: Person identifiers, str (n,), "" where unknown; all faces of a person share a cross-validation fold.
        not_found: Number of pictures in which no face was detected; the whole picture was used.
        source: File or folder that they were read from.
    """

    crops: FloatArray
    labels: npt.NDArray[np.int64]
    persons: npt.NDArray[np.str_]
    not_found: int
    source: str

    def count_labels(self, labels: LabelSet) -> dict[str, int]:
        """Number of faces of each label, in label order; labels without faces are left out."""
        counts = Counter(self.labels.tolist())
        return {str(label): counts[column] for column, label in enumerate(labels) if counts[column]}
