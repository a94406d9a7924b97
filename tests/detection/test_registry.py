"""Detectors by name."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from mien.detection.registry import build_detector, list_detectors
from mien.detection.settings import SearchSettings
from mien.errors import ConfigError, ModelFileError, UnknownDetectorError
from mien.geometry import Box
from mien.weights import weight_path
from tests.photos import pasted, portrait


def test_the_names_are_listed() -> None:
    assert list_detectors() == ("blazeface", "centerface", "haar", "whole", "yunet")


@pytest.mark.parametrize("name", ["blazeface", "centerface", "haar", "whole"])
def test_each_detector_bears_its_name_and_finds_the_portraits_face(name: str) -> None:
    detector = build_detector(name)
    assert detector.name == name
    assert len(detector.detect(portrait())) == 1


def test_a_detector_names_its_file_and_the_files_hash() -> None:
    for name in ("blazeface", "centerface"):
        shipped = hashlib.sha256(weight_path(name, kind="detector").read_bytes()).hexdigest()
        assert build_detector(name).files == {name: shipped}
    assert list(build_detector("haar").files) == ["haar"]
    assert build_detector("whole").files == {}


@pytest.mark.parametrize("name", ["blazeface", "centerface", "haar", "whole"])
def test_threads_that_share_a_detector_get_the_faces_of_their_own_picture(name: str) -> None:
    detector = build_detector(name)
    pictures = [pasted(side, [(40 * side // 20, 30)], (640, 400)) for side in (110, 140, 170, 200)]
    alone = [detector.detect(picture) for picture in pictures]
    assert len({str(faces) for faces in alone}) == (1 if name == "whole" else len(pictures))
    with ThreadPoolExecutor(len(pictures)) as pool:
        together = list(pool.map(detector.detect, pictures * 10))
    assert together == alone * 10


@pytest.mark.parametrize("name", ["haar", "whole"])
def test_a_file_for_a_detector_without_one_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"the detector {name} takes no file"):
        build_detector(name, file=Path("nowhere.onnx"))


def test_an_unknown_name_is_answered_with_near_ones() -> None:
    with pytest.raises(UnknownDetectorError, match=r"no detector 'blazefase'; did you mean blazeface\?"):
        build_detector("blazefase")


def test_settings_out_of_range_are_refused() -> None:
    for wrong in (
        {"min_score": 1.5},
        {"mode": "deep"},
        {"min_face": 0.0},
        {"min_face": float("nan")},
        {"max_faces": 0},
    ):
        with pytest.raises(ConfigError, match="expected"):
            SearchSettings(**wrong)
    with pytest.raises(ConfigError, match="yunet needs its ONNX file"):
        build_detector("yunet")
    with pytest.raises(ModelFileError, match="no such model file"):
        build_detector("yunet", file=Path("nowhere.onnx"))


def test_a_high_threshold_leaves_faces_out() -> None:
    assert build_detector(search=SearchSettings(min_score=0.99)).detect(portrait()) == ()


def test_the_whole_picture_is_the_face_of_whole() -> None:
    (face,) = build_detector("whole").detect(np.zeros((30, 20, 3), np.uint8))
    assert (face.box, face.score, face.landmarks) == (Box(0, 0, 20, 30), 1.0, None)
