"""Results as COCO annotations (https://cocodataset.org/#format-data): expressions are the categories."""

from collections.abc import Sequence
from typing import Any

from mien.expressions import FERPLUS_LABELS
from mien.recognition.results import ImageResult


def to_coco(results: Sequence[ImageResult]) -> dict[str, Any]:
    """``images``, ``annotations`` and ``categories``; boxes are ``[x, y, width, height]``, scores probabilities.

    A face without a named expression has the category of its most probable one.
    """
    labels = results[0].faces[0].probabilities.labels if results and results[0].faces else FERPLUS_LABELS
    numbers = {label: number for number, label in enumerate(labels, start=1)}  # COCO's ids begin at 1
    annotations: list[dict[str, Any]] = []
    for image_id, result in enumerate(results, start=1):
        for face in result.faces:
            box = face.detection.box
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": numbers[face.choice],
                    "bbox": list(box.xywh),
                    "area": box.area,  # of the box: there is no mask
                    "iscrowd": 0,
                    "score": face.probability,
                    "attributes": {"probabilities": face.probabilities.to_dict()},
                }
            )
    return {
        "images": [
            {"id": number, "file_name": result.source, "width": result.size[0], "height": result.size[1]}
            for number, result in enumerate(results, start=1)
        ],
        "annotations": annotations,
        "categories": [{"id": number, "name": str(label)} for label, number in numbers.items()],
    }
