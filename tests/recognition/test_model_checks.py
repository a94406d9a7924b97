"""Model files of strangers: what does not do what it says is refused with file and field, when it is opened."""

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from mien.errors import ModelFileError
from mien.expressions import FERPLUS_LABELS
from mien.metadata import HeadSpec
from mien.recognition import recognizer as module
from mien.recognition.model_checks import check_probabilities
from mien.recognition.recognizer import Recognizer
from tests.recognition.hostile_models import write

EVEN = np.full((1, 8), 1 / 8)
ANSWERS = {
    "no numbers": (EVEN * np.nan, "output probabilities is values that are not finite"),
    "one no number": (np.array([[np.nan, *[1 / 7] * 7]]), "not finite"),
    "infinite": (np.array([[np.inf, *[0.0] * 7]]), "not finite"),
    "sum of four": (EVEN * 4, "rows that sum to 4, expected 1"),
    "sum of a half": (EVEN / 2, r"rows that sum to 0\.5"),
    "above one": (np.array([[9.0, -8.0, *[0.0] * 6]]), r"values in \[-8, 9\], expected \[0, 1\]"),
    "fifty rows": (EVEN.repeat(50, 0), "batch of probabilities is 50, expected any number of faces"),
    "seven columns": (np.full((1, 7), 1 / 7), r"shape of probabilities is .*7.*, expected \(N, 8\)"),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_network_whose_answers_are_no_probabilities_is_refused_when_it_is_opened(kind: str, tmp_path: Path) -> None:
    rows, text = ANSWERS[kind]
    with pytest.raises(ModelFileError, match=rf"m\.onnx: .*{text}"):
        Recognizer(write(tmp_path / "m.onnx", rows=rows))


FIELDS = [
    ({"input": {"size": 0}}, "input.size is 0, expected a whole number from 8 to 1024"),
    ({"input": {"size": 100_000}}, "input.size is 100000"),
    ({"input": {"size": -48}}, "input.size is -48"),
    ({"input": {"size": 48.5}}, r"input.size is 48\.5"),
    ({"input": {"size": "48"}}, "input.size is 48"),
    ({"input": {"size": True}}, "input.size is True"),
    ({"input": {"size": None}}, "input.size is None"),
    ({"input": {"size": 64}}, r"shape of images is .*48, 48.*, expected \(N, 1, 64, 64\) by its record"),
    ({"input": {"channels": 3}}, "input.channels is 3"),
    ({"input": {"high": float("inf")}}, "input.low, input.high is"),
    ({"input": {"low": 1.0, "high": 0.0}}, "input.low, input.high is"),
    ({"input": {"low": float("nan")}}, "input.low, input.high is"),
    ({"temperature": 0}, "temperature is 0"),
    ({"temperature": float("nan")}, "temperature is nan"),
    ({"temperature": [1]}, r"temperature is \[1\]"),
    ({"upright_from_deg": float("inf")}, "upright_from_deg is inf"),
    ({"upright_from_deg": "no"}, "upright_from_deg is no"),
    ({"labels": ["neutral"] * 8}, "labels is .*, expected different labels"),
    ({"labels": ["neutral", "fear"]}, "shape of probabilities"),
    ({"labels": []}, "labels"),
    ({"labels": ["joyful"] * 8}, "not a record of mien .*joyful"),
    ({"labels": 8}, "not a record of mien"),
    ({"frames": {"blazeface": {"x": None, "y": 0.1, "width": 0.8, "height": 0.8}}}, "frames.blazeface is"),
    ({"frames": {"blazeface": {"x": 0.1, "y": 0.1, "width": 0.0, "height": 0.8}}}, "frames.blazeface is"),
    ({"frames": {"haar": {"x": 0.1, "y": 0.1, "width": 1e300, "height": 0.8}}}, "frames.haar is"),
    ({"frames": {"haar": [1, 2]}}, "not a record of mien"),
    ({"frames": None}, "not a record of mien"),
    ({"input": None}, "not a record of mien"),
    ({"schema": None}, "metadata of layout None"),
]


@pytest.mark.parametrize(("record", "text"), FIELDS, ids=lambda value: str(value)[:40])
def test_a_record_of_values_that_make_no_sense_is_refused_by_its_field(
    record: dict[str, object], text: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelFileError, match=rf"m\.onnx: .*{text}"):
        Recognizer(write(tmp_path / "m.onnx", record=record))


@pytest.mark.parametrize(
    ("made", "text"),
    [
        ({"batch": 5}, "batch of images is 5, expected any number of faces"),
        ({"side": 64}, "shape of images"),
        ({"kind": TensorProto.DOUBLE}, r"type of images is tensor\(double\), expected tensor\(float\)"),
        ({"kind": TensorProto.UINT8}, r"type of images is tensor\(uint8\)"),
    ],
)
def test_a_network_with_another_input_than_its_record_is_refused(
    made: dict[str, object], text: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelFileError, match=text):
        Recognizer(write(tmp_path / "m.onnx", **made))  # type: ignore[arg-type]


def test_an_endless_network_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_RUN_S", 0.5)
    with pytest.raises(ModelFileError, match="its network cannot be run"):
        Recognizer(write(tmp_path / "m.onnx", endless=True))


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"not a network", b"\x08\x09"])
def test_content_that_is_no_network_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(ModelFileError, match=r"m\.onnx: (not a readable ONNX network|carries no metadata)"):
        Recognizer(tmp_path / "m.onnx")


@pytest.mark.parametrize("part", [b"neutral", b"images", b"probabilities"])
def test_a_file_whose_strings_are_no_text_is_refused(part: bytes, tmp_path: Path) -> None:
    content = write(tmp_path / "sound.onnx").read_bytes()
    assert part in content
    broken = tmp_path / "m.onnx"
    broken.write_bytes(content.replace(part, b"\xa0" * len(part)))
    with pytest.raises(ModelFileError, match=r"m\.onnx: ") as caught:
        Recognizer(broken)
    assert len(str(caught.value)) < 400


def test_a_sound_file_is_opened_and_answers_each_face(tmp_path: Path) -> None:
    answers = Recognizer(write(tmp_path / "m.onnx")).predict_proba(np.zeros((3, 48, 48), np.uint8))
    np.testing.assert_allclose(answers, EVEN.repeat(3, 0))


def test_answers_are_checked_at_each_run() -> None:
    head = HeadSpec("probabilities", FERPLUS_LABELS)
    good = EVEN.repeat(2, 0).astype(np.float32)
    check_probabilities(good, 2, head, Path("m.onnx"))
    check_probabilities(good[:0], 0, head, Path("m.onnx"))
    with pytest.raises(ModelFileError, match=r"shape \(2, 8\), expected \(3, 8\) for 3 faces"):
        check_probabilities(good, 3, head, Path("m.onnx"))
    with pytest.raises(ModelFileError, match="sum to"):
        check_probabilities(np.concatenate([good, good * 1.01]), 4, head, Path("m.onnx"))
