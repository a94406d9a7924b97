"""What one frame of a video shows: the faces with their tracks, and the same as rows of a table."""

from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any

from PIL import Image

from mien.expressions import LabelSet
from mien.geometry import ByteArray
from mien.recognition.probabilities import ExpressionProbabilities
from mien.recognition.results import FaceExpression
from mien.render.canvas import save_picture
from mien.render.faces import FaceMark
from mien.render.html import picture_uri
from mien.video.drawing import FrameRenderer

#: Columns of a table before those of the probabilities.
PLACE_COLUMNS = ("frame", "timestamp_s", "track_id", "left", "top", "right", "bottom", "detector_score")

Row = dict[str, int | float | str | None]


@dataclass(frozen=True, slots=True, repr=False)
class TrackedFace(FaceExpression):
    """A face of a video: ``probabilities`` are smoothed over its track, ``raw_probabilities`` are of this frame alone.

    Attributes:
        raw_probabilities: What the network gives for this frame alone.
        detected: Whether the detector found the face in this frame; otherwise the box is predicted from its motion.
    """

    raw_probabilities: ExpressionProbabilities = field(kw_only=True)
    detected: bool = True

    def to_dict(self) -> dict[str, Any]:
        """The record of a photo's face and the raw probabilities; ``detector_score`` is None where no detector ran."""
        record = FaceExpression.to_dict(self)
        record["detector_score"] = self.detection.score if self.detected else None
        return {**record, "raw_probabilities": self.raw_probabilities.to_dict()}

    def mark(self) -> FaceMark:
        """What is rendered of this face, under the number of its track."""
        return replace(FaceExpression.mark(self), number=self.track_id)


@dataclass(frozen=True, slots=True)
class FrameResult:
    """The faces of one frame.

    Attributes:
        index: Number of the frame in its source, from 0.
        timestamp_s: Time at which it is shown, in seconds from the start of its source.
        size: (width, height) in pixels, upright.
        faces: In the order of their boxes' centers, left to right; empty without faces.
        image: The frame itself, RGB uint8 (H, W, 3).
        captured_s: Time at which a live source captured the frame, on :func:`time.monotonic`'s clock.
        damaged: Whether the decoder marks the frame as damaged.
    """

    index: int
    timestamp_s: float
    size: tuple[int, int]
    faces: tuple[TrackedFace, ...]
    image: ByteArray = field(repr=False, compare=False)
    captured_s: float | None = field(default=None, repr=False, compare=False)
    damaged: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The record of the frame as plain numbers and strings, nothing rounded."""
        faces = [face.to_dict() for face in self.faces]
        return {"frame": self.index, "timestamp_s": self.timestamp_s, "damaged": self.damaged, "faces": faces}

    def _repr_html_(self) -> str:
        """For notebooks: the frame with boxes, names and bars."""
        text = f"{self.timestamp_s:.2f} s: {', '.join(face.mark().title for face in self.faces) or 'no face'}"
        return f'<img alt="{escape(text)}" style="max-width:100%" src="{picture_uri(self.plot())}">'

    def plot(self) -> Image.Image:
        """The frame with its faces boxed and numbered by track, with their expressions; the size stays."""
        return FrameRenderer().render(self.image, [face.mark() for face in self.faces])

    def save(self, path: str | Path) -> None:
        """Write :meth:`plot` as a picture, in the format of the name's ending.

        Raises:
            StorageError: The ending names no format, or the file cannot be written.
        """
        save_picture(self.plot(), Path(path))

    def rows(self, labels: LabelSet) -> list[Row]:
        """A row for each face with the columns of :func:`table_columns`; without faces one row with empty cells."""
        columns = table_columns(labels)
        if not self.faces:  # a row all the same, so that a table shows which frames were read
            known = {"frame": self.index, "timestamp_s": self.timestamp_s, "damaged": self.damaged}
            return [dict.fromkeys(columns) | known]
        return [dict(zip(columns, self._row(face), strict=True)) for face in self.faces]

    def _row(self, face: TrackedFace) -> list[int | float | str | None]:
        box = face.detection.box.to_dict().values()
        score = face.detection.score if face.detected else None
        named = None if face.expression is None else str(face.expression)
        # The order is that of table_columns.
        start = [self.index, self.timestamp_s, face.track_id, *box, score, named, face.probability]
        return [*start, *face.probabilities.row, *face.raw_probabilities.row, self.damaged]


def table_columns(labels: LabelSet) -> tuple[str, ...]:
    """Names of a table's columns, in order."""
    names = [str(label) for label in labels]
    return (*PLACE_COLUMNS, "expression", "probability", *names, *(f"raw_{name}" for name in names), "damaged")
