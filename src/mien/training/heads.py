"""The two heads of a network, as columns of its logits.

A network with both has a last layer of fifteen columns. The first eight are the expression that people see in a face
(FER+'s votes), the other seven the one that it was meant to show (FER2013's own label).
"""

from torch import Tensor

from mien.expressions import FER2013_LABELS, FERPLUS_LABELS

CLASSES, INTENDED_CLASSES = len(FERPLUS_LABELS), len(FER2013_LABELS)
#: For each class of the second head the column of the same expression in the first; contempt is only in the first.
INTENDED_FROM_PERCEIVED = [FERPLUS_LABELS.expressions.index(label) for label in FER2013_LABELS]


def perceived(logits: Tensor) -> Tensor:
    """The first head's logits: (N, 15) or (N, 8) to (N, 8)."""
    return logits[:, :CLASSES]


def intended(logits: Tensor) -> Tensor:
    """The second head's logits: (N, 15) to (N, 7)."""
    return logits[:, CLASSES : CLASSES + INTENDED_CLASSES]
