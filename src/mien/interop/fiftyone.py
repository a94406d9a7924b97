"""Results as a data set on disk that FiftyOne opens, without FiftyOne being installed.

``FiftyOneImageDetectionDataset`` (docs.voxel51.com): ``data/NAME.jpg`` and ``labels.json`` with ``classes`` and
``labels``; for each NAME a list of detections whose ``bounding_box`` is [x, y, width, height] in shares of the picture.

    fiftyone.Dataset.from_dir(dataset_dir="faces", dataset_type=fiftyone.types.FiftyOneImageDetectionDataset)
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from mien.errors import ConfigError, ShapeError
from mien.expressions import FERPLUS_LABELS
from mien.recognition.results import FaceExpression, ImageResult
from mien.runtime.files import atomic_folder

_LABELS = [str(label) for label in FERPLUS_LABELS]


def write_fiftyone(results: Iterable[ImageResult], folder: str | Path) -> None:
    """Write the pictures, upright, and their faces; boxes, the expression, its probability and all probabilities.

    Args:
        results: With their pictures; one after the other, so they may come from ``pipeline.stream``.
        folder: New; FiftyOne takes it by ``Dataset.from_dir``.

    Raises:
        ConfigError: The folder is there already.
        ShapeError: A result holds no picture.
        StorageError: The place cannot be written.
    """
    if Path(folder).exists():
        raise ConfigError(f"{folder} is there already", hint="choose another name")
    labels: dict[str, Any] = {}
    with atomic_folder(Path(folder)) as temporary:
        (temporary / "data").mkdir()
        for number, result in enumerate(results, start=1):
            if result.image is None:
                raise ShapeError(f"result {number} holds no picture", hint="pipeline.predict gives one")
            name = f"{number:06d}"  # two pictures of different folders may have one name
            Image.fromarray(result.image).save(temporary / "data" / f"{name}.jpg", quality=95)
            labels[name] = [_detection(face, result) for face in result.faces]
        content = json.dumps({"classes": _LABELS, "labels": labels}, indent=1)
        (temporary / "labels.json").write_text(content, encoding="utf-8")


def _detection(face: FaceExpression, result: ImageResult) -> dict[str, Any]:
    x, y, width, height = face.detection.box.xywh
    across, down = result.size  # pixels; FiftyOne wants shares of them
    return {
        "label": _LABELS.index(str(face.choice)),
        "bounding_box": [x / across, y / down, width / across, height / down],
        "confidence": face.probability,
        "attributes": {
            "source": result.source,
            "detector_score": face.detection.score,
            **face.probabilities.to_dict(),
        },
    }
