"""``mien evaluate`` as a user runs it, on a made data set."""

import hashlib
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.cli import main
from mien.data.dataset import FerDataset, open_dataset, write_dataset
from mien.data.decisions import Decision, write_decisions
from mien.data.protocols import select
from mien.evaluation import EvaluationOptions, NaiveBaseline, evaluate
from mien.metadata import ModelMetadata
from mien.recognition.recognizer import load_recognizer
from mien.render.text import rounded
from tests.small_models import write_model

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "evaluate.md"


def _run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["evaluate", *arguments])
    return int(caught.value.code or 0)


@pytest.fixture
def naive(data_folder: Path) -> list[str]:
    return ["--baseline", "naive", "--data", str(data_folder), "--resamples", "20"]


def test_a_data_set_that_is_not_there_exits_with_three(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert _run("--baseline", "naive", "--data", str(tmp_path / "none")) == 3
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "no prepared data set here" in shown.err


def test_an_unknown_protocol_exits_with_three(capsys: pytest.CaptureFixture[str], naive: list[str]) -> None:
    assert _run(*naive, "--protocol", "drwn") == 3
    assert "did you mean drawn" in capsys.readouterr().err


def test_an_unknown_baseline_is_a_usage_error(capsys: pytest.CaptureFixture[str], data_folder: Path) -> None:
    assert _run("--baseline", "clever", "--data", str(data_folder)) == 2
    assert "clever" in capsys.readouterr().err


def test_model_and_baseline_exclude_each_other(capsys: pytest.CaptureFixture[str], naive: list[str]) -> None:
    assert _run("some.onnx", *naive) == 2
    assert "exclude each other" in capsys.readouterr().err


def test_an_unknown_split_is_a_usage_error(capsys: pytest.CaptureFixture[str], naive: list[str]) -> None:
    assert _run(*naive, "--split", "tset") == 2
    assert "tset" in capsys.readouterr().err


def test_json_of_one_protocol_is_the_library_s_record(
    capsys: pytest.CaptureFixture[str], naive: list[str], dataset: FerDataset
) -> None:
    assert _run(*naive, "--json") == 0
    (result,) = evaluate(NaiveBaseline(), dataset, options=EvaluationOptions(resamples=20))
    shown = capsys.readouterr()
    record = json.loads(shown.out)
    assert record.pop("model") == "naive"
    assert record.pop("data_sha256") == dataset.manifest_sha256
    assert record == rounded(result.to_dict())
    assert "finished model" in shown.err


def test_json_of_several_protocols_is_a_list_without_repeats(
    capsys: pytest.CaptureFixture[str], naive: list[str]
) -> None:
    assert _run(*naive, "--json", "--protocol", "votes", "--protocol", "drawn", "--protocol", "votes") == 0
    assert [record["protocol"] for record in json.loads(capsys.readouterr().out)] == ["votes", "drawn"]


def test_all_leaves_out_protocols_whose_votes_were_not_given(
    capsys: pytest.CaptureFixture[str], naive: list[str], data_folder: Path, dataset: FerDataset
) -> None:
    write_dataset(replace(dataset, panel_votes=None).take(dataset.rows), data_folder)
    assert _run(*naive, "--json", "--protocol", "all") == 0
    shown = capsys.readouterr()
    protocols = [record["protocol"] for record in json.loads(shown.out)]
    assert "majority-v1" in protocols
    assert "majority" not in protocols
    assert "majority, majority-unique" in shown.err


def test_the_tables_show_figures_classes_and_the_capstones_comparison(
    capsys: pytest.CaptureFixture[str], naive: list[str]
) -> None:
    assert _run(*naive, "--protocol", "drawn") == 0
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("accuracy", "95 % interval", "contempt", "capstone report", "0.7176", "["))


def test_the_test_split_is_not_mentioned_when_another_is_judged(
    capsys: pytest.CaptureFixture[str], naive: list[str]
) -> None:
    assert _run(*naive, "--split", "validation", "--json") == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["split"] == "validation"
    assert "test split" not in shown.err


def test_a_folder_gets_report_and_pictures(
    capsys: pytest.CaptureFixture[str], naive: list[str], tmp_path: Path
) -> None:
    assert _run(*naive, "--protocol", "votes", "--json", "--out", str(tmp_path / "report")) == 0
    shown = capsys.readouterr()
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == [
        *("confusion_votes.png", "confusion_votes_normalized.png"),
        *("reliability_votes.png", "report.json", "report.md", "risk_coverage_votes.png"),
    ]
    assert json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8")) == json.loads(shown.out)


def test_help_shows_commands_to_copy_and_what_the_test_split_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--help") == 0
    shown = capsys.readouterr().out
    assert "mien evaluate --baseline naive --data DATA --protocol drawn" in shown
    assert "finished model" in shown


