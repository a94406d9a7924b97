"""Shipped files: names, hashes and what happens when one is damaged."""

import json
from pathlib import Path

import pytest

from mien.errors import ModelFileError, UnknownModelError
from mien.recognition.recognizer import load_recognizer
from mien.runtime.onnx import open_session
from mien.weights import checked_path, list_weights, read_manifest, weight_path


def test_every_shipped_file_is_whole_and_opens() -> None:
    for kind in ("model", "detector"):
        for name, weight in list_weights(kind).items():
            assert weight.intact()
            assert open_session(weight_path(name, kind=kind)).get_inputs()


def test_no_onnx_file_ships_without_an_entry() -> None:
    folder = weight_path("blazeface", kind="detector").parent
    listed = {weight.path.name for kind in ("model", "detector") for weight in list_weights(kind).values()}
    assert {file.name for file in folder.glob("*.onnx")} == listed


def test_the_detector_is_no_model() -> None:
    assert "blazeface" not in list_weights()
    with pytest.raises(UnknownModelError, match="no model 'blazeface'"):
        weight_path("blazeface")


def made_manifest(folder: Path) -> Path:
    (folder / "one.onnx").write_bytes(b"weights")
    sha256 = "9b2d6f2da8cbd2de0ef8e39e3c8a1b34e4be9b4fbfe1d9e4cb9b1b4df2d3e2a1"
    entries = {"one": {"file": "one.onnx", "sha256": sha256}, "default": {"alias": "one"}, "gone": {"alias": "lost"}}
    (folder / "manifest.json").write_text(json.dumps(entries))
    return folder


def test_an_alias_has_the_file_of_what_it_stands_for(tmp_path: Path) -> None:
    weights = read_manifest(made_manifest(tmp_path))
    assert list(weights) == ["default", "one"]
    assert weights["default"].path == weights["one"].path
    assert weights["default"].alias == "one"


def test_a_file_with_other_bytes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"one\.onnx of model 'one' is missing or is not the file"):
        checked_path("one", read_manifest(made_manifest(tmp_path)))


def test_an_unknown_name_is_answered_with_near_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError, match=r"no model 'defualt'; did you mean default\?"):
        checked_path("defualt", read_manifest(made_manifest(tmp_path)))


def test_a_file_that_is_no_network_is_named(tmp_path: Path) -> None:
    for content in (b"", b"not a network", b"\x08\x09garbage"):
        (tmp_path / "x.onnx").write_bytes(content)
        with pytest.raises(ModelFileError, match=r"x\.onnx: not a readable ONNX network"):
            open_session(tmp_path / "x.onnx")
    with pytest.raises(ModelFileError, match="no such model file"):
        open_session(tmp_path / "nowhere.onnx")


def test_no_shipped_file_names_paths_of_the_machine_that_made_it() -> None:
    for name in list_weights(aliases=False):
        assert b"stack_trace" not in weight_path(name).read_bytes()


def test_a_shipped_model_has_the_name_that_it_is_listed_by() -> None:
    for name in list_weights(aliases=False):
        assert load_recognizer(name).metadata.name == name
