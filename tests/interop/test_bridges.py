"""Results in other libraries' forms hold the same faces, opened with those libraries."""

from collections.abc import Iterator

import numpy as np
import pytest

import mien
from mien.interop import predict_detections, to_coco, to_pandas, to_polars, to_ranked_labels, to_supervision
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
