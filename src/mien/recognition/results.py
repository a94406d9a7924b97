"""The results of inference as frozen types, with their forms as JSON, table rows and pictures."""

import json
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from mien.decision import DecisionRule
from mien.detection.base import FaceDetection
from mien.errors import MienError, ShapeError
from mien.expressions import Expression
from mien.geometry import ByteArray
from mien.preprocessing import Framing, crop_face_color
from mien.recognition.probabilities import ExpressionProbabilities
from mien.recognition.quality import FaceQuality
from mien.render.faces import FaceMark
from mien.render.text import percent
from mien.runtime.optional import extra

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

#: Version of the JSON layout.
RESULT_SCHEMA = 2


@dataclass(frozen=True, slots=True, repr=False)
class FaceExpression:
    """One face: its detection and its expression.

    Attributes:
        detection: Box, detector score and key points.
        probabilities: Of each expression.
        track_id: Number of the face's track, the same in all frames of a video; None for single pictures.
        min_confidence: No expression is named if its probability is lower, in [0, 1].
        decision: The decision rule; None names the most probable expression.
        quality: Quality of the face; None if it was not measured.
    """

    detection: FaceDetection
    probabilities: ExpressionProbabilities
    track_id: int | None = None
    min_confidence: float = 0.0
    decision: DecisionRule | None = None
    quality: FaceQuality | None = None

    @property
    def choice(self) -> Expression:
        """The expression that the decision rule selects, whatever its probability."""
        return self.probabilities.named_by(self.decision)

    @property
    def probability(self) -> float:
        """Probability of :attr:`choice`, in [0, 1]; with a decision rule another expression may be more probable."""
        return self.probabilities[self.choice]

    @property
    def expression(self) -> Expression | None:
        """The named expression: :attr:`choice`, or None if its probability is below ``min_confidence``."""
        choice = self.choice
        # the probability of the choice, not the largest one: a decision rule may name another expression
        return choice if self.probabilities[choice] >= self.min_confidence else None

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, nothing rounded; ``track_id`` only where there is one."""
        record: dict[str, Any] = {
            "box": self.detection.box.to_dict(),
            "detector_score": self.detection.score,
            "expression": None if self.expression is None else str(self.expression),
            "probability": self.probability,
            "probabilities": self.probabilities.to_dict(),
            "landmarks": None if self.detection.landmarks is None else self.detection.landmarks.to_dict(),
            "roll_deg": self.detection.roll_deg,
            "quality": None if self.quality is None else self.quality.to_dict(),
        }
        # first, as in the columns of the table of a video
        return record if self.track_id is None else {"track_id": self.track_id, **record}

    def to_columns(self) -> dict[str, Any]:
        """The table columns of the face itself: box, detector score, expression and probabilities."""
        return {
            **self.detection.box.to_dict(),
            "detector_score": self.detection.score,
            "expression": None if self.expression is None else str(self.expression),
            "probability": self.probability,
            **self.probabilities.to_dict(),
        }

    def __repr__(self) -> str:
        box = self.detection.box
        track = "" if self.track_id is None else f" track {self.track_id}"
        at = f"({box.left:.0f}, {box.top:.0f}, {box.right:.0f}, {box.bottom:.0f})"
        return f"<{type(self).__name__}{track} {self.mark().title} at {at}>"

    def mark(self) -> FaceMark:
        """The data for rendering this face."""
        return FaceMark(
            self.detection.box,
            self.probabilities.to_dict(),
            named=self.expression is not None,
            expression=str(self.choice),  # also of an uncertain face, which is rendered as such
        )


@dataclass(frozen=True, slots=True, repr=False)
class ImageResult:
    """The faces of one picture, from left to right.

    Attributes:
        size: (width, height) in pixels, upright.
        faces: Ordered by the centers of their boxes, left to right, then top to bottom; empty if there is no face.
        source: Path as it was given; None for bytes, arrays and other objects.
        image: The picture itself, RGB uint8 (H, W, 3), for :meth:`plot`.
        framing: How the faces were cropped for the network, for :meth:`crops`.
    """

    size: tuple[int, int]
    faces: tuple[FaceExpression, ...]
    source: str | None = None
    image: ByteArray | None = field(default=None, repr=False, compare=False)
    framing: Framing | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, nothing rounded."""
        width, height = self.size
        return {
            "schema": RESULT_SCHEMA,
            "source": self.source,
            "width": width,
            "height": height,
            "faces": [face.to_dict() for face in self.faces],
        }

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)  # unrounded; commands round to six digits

    def to_records(self) -> list[dict[str, Any]]:
        """One flat dict per face, with the columns of the CSV; an empty list if there is no face."""
        width, height = self.size
        return [
            {"source": self.source, "width": width, "height": height, "face": number, **face.to_columns()}
            for number, face in enumerate(self.faces, start=1)
        ]

    def to_pandas(self) -> "pd.DataFrame":
        """:meth:`to_records` as a pandas data frame; :func:`mien.interop.to_pandas` takes several results.

        Raises:
            MissingDependencyError: pandas is not installed.
        """
        with extra("bridges"):
            import pandas as pd  # noqa: PLC0415 - an extra
        return pd.DataFrame(self.to_records())

    def to_polars(self) -> "pl.DataFrame":
        """:meth:`to_records` as a polars data frame; :func:`mien.interop.to_polars` takes several results.

        Raises:
            MissingDependencyError: polars is not installed.
        """
        with extra("bridges"):
            import polars as pl  # noqa: PLC0415 - an extra
        return pl.DataFrame(self.to_records())

    def __repr__(self) -> str:
        faces = ", ".join(str(face.mark().title) for face in self.faces) or "no face"
        return f"<ImageResult {self.size[0]}×{self.size[1]}: {faces}>"

    def _repr_html_(self) -> str:
        """For notebooks: the picture with boxes and bars, or the probabilities as a table if it was not kept."""
        from mien.render.html import html_table, picture_uri  # noqa: PLC0415 - tables are Rich's, which takes a while

        if self.image is not None:  # the alternative text is escaped: labels come from the model file
            return f'<img alt="{escape(repr(self))}" style="max-width:100%" src="{picture_uri(self.plot())}">'
        labels = [] if not self.faces else [str(label) for label in self.faces[0].probabilities.labels]
        rows = [
            (str(number), face.mark().title, *map(percent, face.probabilities.row))
            for number, face in enumerate(self.faces, start=1)
        ]
        return html_table(("face", "expression", *labels), rows)

    def crops(self, size: int = 224) -> tuple[ByteArray, ...]:
        """Each face as it was framed for the network, upright, but in color: RGB uint8 (size, size, 3), in order.

        Raises:
            ShapeError: The result holds no picture, or does not say how its faces were cropped.
        """
        if self.image is None or self.framing is None:
            raise ShapeError("this result holds no picture to crop faces from", hint="pipeline.predict gives one")
        # the network's framing at a larger size: the same part of the picture, from the original pixels
        places = [self.framing.place(face.detection.box, face.detection.roll_deg) for face in self.faces]
        return tuple(crop_face_color(self.image, box, roll_deg=roll, size=size) for box, roll in places)

    def plot(self) -> Image.Image:
        """The picture with a box around each face, and beside it each face's expression and probability bars.

        Raises:
            ShapeError: The result holds no picture.
        """
        if self.image is None:
            raise ShapeError("this result holds no picture to render")
        from mien.render.panels import render_panels  # noqa: PLC0415 - most predictions are not drawn

        return render_panels(self.image, [face.mark() for face in self.faces])

    def save(self, path: str | Path) -> None:
        """Write :meth:`plot` as a picture, in the format of the name's ending.

        Raises:
            ShapeError: The result holds no picture.
            StorageError: The file cannot be written.
        """
        from mien.render.canvas import save_picture  # noqa: PLC0415

        save_picture(self.plot(), Path(path))


@dataclass(frozen=True, slots=True)
class FailedImage:
    """A picture of a batch that could not be read.

    Attributes:
        source: Path as it was given; None for objects.
        error: What was raised.
    """

    source: str | None
    error: MienError

    def to_dict(self) -> dict[str, Any]:
        """``error`` in place of the faces."""
        return {"schema": RESULT_SCHEMA, "source": self.source, "error": str(self.error)}

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)
