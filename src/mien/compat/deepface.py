"""``from mien.compat import deepface as DeepFace`` in place of ``from deepface import DeepFace`` (deepface 0.0.103).

Only the action ``emotion`` is answered; docs/how-to/from-deepface.md lists what is the same and what is not.
"""

from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from mien.compat.seven import area_of, bgr_picture, seven_shares, shared_pipeline
from mien.detection.whole import WholePicture
from mien.errors import ConfigError
from mien.imaging import load_image
from mien.recognition.pipeline import ExpressionPipeline
from mien.recognition.results import FaceExpression

#: A face as deepface gives it: ``emotion`` in percent, ``dominant_emotion``, ``region``, ``face_confidence``.
DeepFaceFace = dict[str, Any]
#: What deepface takes as a picture: a path, a BGR array, or an open file.
DeepFacePicture = str | npt.NDArray[np.uint8] | BinaryIO


class FaceNotDetectedError(ValueError):
    """There is no face, and ``enforce_detection`` is set; deepface's own class is a ValueError too."""


def analyze(  # noqa: PLR0913, PLR0917 - their signature
    img_path: DeepFacePicture | Sequence[DeepFacePicture],
    actions: Sequence[str] | str = ("emotion",),
    enforce_detection: bool = True,
    detector_backend: str = "opencv",
    align: bool = True,
    expand_percentage: int = 0,
    silent: bool = False,
    anti_spoofing: bool = False,
) -> list[DeepFaceFace] | list[list[DeepFaceFace]]:
    """The faces of a picture; a list or an array of four dimensions gives a list for each picture.

    Args:
        img_path: A path, BGR uint8 array, or open file; or several.
        actions: Only ``emotion``.
        enforce_detection: Without a face raise instead of answering for the whole picture.
        detector_backend: ``skip`` takes the picture as the face; every other name means our detector.
        align: Accepted; faces are always turned upright.
        expand_percentage: Accepted; the crop is the one that the network was trained on.
        silent: Accepted; nothing is printed.
        anti_spoofing: Not to be had.

    Raises:
        ConfigError: Another action than ``emotion``, or ``anti_spoofing``.
        FaceNotDetectedError: There is no face, and ``enforce_detection`` is set.
        SourceError: A file is not there.
        ImageDecodeError: It is no picture.
    """
    wanted = [actions] if isinstance(actions, str) else list(actions)
    if other := [action for action in wanted if action != "emotion"] or not wanted:
        raise ConfigError(f"actions {other or wanted}: mien reads expressions only", hint='actions=["emotion"]')
    if anti_spoofing:
        raise ConfigError("anti_spoofing is not to be had in mien", hint="leave it out")
    del align, expand_percentage, silent
    if isinstance(img_path, list | tuple) or (isinstance(img_path, np.ndarray) and img_path.ndim == 4):
        return [_faces(picture, enforce_detection, detector_backend) for picture in img_path]
    return _faces(img_path, enforce_detection, detector_backend)  # type: ignore[arg-type]  # one picture


def _faces(source: DeepFacePicture, enforce: bool, backend: str) -> list[DeepFaceFace]:
    pipeline = shared_pipeline()
    picture = bgr_picture(source) if isinstance(source, np.ndarray) else load_image(source)
    found: list[FaceExpression] = [] if backend == "skip" else list(pipeline.predict(picture).faces)
    if found:
        return [_record(face, area_of(face.detection), face.detection.score) for face in found]
    if enforce and backend != "skip":
        raise FaceNotDetectedError(
            "Face could not be detected. Please confirm that the picture is a face photo "
            "or consider to set enforce_detection param to False."
        )
    height, width = picture.shape[:2]
    whole = ExpressionPipeline(WholePicture(), pipeline.recognizer)
    return [_record(face, (0, 0, width - 1, height - 1), 0) for face in whole.predict(picture).faces]


def _record(face: FaceExpression, area: tuple[int, int, int, int], confidence: float) -> DeepFaceFace:
    shares = {name: 100 * share for name, share in seven_shares(face).items()}
    left, top, width, height = area
    marks = face.detection.landmarks
    eyes = {
        "left_eye": None if marks is None else tuple(map(round, marks.left_eye)),
        "right_eye": None if marks is None else tuple(map(round, marks.right_eye)),
    }
    return {
        "emotion": shares,
        "dominant_emotion": max(shares, key=lambda name: shares[name]),
        "region": {"x": left, "y": top, "w": width, "h": height, **eyes},
        "face_confidence": round(confidence, 2),
    }
