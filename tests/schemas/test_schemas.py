"""What commands print and write has the shape that the shipped schemas tell, by the reference validator."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from mien import schemas as schemas_package
from mien.cli.app import app
from mien.errors import ConfigError
from mien.expressions import Expression
from mien.metadata import ModelMetadata
from mien.preprocessing import DEFAULT_FRAMES
from mien.schemas import list_schemas, load_schema
from tests.photos import portrait
from tests.small_models import write_model
from tests.videos import scene, write_video

jsonschema = pytest.importorskip("jsonschema", reason="the validator is of the test extra")

FOLDER = Path(str(schemas_package.__file__)).parent


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("desk")
    write_model(folder / "small.onnx", ModelMetadata("small", frames=DEFAULT_FRAMES))
    for name in ("one.png", "two.png"):
        Image.fromarray(portrait()).save(folder / name)
    (folder / "bad.png").write_bytes(b"none")
    return folder


def valid(name: str, record: object) -> None:
    jsonschema.Draft202012Validator(load_schema(name)).validate(record)


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert result.exit_code == code, result.stderr + str(result.exception)
    return result.stdout


def each_line(text: str) -> Iterable[Any]:
    return map(json.loads, text.splitlines())


def test_every_schema_is_one_itself_and_says_what_it_is_of() -> None:
    assert "prediction" in list_schemas()
    for name, about in list_schemas().items():
        schema = load_schema(name)
        jsonschema.Draft202012Validator.check_schema(schema)
        assert (schema["title"], schema["description"]) == (name, about)


def test_each_schema_is_complete_and_repeats_nothing_of_the_shared_definitions() -> None:
    shared = json.loads((FOLDER / "_definitions.json").read_text())
    used = set()
    for name in list_schemas():
        own = json.loads((FOLDER / f"{name}.json").read_text()).get("$defs", {})
        assert not own.keys() & shared.keys()
        schema = load_schema(name)
        defined = schema.get("$defs", {})
        referred = set(re.findall(r'"\$ref": "#/\$defs/([^"]+)"', json.dumps(schema)))
        assert referred == defined.keys()
        assert {part: defined[part] for part in defined if part in shared}.items() <= shared.items()
        used |= referred
    assert used >= shared.keys()


def test_the_command_prints_the_file_and_names_near_ones() -> None:
    assert json.loads(run("schema", "video-row")) == load_schema("video-row")
    assert all(name in run("schema") for name in list_schemas())
    with pytest.raises(ConfigError, match="no schema 'predicton'") as caught:
        load_schema("predicton")
    assert str(caught.value.hint).startswith("did you mean prediction")


def test_predictions_of_one_picture_and_of_many_with_a_failure(desk: Path) -> None:
    predict = ("predict", "--model", desk / "small.onnx", "--quiet")
    one = json.loads(run(*predict, desk / "one.png", "--format", "json", "--min-confidence", 0.9))
    assert one["faces"][0]["expression"] is None  # the untrained network is never sure
    valid("prediction", one)
    many = json.loads(run(*predict, desk, "--format", "json", code=5))
    assert [*many[0]] == ["schema", "source", "error"]
    valid("prediction", many)
    for line in each_line(run(*predict, desk, "--format", "jsonl", code=5)):
        valid("prediction-line", line)
    valid("service-prediction", {"results": many})


def test_what_has_another_shape_is_refused(desk: Path) -> None:
    arguments = ("--model", desk / "small.onnx", "--detector", "whole", "--quiet")
    one = json.loads(run("predict", *arguments, desk / "one.png", "--format", "json"))
    (face,) = one["faces"]
    for broken in ({"expression": "joy"}, {"probability": 1.5}, {"probability": None}, {"more": 1}):
        with pytest.raises(jsonschema.ValidationError, match="not valid under any"):
            valid("prediction", one | {"faces": [face | broken]})


def test_rows_of_a_video_with_and_without_a_face(desk: Path, tmp_path: Path) -> None:
    pytest.importorskip("av", reason="needs mien[video]")
    write_video(tmp_path / "clip.mp4", [scene([(100, 120, 200)])] * 3 + [scene([])] * 3)
    run("video", tmp_path / "clip.mp4", "--out", tmp_path / "rows.jsonl", "--model", desk / "small.onnx", "--quiet")
    rows = [*each_line((tmp_path / "rows.jsonl").read_text())]
    assert {row["track_id"] for row in rows} >= {None, 1}
    for row in rows:
        valid("video-row", row)


@pytest.mark.parametrize("protocol", ["majority", "votes", "drawn", "all"])
def test_evaluations(prepared: Path, desk: Path, protocol: str) -> None:
    pytest.importorskip("sklearn", reason="judging is of the learning side")
    model = desk / "small.onnx"
    arguments = ("--data", prepared, "--split", "validation", "--protocol", protocol, "--resamples", 5, "--json")
    valid("evaluation", json.loads(run("evaluate", model, *arguments)))
    valid("comparison", json.loads(run("compare", model, model, *arguments)))


def test_a_batch_job(desk: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs mien[batch]")
    job = tmp_path / "job"
    arguments = ("--out", job, "--model", desk / "small.onnx", "--workers", 1, "--quiet")
    run("batch", desk / "one.png", desk / "bad.png", *arguments)
    valid("batch-manifest", json.loads((job / "manifest.json").read_text()))
    summary = json.loads((job / "summary.json").read_text())
    assert summary["failed"] == 1
    valid("batch-summary", summary)
    valid("batch-status", json.loads(run("batch", "status", job, "--json")))


@pytest.mark.parametrize(
    ("name", "described"),
    [("service-problem", "ProblemSchema"), ("service-job", "JobSchema"), ("service-prediction", "PredictionSchema")],
)
def test_answers_of_the_service_have_the_fields_that_its_own_schema_has(name: str, described: str) -> None:
    schemas = pytest.importorskip("mien.service.schemas", reason="needs mien[service]")
    generated = getattr(schemas, described).model_json_schema()
    shipped = load_schema(name)
    assert set(generated["properties"]) == set(shipped["properties"])
    assert set(shipped["required"]) == set(shipped["properties"])
    if name == "service-prediction":
        for ours, theirs in (("face", "FaceSchema"), ("picture", "PictureSchema"), ("failed", "FailedSchema")):
            assert set(shipped["$defs"][ours]["properties"]) == set(generated["$defs"][theirs]["properties"])
    if name == "service-job":
        assert shipped["properties"]["phase"]["enum"] == generated["properties"]["phase"]["enum"]


def test_every_expression_can_be_named() -> None:
    names = [str(expression) for expression in Expression]
    assert load_schema("prediction")["$defs"]["expression"]["enum"] == names
    assert [name for name in load_schema("video-row")["properties"]["expression"]["enum"] if name] == names
