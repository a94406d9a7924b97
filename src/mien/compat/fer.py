"""``from mien.compat.fer import FER, Video`` in place of ``from fer import FER, Video`` (fer 25.10).

Arguments that choose their networks or tune their detector are accepted and change nothing; docs/how-to/from-fer.md
lists what is the same and what is not.
"""

import base64
import binascii
import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mien.compat.seven import area_of, bgr_picture, seven_shares, shared_pipeline
from mien.detection.base import FaceDetection
from mien.errors import ConfigError
from mien.geometry import Box, ByteArray
from mien.imaging import load_image
from mien.runtime.files import atomic_file
from mien.runtime.optional import extra

if TYPE_CHECKING:
    import pandas as pd

#: A face as fer gives it: ``{"box": [x, y, w, h], "emotions": {"angry": 0.0, …}}``.
FerFace = dict[str, Any]
#: A row of a video for each frame: ``{"box0": [x, y, w, h], "angry0": 0.0, …}`` with a number for each face.
FerRows = list[dict[str, Any]]
#: What fer takes as a picture: a path, a BGR or gray array, or base64 text.
FerPicture = str | Path | npt.NDArray[np.uint8]


class FER:
    """The detector of ``fer``: BGR arrays, whole-pixel boxes, seven emotions with two decimals."""

    def __init__(  # noqa: PLR0913, PLR0917 - their signature
        self,
        cascade_file: str | None = None,
        mtcnn: bool = False,
        tfserving: bool = False,
        use_tflite: bool = True,
        scale_factor: float = 1.1,
        min_face_size: int = 50,
        min_neighbors: int = 5,
        offsets: tuple[int, int] = (10, 10),
    ) -> None:
        if tfserving:
            raise ConfigError("tfserving asks a server of TensorFlow, which mien has not", hint="leave it out")
        del cascade_file, mtcnn, use_tflite, scale_factor, min_neighbors, offsets  # of their own detectors
        self._min_face_size = min_face_size

    def detect_emotions(self, img: FerPicture, face_rectangles: Sequence[Sequence[int]] | None = None) -> list[FerFace]:
        """Every face of ``img``; faces smaller than ``min_face_size`` are left out, as theirs are.

        Args:
            img: A path, a BGR (H, W, 3) or gray (H, W) uint8 array, or base64 text.
            face_rectangles: Faces that were found elsewhere, (x, y, w, h) each; None finds them.

        Raises:
            SourceError: A file is not there.
            ImageDecodeError: It is no picture.
        """
        picture, pipeline = _picture(img), shared_pipeline()
        if face_rectangles is None:
            faces = [f for f in pipeline.predict(picture).faces if f.detection.box.width >= self._min_face_size]
        else:
            given = [FaceDetection(Box(x, y, x + w, y + h), 1.0) for x, y, w, h in face_rectangles]
            faces = list(pipeline.predict_faces(picture, given).faces)
        return [
            {
                "box": list(area_of(face.detection)),
                "emotions": {name: round(share, 2) for name, share in seven_shares(face).items()},
            }
            for face in faces
        ]

    def batch_detect_emotions(self, imgs: Sequence[FerPicture]) -> list[list[FerFace]]:
        """:meth:`detect_emotions` of each picture."""
        return [self.detect_emotions(img) for img in imgs]

    def top_emotion(self, img: FerPicture) -> tuple[str | None, float | None]:
        """Name and share of the first face's strongest emotion; ``(None, None)`` without a face."""
        found = self.detect_emotions(img)
        if not found:
            return None, None
        emotions: dict[str, float] = found[0]["emotions"]
        top = max(emotions, key=lambda name: emotions[name])
        return top, emotions[top]


