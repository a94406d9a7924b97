"""The shim of fer answers in fer's forms; the signatures are those of fer 25.10.3."""

import base64
import inspect
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mien
from mien.compat.fer import FER, Video
from mien.errors import ConfigError, ShapeError, SourceError
from tests.photos import portrait
from tests.videos import scene, write_video

NAMES = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
BGR = np.ascontiguousarray(portrait()[:, :, ::-1])


def test_the_signatures_are_theirs() -> None:
    assert list(inspect.signature(FER).parameters) == [
        "cascade_file", "mtcnn", "tfserving", "use_tflite", "scale_factor", "min_face_size", "min_neighbors", "offsets",
    ]  # fmt: skip
    assert list(inspect.signature(FER.detect_emotions).parameters) == ["self", "img", "face_rectangles"]
    assert list(inspect.signature(Video).parameters) == ["video_file", "outdir", "first_face_only", "tempfile"]
    analyzed = list(inspect.signature(Video.analyze).parameters)
    assert analyzed[:6] == ["self", "detector", "display", "output", "frequency", "max_results"]


def test_a_face_has_their_form_and_our_probabilities() -> None:
    (face,) = FER(mtcnn=True).detect_emotions(BGR)
    (expected,) = mien.load().predict(portrait()).faces
    assert list(face) == ["box", "emotions"]
    assert all(isinstance(value, int) for value in face["box"])
    assert face["box"] == pytest.approx(list(expected.detection.box.xywh), abs=0.51)
    assert list(face["emotions"]) == NAMES
    without_contempt = 1 - expected.probabilities["contempt"]
    assert face["emotions"]["happy"] == round(expected.probabilities["happiness"] / without_contempt, 2)
    assert FER().top_emotion(BGR) == ("happy", face["emotions"]["happy"])


def test_no_face_is_an_empty_list_and_two_nones() -> None:
    gray = np.full((120, 160, 3), 120, np.uint8)
    assert FER().detect_emotions(gray) == []
    assert FER().top_emotion(gray) == (None, None)
    assert FER().batch_detect_emotions([gray, BGR])[0] == []


def test_given_rectangles_are_read_and_not_looked_for() -> None:
    (found,) = FER().detect_emotions(BGR)
    (given,) = FER().detect_emotions(BGR, face_rectangles=[found["box"]])
    assert given["box"] == found["box"]
    assert max(given["emotions"], key=given["emotions"].get) == "happy"


def test_paths_base64_and_gray_arrays_are_pictures_too(tmp_path: Path) -> None:
    Image.fromarray(portrait()).save(tmp_path / "photo.png")
    text = base64.b64encode((tmp_path / "photo.png").read_bytes()).decode()
    gray = np.asarray(Image.fromarray(portrait()).convert("L"))
    for picture in (str(tmp_path / "photo.png"), text, gray):
        assert FER().top_emotion(picture)[0] == "happy"
    with pytest.raises(SourceError, match="nowhere"):
        FER().detect_emotions(str(tmp_path / "nowhere.png"))
    with pytest.raises(ShapeError, match="BGR"):
        FER().detect_emotions(np.zeros((8, 8, 4), np.uint8))


def test_small_faces_are_left_out_as_theirs_are() -> None:
    assert FER(min_face_size=400).detect_emotions(BGR) == []


def test_a_video_gives_a_row_for_each_frame_and_a_table(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.mp4", (scene([(100 + 4 * n, 120, 200)]) for n in range(4)))
    rows = Video(str(tmp_path / "clip.mp4"), outdir=str(tmp_path / "out")).analyze(FER(), display=False)
    assert len(rows) == 4
    assert list(rows[0]) == ["box0", *(f"{name}0" for name in NAMES)]
    assert len((tmp_path / "out" / "data.csv").read_text().splitlines()) == 5
    with pytest.raises(ConfigError, match="display"):
        Video(str(tmp_path / "clip.mp4")).analyze(FER(), display=True)
