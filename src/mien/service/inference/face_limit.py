"""A limit of faces in a picture, as a wrapper around a detector."""

from collections.abc import Sequence

from mien.detection.base import Detector, DetectorWrapper, FaceDetection, FollowingDetector
from mien.errors import LimitError
from mien.geometry import ByteArray


class LimitedDetector(DetectorWrapper[Detector]):
    """A detector that refuses pictures with too many faces before they reach the network."""

    def __init__(self, detector: Detector, max_faces: int) -> None:
        super().__init__(detector)
        self._max_faces = max_faces

    def detect(self, image: ByteArray) -> tuple[FaceDetection, ...]:
        """Faces of an RGB uint8 picture (H, W, 3), from left to right.

        Raises:
            LimitError: There are too many.
        """
        return self._checked(self._detector.detect(image))

    def _checked(self, faces: tuple[FaceDetection, ...]) -> tuple[FaceDetection, ...]:
        if len(faces) > self._max_faces:
            raise LimitError(f"{len(faces)} faces, expected at most {self._max_faces}", hint="cut the picture in parts")
        return faces


class LimitedFollower(LimitedDetector):
    """The same limit around a detector that is faster in videos, as it uses the faces of earlier frames."""

    def __init__(self, detector: FollowingDetector, max_faces: int) -> None:
        super().__init__(detector, max_faces)
        self._follower = detector

    def detect_again(
        self, image: ByteArray, expected: Sequence[FaceDetection], *, closer: bool
    ) -> tuple[FaceDetection, ...]:
        """Faces of a picture much like the one before; ``closer`` also searches for small new faces.

        Raises:
            LimitError: There are too many.
        """
        return self._checked(self._follower.detect_again(image, expected, closer=closer))


def limit_faces(detector: Detector, max_faces: int) -> Detector:
    """The detector with a limit of faces; one that follows faces in videos still does."""
    # Two classes, since the protocol is recognized by its method: a wrapper that always had it would claim too much.
    if isinstance(detector, FollowingDetector):
        return LimitedFollower(detector, max_faces)
    return LimitedDetector(detector, max_faces)
