"""The model card: front matter as YAML reads it, in the layout that Hugging Face's own reader takes."""

from pathlib import Path
from typing import Any

import pytest

from mien.cli import main
from mien.data.dataset import FerDataset
from mien.evaluation import EvaluationOptions, evaluate
from mien.expressions import USE_NOTICE
from mien.metadata import ModelMetadata
from mien.recognition.recognizer import load_recognizer
from mien.reporting.model_card import model_card
from tests.small_models import write_model

yaml = pytest.importorskip("yaml", reason="PyYAML reads the front matter")


def parts(card: str) -> tuple[dict[str, Any], str]:
    _, header, body = card.split("---\n", 2)
    return yaml.safe_load(header), body


def test_the_front_matter_holds_each_result_in_the_hubs_layout(made_dataset: FerDataset, tmp_path: Path) -> None:
    recognizer = load_recognizer(write_model(tmp_path / "m.onnx", ModelMetadata(name="m", license="Apache-2.0; data")))
    protocols = ("votes", "majority")
    results = evaluate(recognizer, made_dataset, protocols=protocols, options=EvaluationOptions(resamples=5))
    header, body = parts(model_card(recognizer.metadata, results, sha256="ab12", data_name="FER+"))
    assert header["license"] == "apache-2.0"
    assert header["pipeline_tag"] == "image-classification"
    (entry,) = header["model-index"]
    assert entry["name"] == "m"
    assert [result["dataset"]["config"] for result in entry["results"]] == list(protocols)
    for result, found in zip(results, entry["results"], strict=True):
        metrics = {metric["type"]: metric["value"] for metric in found["metrics"]}
        assert metrics["accuracy"] == pytest.approx(result.accuracy, rel=1e-5)
        assert metrics["f1"] == pytest.approx(result.macro_f1, rel=1e-5)
        assert ("kl_divergence" in metrics) == (result.kl is not None)
    assert USE_NOTICE in body
    assert "ab12" in body
    assert "### majority, by expression" in body


def test_hugging_faces_own_reader_takes_it(made_dataset: FerDataset, tmp_path: Path) -> None:
    data = pytest.importorskip("huggingface_hub.repocard_data", reason="Hugging Face's reader is not installed")
    recognizer = load_recognizer(write_model(tmp_path / "m.onnx", ModelMetadata(name="m")))
    results = evaluate(recognizer, made_dataset, protocols=("votes",), options=EvaluationOptions(resamples=0))
    header, _ = parts(model_card(recognizer.metadata, results))
    name, entries = data.model_index_to_eval_results(header["model-index"])
    assert name == "m"
    assert {entry.metric_type for entry in entries} >= {"accuracy", "f1", "kl_divergence"}
    assert {entry.dataset_config for entry in entries} == {"votes"}


def test_without_results_the_card_repeats_what_the_file_says_and_no_text_breaks_the_header() -> None:
    metadata = ModelMetadata(
        name="tricky: 'name'\n---", license="CC\n---\nx: 1", metrics={"validation/majority": {"accuracy": 0.5, "n": 10}}
    )
    read = yaml.safe_load(model_card(metadata).removeprefix("---\n").split("\n---\n", 1)[0])
    assert read["model-index"][0]["name"] == metadata.name
    assert read["license"] == "other"
    assert read["model-index"][0]["results"][0]["dataset"]["split"] == "validation"


def test_the_command_writes_the_card(prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = write_model(tmp_path / "m.onnx", ModelMetadata(name="m"))
    given = ["card", str(model), "--data", str(prepared), "--protocol", "votes", "--resamples", "5"]
    with pytest.raises(SystemExit, match="0"):
        main([*given, "--out", str(tmp_path / "README.md")])
    header, _ = parts((tmp_path / "README.md").read_text(encoding="utf-8"))
    assert header["model-index"][0]["results"][0]["dataset"]["split"] == "validation"
    with pytest.raises(SystemExit, match="0"):
        main(["card", "capstone"])
    assert parts(capsys.readouterr().out)[0]["library_name"] == "mien"
