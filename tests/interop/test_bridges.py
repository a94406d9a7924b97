"""Results in other libraries' forms hold the same faces, opened with those libraries."""

import json
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

import mien
from mien.detection.base import FaceDetection
from mien.errors import ConfigError, ShapeError
from mien.geometry import Box
from mien.interop import (
    predict_detections,
    to_coco,
    to_label_studio,
    to_pandas,
    to_polars,
    to_ranked_labels,
    to_supervision,
    write_fiftyone,
    write_label_studio,
)
from mien.interop.label_studio import LABELING_CONFIG
from mien.recognition.results import ImageResult
from tests.photos import pasted, portrait


@pytest.fixture(scope="module")
def two() -> ImageResult:
    return mien.load().predict(pasted(260, [(100, 200), (700, 300)]))


@pytest.fixture(scope="module")
def none() -> ImageResult:
    return mien.load().predict(np.full((80, 80, 3), 120, np.uint8))


def _values(result: ImageResult) -> Iterator[float]:
    for face in result.faces:
        yield from face.detection.box.to_dict().values()
        yield from face.probabilities.row


def test_data_frames_have_a_row_for_each_face(two: ImageResult, none: ImageResult) -> None:
    for library in ("pandas", "polars"):
        pytest.importorskip(library, reason="needs mien[bridges]")
    for frame in (to_pandas([two, none]), two.to_pandas()):
        assert list(frame["face"]) == [1, 2]
        assert list(frame["expression"]) == [str(face.expression) for face in two.faces]
        assert frame["happiness"].tolist() == [face.probabilities["happiness"] for face in two.faces]
    for table in (to_polars([two, none]), two.to_polars()):
        assert table["left"].to_list() == [face.detection.box.left for face in two.faces]
        assert table.columns == list(to_pandas(two).columns)
    assert len(to_pandas(none)) == len(to_polars([])) == 0


def test_coco_has_the_boxes_by_width_and_height(two: ImageResult) -> None:
    made = to_coco([two])
    assert len(made["images"]) == 1
    names = {category["id"]: category["name"] for category in made["categories"]}
    for annotation, face in zip(made["annotations"], two.faces, strict=True):
        x, y, width, height = annotation["bbox"]
        assert (x + width, y + height) == pytest.approx((face.detection.box.right, face.detection.box.bottom))
        assert annotation["area"] == pytest.approx(width * height)
        assert names[annotation["category_id"]] == str(face.expression)
    assert to_coco([])["annotations"] == []


def test_ranked_labels_fall(two: ImageResult) -> None:
    ranked = to_ranked_labels(two.faces[0])
    scores = [float(item["score"]) for item in ranked]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1, abs=1e-5)


def test_detections_of_supervision_hold_the_faces(two: ImageResult, none: ImageResult) -> None:
    sv = pytest.importorskip("supervision", reason="brings an OpenCV of its own")
    found = to_supervision(two)
    assert isinstance(found, sv.Detections)
    assert found.data["class_name"].tolist() == [str(face.expression) for face in two.faces]
    assert len(to_supervision(none)) == 0


