"""The capstone's nine photos: the faces a person counts, and what the capstone reported of the single ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from mien.detection.base import Detector
from mien.detection.registry import build_detector
from mien.imaging import load_image
from mien.recognition.pipeline import load

NAMES = ["angry01", "friends01", "happy01", "happy02", "neutral01", "people_party01", "sad01", "sad02", "surprise01"]


@pytest.fixture(scope="module")
def expected(shared: Path) -> dict[str, Any]:
    photos: dict[str, Any] = json.loads((shared / "photos" / "expected.json").read_text())["photos"]
    return photos


@pytest.fixture(scope="module")
def detector() -> Detector:
    return build_detector()


@pytest.mark.parametrize("name", NAMES)
def test_every_face_that_a_person_counts_is_found_and_no_other(
    shared: Path, expected: dict[str, Any], detector: Detector, name: str
) -> None:
    faces = detector.detect(load_image(shared / "photos" / f"{name}.jpg"))
    assert len(faces) == expected[f"{name}.jpg"]["faces_by_eye"]


def test_the_shipped_network_says_what_was_reported_of_six_of_seven_single_faces(
    shared: Path, expected: dict[str, Any]
) -> None:
    pipeline = load()
    singles = {name: entry["reported"][0] for name, entry in expected.items() if entry["faces_by_eye"] == 1}
    said = {name: pipeline.predict(shared / "photos" / name).faces[0].probabilities.top for name in singles}
    assert len(singles) == 7
    assert sum(said[name] == singles[name] for name in singles) >= 6, said
