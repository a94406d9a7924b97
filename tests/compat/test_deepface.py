"""The shim of deepface answers in deepface's forms; the signature is that of deepface 0.0.103."""

import inspect
import io

import numpy as np
import pytest
from PIL import Image

import mien
from mien.compat import deepface as DeepFace  # noqa: N812 - as deepface is imported
from mien.compat.deepface import FaceNotDetectedError
from mien.errors import ConfigError
from tests.photos import portrait

NAMES = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
BGR = np.ascontiguousarray(portrait()[:, :, ::-1])
GRAY = np.full((120, 160, 3), 120, np.uint8)


def test_the_signature_is_theirs() -> None:
    assert list(inspect.signature(DeepFace.analyze).parameters) == [
        "img_path", "actions", "enforce_detection", "detector_backend", "align", "expand_percentage", "silent",
        "anti_spoofing",
    ]  # fmt: skip


def test_a_face_has_their_form_in_percent() -> None:
    (face,) = DeepFace.analyze(BGR, actions=["emotion"])
    (expected,) = mien.load().predict(portrait()).faces
    assert isinstance(face, dict)
    assert list(face) == ["emotion", "dominant_emotion", "region", "face_confidence"]
    assert list(face["emotion"]) == NAMES
    assert sum(face["emotion"].values()) == pytest.approx(100)
    assert face["dominant_emotion"] == "happy"
    region = face["region"]
    assert [region[key] for key in "xywh"] == pytest.approx(list(expected.detection.box.xywh), abs=0.51)
    assert region["right_eye"][0] < region["left_eye"][0]  # the person's own left


def test_several_pictures_give_a_list_for_each() -> None:
    batch = DeepFace.analyze(np.stack([BGR, BGR]), actions=("emotion",))
    assert [len(faces) for faces in batch] == [1, 1]
    assert len(DeepFace.analyze([BGR], actions="emotion")) == 1


def test_open_files_are_pictures_too() -> None:
    stream = io.BytesIO()
    Image.fromarray(portrait()).save(stream, "PNG")
    stream.seek(0)
    face = DeepFace.analyze(stream)[0]
    assert isinstance(face, dict)
    assert face["dominant_emotion"] == "happy"


def test_no_face_raises_or_is_the_whole_picture() -> None:
    with pytest.raises(FaceNotDetectedError, match="Face could not be detected"):
        DeepFace.analyze(GRAY)
    with pytest.raises(ValueError, match="enforce_detection"):
        DeepFace.analyze(GRAY)
    (face,) = DeepFace.analyze(GRAY, enforce_detection=False)
    assert isinstance(face, dict)
    assert face["region"] == {"x": 0, "y": 0, "w": 159, "h": 119, "left_eye": None, "right_eye": None}
    assert face["face_confidence"] == 0
    assert len(DeepFace.analyze(BGR, detector_backend="skip")) == 1


def test_what_mien_does_not_read_is_refused() -> None:
    with pytest.raises(ConfigError, match="reads expressions only"):
        DeepFace.analyze(BGR, actions=["age", "emotion"])
    with pytest.raises(ConfigError, match="anti_spoofing"):
        DeepFace.analyze(BGR, anti_spoofing=True)
