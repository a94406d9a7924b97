"""The form that image classification pipelines of Hugging Face answer in."""

from mien.recognition.results import FaceExpression


def to_ranked_labels(face: FaceExpression) -> list[dict[str, str | float]]:
    """``[{"label": "happiness", "score": 0.93}, …]``, most probable first."""
    return [{"label": str(label), "score": share} for label, share in face.probabilities.ranked()]
