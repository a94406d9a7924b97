"""The shim of fer answers in fer's forms: signatures and answers of fer 25.10.3, recorded beside this file."""

import base64
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


#: Recorded from the real package.
THEIRS: dict[str, Any] = json.loads((Path(__file__).parent / "fer-25.10.3.json").read_text())


def form(value: object) -> object:
    """Keys and types, without numbers and names of emotions."""
    if isinstance(value, dict):
        return {key: form(each) for key, each in value.items()}
    return [form(each) for each in value] if isinstance(value, list) else type(value).__name__


def test_the_signatures_are_theirs() -> None:
    ours: dict[str, Callable[..., object]] = {
        "FER": FER, "detect": FER.detect_emotions, "top": FER.top_emotion, "batch": FER.batch_detect_emotions,
        "Video": Video, "analyze": Video.analyze, "to_pandas": Video.to_pandas, "to_csv": Video.to_csv,
        "first": Video.get_first_face, "emotions": Video.get_emotions,
    }  # fmt: skip
    assert {name: list(inspect.signature(call).parameters) for name, call in ours.items()} == THEIRS["parameters"]


def test_answers_have_the_form_of_those_recorded_from_the_real_package() -> None:
    assert form(FER().detect_emotions(BGR)) == form(THEIRS["detect_emotions"])
    assert form(list(FER().top_emotion(BGR))) == form(THEIRS["top_emotion"])
    (ours,), (theirs,) = FER().detect_emotions(BGR), THEIRS["detect_emotions"]
    assert max(ours["emotions"], key=ours["emotions"].get) == max(theirs["emotions"], key=theirs["emotions"].get)
    # Both boxes are of one face: each center lies in the other box.
    for (x, y, w, h), (left, top, wide, high) in ((ours["box"], theirs["box"]), (theirs["box"], ours["box"])):
        assert left < x + w / 2 < left + wide
        assert top < y + h / 2 < top + high


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


def test_a_video_has_their_rows_table_and_data_frames(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.mp4", (scene([(100 + 4 * n, 120, 200), (380, 150, 200)]) for n in range(4)))
    video = Video(str(tmp_path / "clip.mp4"), outdir=str(tmp_path / "out"))
    rows = video.analyze(FER(), display=False)
    assert len(rows) == 4
    assert form(rows[0]) == form(THEIRS["video row"])
    assert len((tmp_path / "out" / "data.csv").read_text().splitlines()) == 5
    pytest.importorskip("pandas", reason="needs mien[bridges]")
    frame = video.to_pandas(rows)
    assert list(frame.columns) == THEIRS["to_pandas"]
    assert list(video.get_first_face(frame).columns) == THEIRS["get_first_face"]
    assert list(video.get_emotions(frame).columns) == THEIRS["get_emotions"]
    everyone = Video(str(tmp_path / "clip.mp4"), first_face_only=False).analyze(FER(), output="pandas")
    assert list(everyone) == THEIRS["to_pandas of all faces"]


def test_what_a_video_of_mien_cannot_give_is_refused(tmp_path: Path) -> None:
    video = Video(str(write_video(tmp_path / "clip.mp4", [scene([(100, 120, 200)])])))
    with pytest.raises(ConfigError, match="display"):
        video.analyze(FER(), display=True)
    with pytest.raises(ConfigError, match="expected csv or pandas"):
        video.analyze(FER(), output="json")
    with pytest.raises(ConfigError, match="detection_box"):
        video.analyze(FER(), detection_box={"x_min": 0})