class Video:
    """The video reader of ``fer``; frames without a face have an empty row, so that rows stay frames.

    Args:
        video_file: Its path.
        outdir: Where :meth:`to_csv` writes.
        first_face_only: Whether :meth:`to_pandas` keeps the first face alone, without numbers in the names of columns.
        tempfile: Accepted.
    """

    def __init__(
        self,
        video_file: str,
        outdir: str = "output",
        first_face_only: bool = True,
        tempfile: str | None = None,
    ) -> None:
        self._path, self._outdir, self._first_face_only = video_file, Path(outdir), first_face_only
        del tempfile

    def analyze(  # noqa: PLR0913, PLR0917 - their signature
        self,
        detector: FER,
        display: bool = False,
        output: str = "csv",
        frequency: int | None = None,
        max_results: int | None = None,
        save_fps: int | None = None,
        video_id: str | None = None,
        save_frames: bool = True,
        save_video: bool = True,
        annotate_frames: bool = True,
        zip_images: bool = True,
        detection_box: dict[str, int] | None = None,
        lang: str = "en",
        include_audio: bool = False,
        size_multiplier: int = 1,
        batch_size: int = 1,
        use_async_io: bool = True,
    ) -> "FerRows | pd.DataFrame":
        """One row a frame, with ``box0``, ``happy0`` … for each face; ``output`` sends them through a method below.

        What would change the answers and is not to be had is refused; what concerns the pictures and videos that fer
        writes beside them is accepted.

        Raises:
            ConfigError: ``display``, ``save_fps`` or ``detection_box`` is set, or ``output`` is neither ``csv`` nor
                ``pandas``.
            MissingDependencyError: PyAV is not installed, or pandas where it is the output.
        """
        if display:
            raise ConfigError("display opens a window, which mien does not", hint="mien video --save draws the video")
        if output not in {"csv", "pandas"}:
            raise ConfigError(f"output is {output!r}, expected csv or pandas")
        if save_fps is not None or detection_box is not None:
            raise ConfigError("save_fps and detection_box are not to be had", hint="frequency=N reads every N-th")
        del detector, video_id, save_frames, save_video, annotate_frames, zip_images
        del lang, include_audio, size_multiplier, batch_size, use_async_io
        rows = self._rows(frequency or 1, max_results)
        return self.to_csv(rows) if output == "csv" else self.to_pandas(rows)

    def _rows(self, stride: int, most: int | None) -> FerRows:
        from mien.video.run import analyze_video  # noqa: PLC0415 - an extra
        from mien.video.settings import VideoSettings  # noqa: PLC0415

        rows: FerRows = []
        for frame in analyze_video(self._path, pipeline=shared_pipeline(), settings=VideoSettings(stride=stride)):
            row: dict[str, Any] = {}
            for number, face in enumerate(frame.faces):
                row[f"box{number}"] = list(area_of(face.detection))
                row |= {f"{name}{number}": round(share, 2) for name, share in seven_shares(face).items()}
            rows.append(row)
            if most and len(rows) >= most:
                break
        return rows

    def to_csv(self, data: FerRows, filename: str = "data.csv") -> FerRows:
        """Write the rows as ``filename`` in ``outdir``, and give them back.

        Raises:
            StorageError: It cannot be written.
        """
        names = dict.fromkeys(name for row in data for name in row)
        self._outdir.mkdir(parents=True, exist_ok=True)
        with (
            atomic_file(self._outdir / filename) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as stream,
        ):
            writer = csv.DictWriter(stream, list(names), lineterminator="\n")
            writer.writeheader()
            writer.writerows(data)
        return data

    def to_pandas(self, data: "FerRows | pd.DataFrame") -> "pd.DataFrame":
        """The rows as a data frame, with ``first_face_only`` of the first face alone.

        Raises:
            MissingDependencyError: pandas is not installed.
        """
        with extra("bridges"):
            import pandas as pd  # noqa: PLC0415 - an extra
        if isinstance(data, pd.DataFrame):
            return data
        frame = pd.DataFrame(data)
        return self.get_first_face(frame) if self._first_face_only else frame

    @staticmethod
    def get_first_face(df: "pd.DataFrame") -> "pd.DataFrame":
        """The columns of the first face, without their numbers; a frame that has none stays as it is."""
        first = [name for name in df.columns if re.fullmatch(r"\D+0", name)]
        return df[first].rename(columns=lambda name: name[:-1]) if first else df

    @staticmethod
    def get_emotions(df: "pd.DataFrame") -> "pd.DataFrame":
        """All columns but those of the boxes."""
        return df[[name for name in df.columns if "box" not in name]]


def _picture(img: FerPicture) -> ByteArray:
    if isinstance(img, np.ndarray):
        return bgr_picture(img)
    if isinstance(img, str) and not Path(img[:255]).exists():
        try:
            return load_image(base64.b64decode(img.partition("base64,")[2] or img, validate=True))
        except (binascii.Error, ValueError):
            pass  # a path after all, and load_image raises for a missing file
    return load_image(img)