#: What Label Studio's documentation ("Import pre-annotated data") says of a task with rectangles.
_TASK = {
    "type": "object",
    "required": ["data", "predictions"],
    "properties": {
        "data": {"type": "object", "required": ["image"], "properties": {"image": {"type": "string"}}},
        "predictions": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["result"],
                "properties": {
                    "model_version": {"type": "string"},
                    "score": {"type": "number", "minimum": 0, "maximum": 1},
                    "result": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["from_name", "to_name", "type", "value", "original_width", "original_height"],
                            "properties": {
                                "type": {"const": "rectanglelabels"},
                                "value": {
                                    "type": "object",
                                    "required": ["x", "y", "width", "height", "rotation", "rectanglelabels"],
                                    "properties": {
                                        name: {"type": "number", "minimum": 0, "maximum": 100}
                                        for name in ("x", "y", "width", "height")
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}


def test_label_studio_takes_the_tasks(two: ImageResult, none: ImageResult, tmp_path: Path) -> None:
    validator = pytest.importorskip("jsonschema", reason="the validator is of the test extra")
    tasks_file, config_file = write_label_studio([two, none], tmp_path)
    tasks = json.loads(tasks_file.read_text())
    assert tasks == to_label_studio([two, none])
    validator.validate(tasks, {"type": "array", "items": _TASK})
    first, empty = tasks
    assert empty["predictions"][0]["result"] == []
    for item, face in zip(first["predictions"][0]["result"], two.faces, strict=True):
        value, box = item["value"], face.detection.box
        assert value["x"] * item["original_width"] / 100 == pytest.approx(box.left)
        assert (value["y"] + value["height"]) * item["original_height"] / 100 == pytest.approx(box.bottom)
        assert value["rectanglelabels"] == [str(face.expression)]
    root = ET.fromstring(config_file.read_text())  # noqa: S314 - our own file
    controls = {control.get("name"): control for control in root if control.get("name")}
    assert {item["from_name"] for item in first["predictions"][0]["result"]} <= set(controls)
    assert [label.get("value") for label in controls["expression"]] == list(two.faces[0].probabilities.to_dict())
    head, _, picture = first["data"]["image"].partition(",")
    assert head == "data:image/jpeg;base64"
    with Image.open(BytesIO(b64decode(picture))) as opened:
        assert opened.size == two.size


def test_label_studio_s_own_package_accepts_tasks_and_predictions(two: ImageResult) -> None:
    interface = pytest.importorskip("label_studio_sdk.label_interface", reason="is of the extra test-bridges")
    labeling = interface.LabelInterface(LABELING_CONFIG)
    labeling.validate()
    for task in to_label_studio([two]):
        assert labeling.validate_task({"data": task["data"]})  # it calls its check of predictions without one
        for prediction in task["predictions"]:
            assert labeling.validate_prediction(prediction)


def test_a_face_beyond_the_edge_stays_in_the_picture_for_label_studio(two: ImageResult) -> None:
    over = replace(two.faces[0], detection=FaceDetection(Box(-20.0, -10.0, two.size[0] + 5.0, 50.0), 0.9))
    (task,) = to_label_studio([replace(two, faces=(over,), image=None, source="far/a.jpg")])
    value = task["predictions"][0]["result"][0]["value"]
    assert (value["x"], value["y"], value["width"]) == (0.0, 0.0, 100.0)
    assert task["data"]["image"] == "far/a.jpg"


def test_fiftyone_finds_pictures_classes_and_relative_boxes(
    two: ImageResult, none: ImageResult, tmp_path: Path
) -> None:
    write_fiftyone([two, none], tmp_path / "set")
    labels = json.loads((tmp_path / "set" / "labels.json").read_text())
    pictures = sorted((tmp_path / "set" / "data").iterdir())
    assert [picture.stem for picture in pictures] == list(labels["labels"])
    with Image.open(pictures[0]) as opened:
        width, height = opened.size
    found, empty = labels["labels"].values()
    assert empty == []
    for item, face in zip(found, two.faces, strict=True):
        x, y, across, down = item["bounding_box"]
        box = face.detection.box
        assert (x * width, (y + down) * height, across * width) == pytest.approx((box.left, box.bottom, box.width))
        assert labels["classes"][item["label"]] == str(face.expression)
        assert item["confidence"] == face.probability
    with pytest.raises(ConfigError, match="is there already"):
        write_fiftyone([two], tmp_path / "set")
    with pytest.raises(ShapeError, match="result 1 holds no picture"):
        write_fiftyone([replace(two, image=None)], tmp_path / "other")
    assert not (tmp_path / "other").exists()


class _Found:
    """What another detector hands over: the two fields that are read."""

    def __init__(self, result: ImageResult) -> None:
        self.xyxy = np.array([list(face.detection.box.to_dict().values()) for face in result.faces], np.float32)
        self.confidence = None


def test_faces_that_another_detector_found_are_read_in_its_order() -> None:
    picture = portrait()
    expected = mien.load().predict(picture)
    bgr = np.ascontiguousarray(picture[:, :, ::-1])
    result = predict_detections(bgr, _Found(expected))
    assert len(result.faces) == 1
    assert result.faces[0].expression == "happiness"
    assert result.faces[0].detection.box.xywh == pytest.approx(expected.faces[0].detection.box.xywh, abs=0.01)
