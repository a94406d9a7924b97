"""Label Studio's and FiftyOne's formats, as their documentation has them."""

import json
from base64 import b64decode
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from mien.cli.app import app
from mien.curation.handover import read_label_studio, write_fiftyone, write_label_studio
from mien.data.dataset import FerDataset, open_dataset
from mien.data.decisions import read_decisions
from mien.errors import DatasetFormatError, DatasetNotFoundError

POSITIONS = np.array([3, 100])


def annotation(*choices: str, cancelled: bool = False) -> dict[str, Any]:
    """One person's answer, as in Label Studio's JSON export."""
    results = [
        {"id": "x", "from_name": "expression", "to_name": "image", "type": "choices", "value": {"choices": [choice]}}
        for choice in choices
    ]
    return {"id": 1, "completed_by": 1, "was_cancelled": cancelled, "result": results, "ground_truth": False}


def test_tasks_hold_the_picture_the_row_and_a_prediction(tmp_path: Path, made_dataset: FerDataset) -> None:
    probabilities = np.tile(np.eye(8)[2], (len(made_dataset), 1))
    write_label_studio(made_dataset, POSITIONS, probabilities, tmp_path)
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    assert [task["data"]["row"] for task in tasks] == made_dataset.rows[POSITIONS].tolist()
    kind, _, encoded = tasks[0]["data"]["image"].partition(",")
    assert kind == "data:image/png;base64"
    assert (np.asarray(Image.open(BytesIO(b64decode(encoded)))) == made_dataset.images[3, :, :, 0]).all()
    result = tasks[0]["predictions"][0]["result"][0]
    config = ET.fromstring((tmp_path / "labeling_config.xml").read_text())  # noqa: S314 - our own file
    choices = config.find("Choices")
    assert choices is not None
    assert (result["from_name"], result["to_name"]) == (choices.get("name"), choices.get("toName"))
    assert result["value"]["choices"] == ["surprise"]
    image = config.find("Image")
    assert image is not None
    assert image.get("value") == "$image"
    assert {choice.get("value") for choice in choices} >= {"neutral", "contempt", "unknown", "not a face"}


def test_an_export_becomes_decisions(tmp_path: Path) -> None:
    export = [
        {"id": 1, "data": {"row": 3}, "annotations": [annotation("anger"), annotation("anger"), annotation("fear")]},
        {"id": 2, "data": {"row": 4}, "annotations": [annotation("not a face"), annotation("not a face")]},
        {"id": 3, "data": {"row": 5}, "annotations": [annotation("anger", cancelled=True)]},
        {"id": 4, "data": {"row": 6}, "annotations": [annotation("unknown")]},
    ]
    (tmp_path / "export.json").write_text(json.dumps(export))
    run = CliRunner().invoke(app, ["data", "decide", str(tmp_path / "export.json"), "--out", str(tmp_path / "d.csv")])
    assert run.exit_code == 0
    decisions = {d.row: d for d in read_decisions(tmp_path / "d.csv")}
    assert decisions[3].votes == (0, 0, 0, 0, 2, 0, 1, 0, 0, 0)
    assert decisions[4].action == "drop"
    assert decisions[6].action == "skip"
    assert 5 not in decisions


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "expected a list of tasks"),
        ("[", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[3]", "task 0 has no row"),
        ('[{"data": {"row": -1}}]', "task 0 has no row"),
        ('[{"data": {"row": true}}]', "task 0 has no row"),
        (json.dumps([{"data": {"row": 1}, "annotations": [annotation("joy")]}]), "choice 'joy' is none of"),
    ],
)
def test_exports_of_strangers_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "export.json").write_text(content)
    with pytest.raises(DatasetFormatError, match=message):
        read_label_studio(tmp_path / "export.json")
    with pytest.raises(DatasetNotFoundError, match="No such file"):
        read_label_studio(tmp_path / "nowhere.json")


def test_fiftyone_finds_classes_targets_and_files(tmp_path: Path, made_dataset: FerDataset) -> None:
    groups = np.zeros(len(made_dataset), [("gender", "U8")])
    groups["gender"][3] = "female"
    write_fiftyone(replace(made_dataset, groups=groups), POSITIONS, tmp_path / "out")
    content = json.loads((tmp_path / "out" / "labels.json").read_text())
    assert len(content["classes"]) == 8
    assert {path.stem for path in (tmp_path / "out" / "data").iterdir()} == set(content["labels"])
    entry = content["labels"][f"row{made_dataset.rows[3]:07d}"]
    assert content["classes"][entry["label"]] == content["classes"][int(made_dataset.votes[3][:8].argmax())]
    assert entry["attributes"]["gender"] == "female"


def test_the_commands_audit_and_select(tmp_path: Path, prepared: Path) -> None:
    pytest.importorskip("cleanlab")
    run = CliRunner().invoke
    out = tmp_path / "audit"
    done = run(app, ["data", "audit", str(prepared), "--runs", "resnet", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert {path.name for path in out.iterdir()} == {
        "automatic.csv",
        "classes.csv",
        "findings.csv",
        "gallery.html",
        "probabilities.npy",
    }
    read_decisions(out / "automatic.csv")
    done = run(
        app,
        ["data", "select", str(prepared), "--n", "5", "--model", "resnet", "--fiftyone", "--out", str(tmp_path / "s")],
    )
    assert done.exit_code == 0, done.output
    assert len(json.loads((tmp_path / "s" / "tasks.json").read_text())) == 5
    assert (tmp_path / "s" / "fiftyone" / "labels.json").exists()


def test_what_people_label_in_label_studio_comes_back_into_the_prepared_data(
    tmp_path: Path, prepared: Path, fer_files: Path
) -> None:
    run = CliRunner().invoke
    asked = tmp_path / "to_label"
    arguments = ["data", "select", str(prepared), "--n", "6", "--model", "resnet", "--split", "train"]
    assert run(app, [*arguments, "--out", str(asked)]).exit_code == 0
    tasks = json.loads((asked / "tasks.json").read_text())
    # as Label Studio exports the tasks that it was given: two people agree, and the last picture shows no face
    answers = [("fear", "fear")] * 5 + [("not a face", "not a face")]
    export = [task | {"id": at, "annotations": [annotation(c) for c in answers[at]]} for at, task in enumerate(tasks)]
    (tmp_path / "export.json").write_text(json.dumps(export))
    table = tmp_path / "decisions.csv"
    assert run(app, ["data", "decide", str(tmp_path / "export.json"), "--out", str(table)]).exit_code == 0
    sources = ["--fer2013", str(fer_files / "fer2013.csv"), "--ferplus", str(fer_files / "fer2013new.csv")]
    done = run(app, ["data", "prepare", *sources, "--decisions", str(table), "--out", str(tmp_path / "mended")])
    assert done.exit_code == 0, done.output
    mended, rows = open_dataset(tmp_path / "mended"), [task["data"]["row"] for task in tasks]
    assert mended.votes[np.isin(mended.rows, rows[:5])].tolist() == [[0] * 6 + [2, 0, 0, 0]] * 5
    assert rows[5] not in mended.rows
    assert mended.manifest["decisions"]["counts"] == {"drop": 1, "relabel": 5}