def test_a_model_file_is_judged_and_compared_with_the_naive_baseline(
    capsys: pytest.CaptureFixture[str], data_folder: Path, tmp_path: Path
) -> None:
    write_model(tmp_path / "model.onnx", ModelMetadata(name="made"))
    given = [str(tmp_path / "model.onnx"), "--data", str(data_folder), "--resamples", "20"]
    assert _run(*given, "--protocol", "drawn") == 0
    assert capsys.readouterr().out.count("model,") == 2
    assert _run(*given, "--protocol", "votes", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["n"] == 30
    assert record["kl"] > 0


def test_a_file_that_is_no_model_exits_with_four(
    capsys: pytest.CaptureFixture[str], data_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a network")
    assert _run(str(tmp_path / "model.onnx"), "--data", str(data_folder)) == 4
    assert "model.onnx" in capsys.readouterr().err


@pytest.fixture
def example_folder(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder that the page's examples take for granted."""
    folder = data_folder.rename(data_folder.with_name("DATA")).parent
    write_model(folder / "model.onnx", ModelMetadata(name="made"))
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.slow
def test_every_command_of_the_page_runs(example_folder: Path) -> None:
    commands = re.findall(r"^\$ mien evaluate (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(commands) == 5
    assert [_run(*shlex.split(command), "--resamples", "5") for command in commands] == [0] * 5


def test_predictions_from_a_file_give_the_models_result(
    capsys: pytest.CaptureFixture[str], data_folder: Path, dataset: FerDataset, tmp_path: Path
) -> None:
    write_model(tmp_path / "model.onnx", ModelMetadata(name="made"))
    said = load_recognizer(tmp_path / "model.onnx").predict_proba(dataset.images)
    np.save(tmp_path / "said.npy", said[dataset.split_rows("test")])
    common = ["--data", str(data_folder), "--resamples", "0", "--protocol", "votes", "--json"]
    assert _run(str(tmp_path / "model.onnx"), *common) == 0
    own = json.loads(capsys.readouterr().out)
    assert _run("--predictions", str(tmp_path / "said.npy"), *common) == 0
    given = json.loads(capsys.readouterr().out)
    assert own.pop("model_sha256") == hashlib.sha256((tmp_path / "model.onnx").read_bytes()).hexdigest()
    assert (own.pop("model"), given.pop("model")) == ("made", "said.npy")
    assert given == own
    swapped = said[dataset.split_rows("test")][:, ::-1]
    np.save(tmp_path / "said.npy", swapped)
    columns = "contempt,fear,disgust,anger,sadness,surprise,happiness,neutral"
    assert _run("--predictions", str(tmp_path / "said.npy"), "--columns", columns, *common) == 0
    assert json.loads(capsys.readouterr().out)["kl"] == own["kl"]


@pytest.mark.parametrize(
    ("array", "says"),
    [(np.zeros(3), "expected floats"), (np.zeros((2, 8), int), "expected floats"), (None, "no such file")],
)
def test_predictions_that_are_none_are_refused(
    capsys: pytest.CaptureFixture[str], data_folder: Path, tmp_path: Path, array: np.ndarray | None, says: str
) -> None:
    if array is not None:
        np.save(tmp_path / "said.npy", array)
    assert _run("--predictions", str(tmp_path / "said.npy"), "--data", str(data_folder)) in {3, 4}
    assert says in capsys.readouterr().err


def test_pickled_predictions_are_not_loaded(
    capsys: pytest.CaptureFixture[str], data_folder: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "said.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert _run("--predictions", str(tmp_path / "said.npy"), "--data", str(data_folder)) == 4
    assert "not an array of numbers" in capsys.readouterr().err


def test_groups_stand_in_the_record_of_their_protocol(
    capsys: pytest.CaptureFixture[str], dataset: FerDataset, tmp_path: Path
) -> None:
    groups = np.array([("x",), ("y",)] * 45, dtype=[("side", "U1")])
    with_groups = replace(dataset, groups=groups, labels=(np.arange(90) % 8).astype(np.uint8))
    write_dataset(with_groups.take(dataset.rows), tmp_path / "set")
    common = ["--baseline", "naive", "--data", str(tmp_path / "set"), "--resamples", "5", "--protocol", "labels"]
    assert _run(*common, "--by", "side", "--json") == 0
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    assert [(value["value"], value["n"]) for value in group["values"]] == [("x", 15), ("y", 15)]
    assert _run(*common, "--by", " side, ") == 0
    assert "labels by side" in capsys.readouterr().out
    assert _run(*common, "--by", "age") == 3
    assert "its groups: side" in capsys.readouterr().err


def test_two_models_are_compared(capsys: pytest.CaptureFixture[str], data_folder: Path, tmp_path: Path) -> None:
    files = [str(write_model(tmp_path / f"{seed}.onnx", ModelMetadata(name=f"m{seed}"), seed=seed)) for seed in (0, 1)]
    common = ["compare", *files, "--data", str(data_folder), "--resamples", "20"]
    with pytest.raises(SystemExit, match="0"):
        main([*common, "--protocol", "votes", "--json"])
    record = json.loads(capsys.readouterr().out)
    assert [record["models"][side]["model"] for side in ("first", "second")] == ["m0", "m1"]
    assert record["split"] == "validation"
    assert set(record["metrics"]["kl"]) == {"first", "second", "difference", "interval", "better"}
    with pytest.raises(SystemExit, match="0"):
        main(common)
    assert "difference" in capsys.readouterr().out


def test_decisions_on_the_judged_split_are_reported_both_ways(
    capsys: pytest.CaptureFixture[str], naive: list[str], data_folder: Path, tmp_path: Path
) -> None:
    dataset = open_dataset(data_folder)
    rows = dataset.rows[select(dataset, "votes", "test").indices[:3]].tolist()
    neutral = (10, *[0] * 9)
    write_decisions([Decision(rows[0], "drop"), Decision(rows[1], "relabel", neutral)], tmp_path / "decisions.csv")
    arguments = [*naive, "--protocol", "votes", "--split", "test", "--json"]
    assert _run(*arguments) == 0
    published = json.loads(capsys.readouterr().out)
    assert _run(*arguments, "--decisions", str(tmp_path / "decisions.csv"), "--out", str(tmp_path / "out")) == 0
    both = json.loads(capsys.readouterr().out)
    assert both["published"] == published
    assert both["decided"]["n"] == published["n"] - 1
    assert both["decided"]["per_class"]["neutral"]["recall"] == 1  # the baseline says neutral
    assert "labels as decided" in (tmp_path / "out" / "decided" / "report.md").read_text()
