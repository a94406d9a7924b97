"""The bridge to Roboflow's supervision: our faces as its ``Detections``, and faces in its ``Detections`` read by us."""

from typing import TYPE_CHECKING

import numpy as np

from mien.detection.base import FaceDetection
from mien.errors import MissingDependencyError
from mien.geometry import Box
from mien.imaging import ColorOrder, ImageSource
from mien.recognition.pipeline import ExpressionPipeline, load
from mien.recognition.results import ImageResult

if TYPE_CHECKING:
    import supervision as sv


def to_supervision(result: ImageResult) -> "sv.Detections":
    """Boxes, class numbers in label order, probabilities as confidence, track numbers where there are some.

    ``data`` holds ``class_name``, ``probabilities`` (faces, labels) and ``detector_score``.

    Raises:
        MissingDependencyError: supervision is not installed.
    """
    try:
        import supervision as sv  # noqa: PLC0415 - no extra of ours: it brings an OpenCV that others clash with
    except ModuleNotFoundError as err:
        raise MissingDependencyError("supervision is not installed", hint="pip install supervision") from err
    faces = result.faces
    if not faces:
        return sv.Detections.empty()
    tracks = [face.track_id for face in faces]
    return sv.Detections(
        xyxy=np.array([list(face.detection.box.to_dict().values()) for face in faces], np.float32),
        confidence=np.array([face.probability for face in faces], np.float32),
        class_id=np.array([face.probabilities.labels.index(face.choice) for face in faces]),
        # supervision takes all or none
        tracker_id=None if None in tracks else np.array(tracks),
        data={
            "class_name": np.array([str(face.choice) for face in faces]),
            "probabilities": np.array([face.probabilities.row for face in faces], np.float32),
            "detector_score": np.array([face.detection.score for face in faces], np.float32),
        },
    )


def predict_detections(
    image: ImageSource,
    detections: "sv.Detections",
    *,
    pipeline: ExpressionPipeline | None = None,
    color: ColorOrder = "bgr",
) -> ImageResult:
    """The expressions of faces that another detector found, in its order.

    Args:
        image: The picture; arrays are BGR, as supervision's are.
        detections: Anything with ``xyxy`` (n, 4) in pixels and ``confidence`` (n,) or None.
        pipeline: None loads the shipped one.
        color: Order of an array's channels.

    Raises:
        SourceError: A file is not there.
        ImageDecodeError: It is no picture.
    """
    # detectors without scores are trusted
    scores = np.ones(len(detections.xyxy)) if detections.confidence is None else detections.confidence
    faces = [
        FaceDetection(Box(*map(float, box)), float(score)) for box, score in zip(detections.xyxy, scores, strict=True)
    ]
    return (pipeline or load()).predict_faces(image, faces, color=color)
