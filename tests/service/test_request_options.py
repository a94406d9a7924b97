"""What a request may choose: model, labels, base rates, decision and confidence, with the library's answers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from mien.base_rates import BaseRates
from mien.decision import DecisionRule
from mien.expressions import FERPLUS_LABELS
from mien.imaging import FORMATS
from mien.metadata import ModelMetadata
from mien.preprocessing import DEFAULT_FRAMES
from mien.recognition.pipeline import load
from mien.service.schemas import ModelSchema, ProblemSchema
from tests.service.servers import Server, running
from tests.service.test_predict_route import assert_same
from tests.small_models import write_model

RATES = {"neutral": 0.2, "happiness": 0.3, "fear": 0.5}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One that knows its base rates and names by a rule, and another."""
    folder = tmp_path_factory.mktemp("models")
    rates = BaseRates(FERPLUS_LABELS, (0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05))
    rule = DecisionRule(FERPLUS_LABELS, (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 9.0))
    first = ModelMetadata("first", frames=DEFAULT_FRAMES, version="1", priors=rates, decision=rule)
    other = ModelMetadata("other", frames=DEFAULT_FRAMES, version="1")
    return write_model(folder / "first.onnx", first), write_model(folder / "other.onnx", other, seed=5)


@pytest.fixture(scope="module")
def server(models: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("options"), models[0], "--more-models", str(models[1])) as started:
        yield started


@pytest.mark.parametrize(
    ("params", "settings"),
    [
        ({}, {}),
        ({"prior": "balanced"}, {"prior": "balanced"}),
        ({"prior": json.dumps(RATES)}, {"prior": RATES}),
        ({"decision": "argmax"}, {"decision": "argmax"}),
        ({"min_confidence": "0.99"}, {"min_confidence": 0.99}),
        ({"labels": "perceived"}, {"labels": "perceived"}),
    ],
)
def test_each_option_gives_the_librarys_answer(
    server: Server, models: tuple[Path, Path], photo: bytes, params: dict[str, str], settings: dict[str, Any]
) -> None:
    response = httpx.post(f"{server.url}/v1/predict", params=params, content=photo, timeout=60)
    assert_same(response.json()["results"][0], load(models[0], threads=1, **settings).predict(photo).to_dict())


def test_another_model_answers_where_it_is_asked_for(server: Server, models: tuple[Path, Path], photo: bytes) -> None:
    response = httpx.post(f"{server.url}/v1/predict", params={"model": "other"}, content=photo, timeout=60)
    assert_same(response.json()["results"][0], load(models[1], threads=1).predict(photo).to_dict())


def test_a_camera_has_the_options_too(server: Server, models: tuple[Path, Path], photo: bytes) -> None:
    with connect(f"{server.url.replace('http', 'ws')}/v1/stream?prior=balanced", proxy=None) as stream:
        stream.send(photo)
        assert_same(json.loads(stream.recv(30)), load(models[0], threads=1, prior="balanced").predict(photo).to_dict())


@pytest.mark.parametrize(
    ("params", "status", "words"),
    [
        ({"prior": "rates.json"}, 400, "expected 'balanced' or base rates by name"),  # never a file of the server
        ({"prior": "/etc/passwd"}, 400, "expected 'balanced'"),
        ({"prior": "[1]"}, 400, "expected 'balanced'"),
        ({"prior": '{"joy": 1}'}, 400, "the labels do not include joy"),
        ({"prior": '{"fear": NaN}'}, 400, "expected a number"),
        ({"prior": '{"fear": -1}'}, 400, "expected a number"),
        ({"prior": "[" * 900}, 400, "expected 'balanced'"),
        ({"prior": "x" * 2000}, 422, "prior"),
        ({"labels": "intended"}, 400, "intended"),
        ({"labels": "felt"}, 422, "labels"),
        ({"decision": "guess"}, 422, "decision"),
        ({"min_confidence": "2"}, 422, "min_confidence"),
        ({"min_confidence": "nan"}, 422, "min_confidence"),
        ({"model": "../../etc/passwd"}, 400, "no model"),
    ],
)
def test_what_cannot_be_chosen_is_refused(
    server: Server, photo: bytes, params: dict[str, str], status: int, words: str
) -> None:
    response = httpx.post(f"{server.url}/v1/predict", params=params, content=photo, timeout=60)
    ProblemSchema.model_validate(response.json())
    assert response.status_code == status
    assert words in response.json()["detail"]


def test_the_model_says_what_may_be_chosen(server: Server, models: tuple[Path, Path]) -> None:
    record = httpx.get(f"{server.url}/v1/model").json()
    ModelSchema.model_validate(record)
    assert record["models"] == ["first", "other"]  # no folder of the server
    assert (record["conventions"], record["has_priors"], record["has_decision"]) == (["perceived"], True, True)
    assert set(record["limits"]["formats"]) in ({*FORMATS} - {"HEIF"}, {*FORMATS}, {*FORMATS} - {"HEIF", "AVIF"})
    assert all(len(digest) == 64 for digest in record["detector_files"].values())
