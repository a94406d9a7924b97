"""Results as pre-annotations for Label Studio: a rectangle with an expression at each face, to be corrected by people.

A task (labelstud.io/guide/predictions, "Import pre-annotated data") is ``data`` and ``predictions``; the result of a
prediction has items of the type ``rectanglelabels`` whose ``value`` is in percent of the picture.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from mien.expressions import FERPLUS_LABELS
from mien.geometry import Box
from mien.recognition.results import ImageResult
from mien.render.html import picture_uri
from mien.render.style import EXPRESSION_COLORS
from mien.runtime.files import write_text

#: Label Studio's labeling configuration for these tasks, with the colors that expressions have in our pictures.
LABELING_CONFIG = "\n".join(
    [
        "<View>",
        '  <Image name="image" value="$image" zoom="true"/>',
        '  <RectangleLabels name="expression" toName="image">',
        *(
            f'    <Label value="{label}" background="{EXPRESSION_COLORS[label]}"/>'
            for label in map(str, FERPLUS_LABELS)
        ),
        "  </RectangleLabels>",
        "</View>",
        "",
    ]
)


def to_label_studio(results: Sequence[ImageResult]) -> list[dict[str, Any]]:
    """A task for each picture; it holds the picture where the result does, else the name of its file.

    A face without a named expression has the label of its most probable one, as in :func:`mien.interop.to_coco`.
    """
    return [_task(result) for result in results]


def write_label_studio(results: Sequence[ImageResult], folder: str | Path) -> tuple[Path, Path]:
    """Write ``tasks.json`` and ``labeling_config.xml``; their paths.

    Raises:
        StorageError: The place cannot be written.
    """
    tasks, config = Path(folder) / "tasks.json", Path(folder) / "labeling_config.xml"
    write_text(tasks, json.dumps(to_label_studio(results), indent=1))
    write_text(config, LABELING_CONFIG)
    return tasks, config


def _task(result: ImageResult) -> dict[str, Any]:
    shown = result.source if result.image is None else picture_uri(Image.fromarray(result.image))
    faces = list(enumerate(result.faces, start=1))
    items = [
        {
            "id": f"face-{number}",
            "from_name": "expression",
            "to_name": "image",
            "type": "rectanglelabels",  # the tag of the configuration, in lower case
            "original_width": result.size[0],
            "original_height": result.size[1],
            "image_rotation": 0,
            "score": face.probability,
            "value": {
                **_percent(face.detection.box, result.size),
                "rotation": 0,
                "rectanglelabels": [str(face.choice)],
            },
        }
        for number, face in faces
    ]
    prediction: dict[str, Any] = {"model_version": "mien", "result": items}
    if faces:  # by it Label Studio orders tasks: the least certain face of a picture decides
        prediction["score"] = min(face.probability for _, face in faces)
    return {"data": {"image": shown, "source": result.source}, "predictions": [prediction]}


def _percent(box: Box, size: tuple[int, int]) -> dict[str, float]:
    """The part of ``box`` that lies in the picture, in percent of its width and height."""
    width, height = size
    left, right = (min(max(edge, 0.0), width) * 100 / width for edge in (box.left, box.right))
    top, bottom = (min(max(edge, 0.0), height) * 100 / height for edge in (box.top, box.bottom))
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}
