"""Occlusion maps: how a probability changes when a part of the face is covered (Zeiler and Fergus 2014, 4.2).

They need only probabilities, so that they work with every model file.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from mien.errors import ShapeError
from mien.expressions import Expression
from mien.geometry import FloatArray
from mien.recognition.probabilities import ExpressionProbabilities
from mien.recognition.recognizer import Recognizer
from mien.render.canvas import save_picture
from mien.render.explanation import render_explanation
from mien.render.faces import FaceMark


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """The importance of each pixel of a face for an expression.

    Attributes:
        crop: The face as the network saw it, float32 (H, W) in [0, 1].
        expression: The expression that is explained.
        named: The expression that is named for the face.
        probabilities: Of the uncovered face.
        importance: float32 (H, W); decrease of the expression's probability when the pixel is covered, averaged over
            the patches that cover it. Negative where covering increases it.
    """

    crop: FloatArray
    expression: Expression
    named: Expression
    probabilities: ExpressionProbabilities
    importance: FloatArray

    def plot(self, *, number: int = 1) -> Image.Image:
        """The face, the face tinted by importance (red for, blue against the expression), and the probabilities.

        Args:
            number: Of the face, for its label.
        """
        face = replace(FaceMark.without_box(self.probabilities.to_dict(), str(self.named)), number=number)
        return render_explanation(self.crop, self.importance, face, str(self.expression))

    def save(self, path: str | Path, *, number: int = 1) -> None:
        """Write :meth:`plot` as a picture.

        Raises:
            StorageError: The file cannot be written.
        """
        save_picture(self.plot(number=number), Path(path))


def explain(
    recognizer: Recognizer,
    crop: FloatArray,
    *,
    expression: Expression | None = None,
    patch: int = 10,
    stride: int = 3,
) -> Explanation:
    """Cover the face patch by patch with its mean gray, and measure the decrease of a probability.

    Args:
        recognizer: The network.
        crop: The face as the network sees it, gray (H, W) in [0, 1]; see ``ExpressionPipeline.crop``.
        expression: The expression to explain; by default the one that is named.
        patch: Side of the covered square in pixels.
        stride: Pixels from one square to the next.

    Raises:
        ShapeError: The crop has another size than the network's input, or patch and stride do not fit it.
    """
    size = recognizer.metadata.input.size
    if crop.shape != (size, size):
        raise ShapeError(f"crop of shape {crop.shape}, expected ({size}, {size})")
    if not (1 <= stride <= patch <= size):
        raise ShapeError(f"patch {patch} and stride {stride}: expected 1 ≤ stride ≤ patch ≤ {size}")
    corners = _corners(size, patch, stride)
    covered = np.repeat(crop[None], len(corners), axis=0)  # (patches, H, W), one copy of the face per patch
    for face, (top, left) in zip(covered, corners, strict=True):
        face[top : top + patch, left : left + patch] = crop.mean()  # black would add a dark object to the face
    # row 0 is the uncovered face; all go through the network in batches, (1 + patches, classes)
    probabilities = recognizer.predict_proba(np.concatenate([crop[None], covered]).astype(np.float32))
    face = ExpressionProbabilities.from_row(recognizer.labels, probabilities[0])
    named = face.named_by(recognizer.decision)
    column = recognizer.labels.index(expression or named)
    falls = probabilities[0, column] - probabilities[1:, column]  # (patches,)
    importance = _mean_over_patches(falls, corners, size, patch)
    return Explanation(crop, recognizer.labels[column], named, face, importance)


def _mean_over_patches(falls: FloatArray, corners: list[tuple[int, int]], size: int, patch: int) -> FloatArray:
    """For each pixel the mean of ``falls`` (patches,) over the patches that cover it, (size, size)."""
    total, count = np.zeros((size, size)), np.zeros((size, size))
    for fall, (top, left) in zip(falls, corners, strict=True):
        total[top : top + patch, left : left + patch] += fall
        count[top : top + patch, left : left + patch] += 1  # never 0 in the end: the patches cover everything
    return (total / count).astype(np.float32)


def _corners(size: int, patch: int, stride: int) -> list[tuple[int, int]]:
    """Top left corners of squares that cover everything; the last ones touch the far edges."""
    starts = sorted({*range(0, size - patch, stride), size - patch})  # 14 per axis by default, so 196 squares
    return [(top, left) for top in starts for left in starts]
