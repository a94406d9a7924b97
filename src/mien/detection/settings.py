"""How a picture is searched: how thoroughly, for which faces, and how many are kept.

It does not search.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from mien.detection.base import Detector, DetectorWrapper, FaceDetection, in_reading_order
from mien.errors import ConfigError
from mien.geometry import ByteArray

#: ``fast`` makes one pass over the whole picture; ``default`` makes closer ones where that may have missed something;
#: ``thorough`` makes them everywhere and at every turn.
SearchMode = Literal["fast", "default", "thorough"]

#: Width in pixels of the smallest face that is looked for where nothing else is asked for.
DEFAULT_MIN_FACE_PX = 24.0
#: A box is up to a quarter narrower than its face, so that a face at the limit is kept.
_SIZE_TOLERANCE = 0.75


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """What is looked for in a picture.

    Attributes:
        mode: How thoroughly.
        min_face: Width of the smallest face looked for and kept: pixels from 1 on, below that a share of the long side.
            None looks for faces of :data:`DEFAULT_MIN_FACE_PX` and keeps what else it sees.
        max_faces: Largest number of faces, of which the largest are kept; None keeps all.
        min_score: Faces below this confidence are left out, in [0, 1]; None takes the detector's own default.

    Raises:
        ConfigError: A value is out of its range.
    """

    mode: SearchMode = "default"
    min_face: float | None = None
    max_faces: int | None = None
    min_score: float | None = None

    def __post_init__(self) -> None:
        if self.mode not in get_args(SearchMode):
            raise ConfigError(f"search is {self.mode!r}, expected one of {', '.join(get_args(SearchMode))}")
        if self.min_face is not None and not 0 < self.min_face < 1e6:  # NaN fails too
            raise ConfigError(
                f"min_face is {self.min_face}, expected pixels from 1 on, or a share of the long side between 0 and 1"
            )
        if self.max_faces is not None and self.max_faces < 1:
            raise ConfigError(f"max_faces is {self.max_faces}, expected at least 1")
        if self.min_score is not None and not 0 <= self.min_score <= 1:
            raise ConfigError(f"min_score is {self.min_score}, expected a number in [0, 1]")

    def min_face_px(self, long_side: float) -> float:
        """The smallest face looked for, in pixels of a picture with this long side."""
        if self.min_face is None:
            return DEFAULT_MIN_FACE_PX
        return self.min_face if self.min_face >= 1 else max(1.0, self.min_face * long_side)

    def kept(self, faces: Iterable[FaceDetection], long_side: float) -> list[FaceDetection]:
        """The faces that are neither too small nor too many, largest first."""
        least = 0.0 if self.min_face is None else _SIZE_TOLERANCE * self.min_face_px(long_side)
        large = sorted((face for face in faces if face.box.width >= least), key=lambda face: -face.box.area)
        return large[: self.max_faces]


DEFAULT_SEARCH = SearchSettings()


class SelectingDetector(DetectorWrapper[Detector]):
    """Any detector, of whose faces only the wanted sizes and number are kept."""

    def __init__(self, detector: Detector, settings: SearchSettings) -> None:
        super().__init__(detector)
        self._settings = settings

    def detect(self, image: ByteArray) -> tuple[FaceDetection, ...]:
        """Faces of an RGB uint8 picture (H, W, 3), from left to right."""
        return in_reading_order(self._settings.kept(self._detector.detect(image), max(image.shape[:2])))
