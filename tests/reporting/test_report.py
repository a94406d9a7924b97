import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.cli import main
from mien.data.dataset import FerDataset
from mien.errors import ConfigError
from mien.evaluation.peers import PeerResult
from mien.expressions import USE_NOTICE
from mien.recognition.pipeline import load
from mien.render.html import Page
from mien.render.tables import Table
from mien.reporting.capstone_report import ReportOptions, write_report
from mien.training.config import TrainingConfig
from mien.training.export.onnx_export import export_run
from mien.training.run import train
from tests.photos import portrait


@pytest.fixture(scope="module")
def model(made_dataset: FerDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    train(TrainingConfig("tiny", epochs=2, batch_size=16, learning_rate=0.02), made_dataset, folder / "run")
    return export_run(folder / "run", folder / "model.onnx", name="mine").path


def report(data: Path, out: Path, *options: object) -> int:
    """Exit code of the command."""
    with pytest.raises(SystemExit) as caught:
        main(["report", "--data", str(data), "--out", str(out), *map(str, options)])
    return int(caught.value.code or 0)


class Seen(HTMLParser):
    """What a browser would be asked to fetch, and the headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.headings: list[str] = []
        self._in_heading = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_heading = tag == "h2"
        self.fetched += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data: str) -> None:
        if self._in_heading:
            self.headings.append(data)
            self._in_heading = False


@pytest.mark.slow
def test_the_report_holds_every_figure_and_table_in_one_file(
    prepared: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(portrait()).save(tmp_path / "portrait.png")
    asked = ["--model", model, "--model", "capstone", "--photo", tmp_path / "portrait.png", "--resamples", 20]
    assert report(prepared, tmp_path / "out", *asked) == 0
    assert "report.html" in capsys.readouterr().err
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    seen = Seen(text)
    assert seen.headings == [
        "Summary",
        "Data",
        "The naive predictor",
        "Model mine",
        "Model capstone",
        "Results",
        "Photos",
        "Limits",
    ]
    assert all(address.startswith(("data:image/", "#")) for address in seen.fetched)
    assert sum(address.startswith("data:") for address in seen.fetched) == 2 + 2 + 2 * (2 + 10) + 1
    assert USE_NOTICE in text
    record = json.loads((tmp_path / "out" / "mine.json").read_text(encoding="utf-8"))
    drawn = next(entry for entry in record if entry["protocol"] == "drawn")
    row = re.search(r"<td>drawn</td><td>mine</td><td>32</td><td>([\d.]+)", text)
    assert row is not None
    assert float(row[1]) == pytest.approx(drawn["accuracy"], abs=1e-4)


def test_photos_that_are_not_there_are_named(prepared: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert report(prepared, tmp_path / "out", "--model", model, "--photo", tmp_path / "empty") == 5
    assert not (tmp_path / "out").exists()


def test_an_earlier_report_in_the_folder_of_photos_is_not_read(prepared: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for place in (tmp_path / "portrait.png", out / "earlier.png"):
        Image.fromarray(portrait()).save(place)
    assert report(prepared, out, "--model", model, "--photo", tmp_path, "--resamples", 0) == 0
    text = (out / "report.html").read_text(encoding="utf-8")
    assert "Photo 1, 1 face" in text
    assert "Photo 2" not in text


def test_a_photo_that_cannot_be_read_is_named_on_the_page(
    prepared: Path, made_dataset: FerDataset, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    Image.fromarray(portrait()).save(tmp_path / "portrait.png")
    options = ReportOptions(
        split="validation", photos=(tmp_path / "broken.jpg", tmp_path / "portrait.png"), resamples=0
    )
    page = write_report(made_dataset, [load(model)], tmp_path / "out", options).read_text(encoding="utf-8")
    assert "broken.jpg: cannot be read" in page
    assert "Photo 2, 1 face: " in page


def test_a_model_cannot_take_the_naive_predictors_place(made_dataset: FerDataset, model: Path, tmp_path: Path) -> None:
    export_run(model.parent / "run", tmp_path / "naive.onnx", name="naive")
    with pytest.raises(ConfigError, match="several models are called naive"):
        write_report(made_dataset, [load(tmp_path / "naive.onnx")], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_models_of_one_name_would_hide_each_other(
    prepared: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(prepared, tmp_path / "out", "--model", model, "--model", model) == 2
    assert "several models are called mine" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_is_said(prepared: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert report(prepared, tmp_path / "file", "--model", model) == 3


def test_what_stands_on_a_page_is_escaped_and_linked() -> None:
    page = Page("a < b")
    page.heading("First & last")
    page.table(Table("title", ("x", "<y>"), (("1", "<script>"),)))
    text = page.to_html()
    assert "<script>" not in text
    assert "a &lt; b" in text
    assert '<a href="#first---last">First &amp; last</a>' in text
    assert '<h2 id="first---last">' in text


def test_further_sets_are_rows_and_models_columns(made_dataset: FerDataset, model: Path, tmp_path: Path) -> None:
    n = len(made_dataset)
    groups = np.array([("x",), ("y",)] * (n // 2), dtype=[("side", "U1")])
    manifest = {**made_dataset.manifest, "classes": ["neutral", "happiness"]}
    further = replace(
        made_dataset, labels=(np.arange(n) % 2).astype(np.uint8), groups=groups, panel_votes=None, manifest=manifest
    )
    peers = (PeerResult("fer 22.5.1", "other", 9, 0.633, 0.41), PeerResult("fer 22.5.1", "elsewhere", 9, 0.5))
    options = ReportOptions(split="validation", resamples=5, across={"other": further}, peers=peers)
    models = [load(model), load("capstone")]
    page = write_report(made_dataset, models, tmp_path / "out", options).read_text(encoding="utf-8")
    (cells,) = re.findall(r"<tr><td>other</td><td>labels</td><td>test</td><td>(\d+)</td><td>2</td>(.*?)</tr>", page)
    assert int(cells[0]) == len(made_dataset.split_rows("test"))
    assert cells[1].count("<td>") == 3
    assert "<td>0.6330; 0.410 (of 9)</td>" in cells[1] + "</td>"
    assert "<th>fer 22.5.1</th>" in page
    assert "other: labels by side" in page
