"""Reading options of a job: those of ``mien predict``, to the same rows, and part of what a job is resumed with."""

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner

import mien
from mien.batch import BatchSettings, run
from mien.batch.ray_engine import _actors
from mien.cli.app import app
from mien.errors import CheckpointError, ConfigError
from tests.batch.made import SETTINGS, files, rows, write_pictures
from tests.photos import pasted


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A group, a portrait, a picture without a face, and one that is none."""
    folder = write_pictures(tmp_path_factory.mktemp("options") / "pictures", 3)
    Image.fromarray(pasted(240, [(60, 60), (500, 200), (900, 600)])).save(folder / "group.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


def _call(*arguments: str | Path) -> None:
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert done.exit_code in {0, 5}, done.stderr


def _table(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--max-faces", "2", "--decision", "argmax"],
        ["--search", "thorough", "--min-face", "0.2"],
        ["--labels", "intended"],
        ["--prior", "balanced", "--min-confidence", "0.4"],
        ["--detector", "blazeface", "--min-detector-score", "0.9"],
        ["--max-pixels", "100000"],
    ],
    ids=lambda options: " ".join(options) or "defaults",
)
def test_rows_are_those_of_predict_with_the_same_options(pictures: Path, tmp_path: Path, options: list[str]) -> None:
    _call("predict", pictures, "--out", tmp_path / "one.csv", "--quiet", *options)
    _call("batch", pictures, "--out", tmp_path / "job", "--quiet", "--workers", "1", *options)
    _call("batch", "merge", tmp_path / "job", "--out", tmp_path / "all.csv")
    expected, found = _table(tmp_path / "one.csv"), _table(tmp_path / "all.csv")
    assert len(found) == len(expected)
    for row, other in zip(found, expected, strict=True):
        assert bool(row["error"]) == bool(other.pop("error"))
        for name, value in other.items():
            if name in {"source", "expression"} or not value:
                assert row[name] == value, name
            else:
                assert float(row[name]) == pytest.approx(float(value), abs=2e-5, rel=1e-4), name


def test_details_are_those_of_the_library(pictures: Path, tmp_path: Path) -> None:
    run([pictures / "group.png"], tmp_path / "job", settings=BatchSettings(workers=1, details=True))
    found = rows(tmp_path / "job")
    faces = mien.load(threads=1).predict(pictures / "group.png").faces
    assert len(found) == len(faces) > 1
    for row, face in zip(found, faces, strict=True):
        assert face.quality is not None
        assert face.detection.landmarks is not None
        assert {name: row[name] for name in face.quality.to_dict()} == face.quality.to_dict()
        assert (row["left_eye_x"], row["left_eye_y"]) == face.detection.landmarks.left_eye
        assert row["roll_deg"] == face.detection.roll_deg
    plain = tmp_path / "plain"
    run([pictures / "group.png"], plain, settings=SETTINGS)
    assert [{k: v for k, v in row.items() if k in rows(plain)[0]} for row in found] == rows(plain)


def test_a_job_goes_on_with_the_same_options_alone(pictures: Path, tmp_path: Path) -> None:
    job, prior = tmp_path / "job", tmp_path / "rates.json"
    prior.write_text('{"neutral": 3, "happiness": 1}')
    settings = BatchSettings(workers=1, prior=prior, max_faces=2)
    run([pictures], job, settings=settings)
    before = files(job)
    recorded = json.loads((job / "manifest.json").read_text())["settings"]
    assert (recorded["prior"]["neutral"], recorded["max_faces"]) == (0.75, 2)
    run(
        [pictures],
        job,
        settings=BatchSettings(workers=2, prior={"neutral": 3, "happiness": 1}, max_faces=2),
        resume=True,
    )
    assert files(job) == before
    prior.write_text('{"neutral": 1, "happiness": 1}')
    with pytest.raises(CheckpointError, match="another prior"):
        run([pictures], job, settings=settings, resume=True)
    with pytest.raises(CheckpointError, match="another max_faces"):
        run([pictures], job, settings=BatchSettings(prior={"neutral": 3, "happiness": 1}), resume=True)


def test_a_record_from_before_there_were_options_has_their_defaults(pictures: Path, tmp_path: Path) -> None:
    job = tmp_path / "job"
    run([pictures], job, settings=SETTINGS)
    path = job / "manifest.json"
    record = json.loads(path.read_text())
    old = ("model", "detector", "min_confidence", "fps", "column", "part_size", "max_bytes", "allow_urls", "crops")
    record["settings"] = {name: record["settings"][name] for name in (*old, "thumbnails")}
    path.write_text(json.dumps(record))
    (job / "part-000000.parquet").unlink()
    assert run([pictures], job, settings=SETTINGS, resume=True).done
    with pytest.raises(CheckpointError, match="another search"):
        run([pictures], job, settings=BatchSettings(part_size=3, search="thorough"), resume=True)
    with pytest.raises(CheckpointError, match="another prior"):
        run([pictures], job, settings=BatchSettings(part_size=3, prior="balanced"), resume=True)


def test_a_model_may_lie_elsewhere_when_its_job_goes_on(pictures: Path, tmp_path: Path) -> None:
    pipeline = mien.load(threads=1)
    for name in ("a.onnx", "b.onnx"):
        (tmp_path / name).write_bytes(pipeline.recognizer.path.read_bytes())
    run([pictures], tmp_path / "job", settings=BatchSettings(model=str(tmp_path / "a.onnx"), workers=1))
    again = BatchSettings(model=str(tmp_path / "b.onnx"), workers=1)
    assert run([pictures], tmp_path / "job", settings=again, resume=True).done


def test_details_are_merged_too(pictures: Path, tmp_path: Path) -> None:
    _call("batch", pictures, "--out", tmp_path / "job", "--quiet", "--workers", "1", "--details")
    _call("batch", "merge", tmp_path / "job", "--out", tmp_path / "all.parquet")
    assert pq.read_table(tmp_path / "all.parquet").to_pylist() == rows(tmp_path / "job")
    assert {"sharpness", "unreliable", "nose_x"} <= set(rows(tmp_path / "job")[0])


def test_actors_take_cores_and_parts_of_cards() -> None:
    assert _actors({"CPU": 8.0}, None) == 8
    assert _actors({"CPU": 8.0, "GPU": 1.0}, 0.25) == 4
    assert _actors({"CPU": 8.0, "GPU": 1.0}, 0.1) == 8
    assert _actors({"CPU": 16.0, "GPU": 1.0}, 0.1) == 10
    assert _actors({"CPU": 8.0}, 0.25) == 1  # Ray then says that no node has a card
    with pytest.raises(ConfigError, match="gpu_share is 2"):
        BatchSettings(gpu_share=2)
