from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.cli import main
from mien.metadata import ModelMetadata
from tests.made import draw_face
from tests.small_models import write_model


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """``mien explain`` of one drawn face, with a small network."""
    photo, model = tmp_path / "face.png", write_model(tmp_path / "model.onnx", ModelMetadata("small"))
    Image.fromarray(draw_face(1, np.random.default_rng(0))).save(photo)
    return ["explain", str(photo), "--save", str(tmp_path / "out"), "--model", str(model), "--detector", "whole"]


def test_every_face_gets_a_picture(arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*arguments, "--expression", "anger"])
    assert caught.value.code in (0, None)
    assert "1  anger" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(arguments)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["face-1-anger.png", "face-1.png"]


def test_a_picture_beside_the_photo_is_not_replaced(arguments: list[str], tmp_path: Path) -> None:
    own = tmp_path / "face-1.png"
    own.write_text("somebody's own")
    with pytest.raises(SystemExit):
        main([*arguments[:3], str(tmp_path), *arguments[4:]])
    assert own.read_text() == "somebody's own"
    assert (tmp_path / "face-1-2.png").exists()


def test_an_unknown_expression_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*arguments, "--expression", "angr"])
    assert caught.value.code == 2
    assert "did you mean anger" in capsys.readouterr().err
