"""Tables and files of a report."""

import json
from pathlib import Path

import numpy as np
import pytest

from mien.data.dataset import FerDataset
from mien.data.protocols import select
from mien.evaluation import EvaluationOptions, NaiveBaseline, evaluate
from mien.evaluation.published import PUBLISHED, published_for
from mien.evaluation.report import TEST_SPLIT_NOTICE, EvaluationReport, compare_with_naive, details
from mien.evaluation.tables import capstone_table, class_table, leaderboard_table, metrics_table, summary_table
from mien.render.tables import Table
from mien.render.text import rounded

from .made import PixelModel

FEW = EvaluationOptions(resamples=10)


def test_a_table_without_rows_is_still_markdown() -> None:
    assert Table("Nothing", ("a", "b"), ()).to_markdown() == "### Nothing\n\n| a | b |\n| --- | ---: |\n"


def test_a_bar_in_a_cell_does_not_end_it_and_a_note_stands_below() -> None:
    assert Table("t", ("a",), (("x|y",),), "so").to_markdown().splitlines()[-3:] == [r"| x\|y |", "", "so"]


def test_metrics_that_a_protocol_lacks_have_no_row(model: PixelModel, dataset: FerDataset) -> None:
    (majority,) = evaluate(model, dataset, options=FEW)
    names = [row[0] for row in metrics_table(majority).rows]
    assert names == ["accuracy", "macro-F1", "balanced accuracy", "misclassification", "calibration error"]


def test_the_table_shows_value_and_interval(model: PixelModel, dataset: FerDataset) -> None:
    (result,) = evaluate(model, dataset, options=FEW)
    low, high = result.intervals["accuracy"].to_list()
    assert metrics_table(result).rows[0] == ("accuracy", f"{result.accuracy:.4f}", f"[{low:.3f}, {high:.3f}]")


def test_without_resamples_the_intervals_stay_blank(model: PixelModel, dataset: FerDataset) -> None:
    (result,) = evaluate(model, dataset, options=EvaluationOptions(resamples=0))
    assert {row[2] for row in metrics_table(result).rows} == {""}
    assert class_table(result).rows[0][1] == f"{result.per_class['neutral'].precision:.4f}"


def test_intervals_are_marked_exactly_where_fewer_than_twenty_images_stand_behind_them(
    model: PixelModel, dataset: FerDataset
) -> None:
    (result,) = evaluate(model, dataset, protocols=("majority",), options=FEW)
    chosen = select(dataset, "majority", "test")
    said = model.predict_proba(dataset.images[chosen.indices]).argmax(1)
    table = class_table(result)
    for label, row in enumerate(table.rows):
        marked = [cell.endswith("†") for cell in row[1:4]]
        true, named = int((chosen.labels == label).sum()), int((said == label).sum())
        assert marked == [named < 20, true < 20, min(true, named) < 20]
    assert table.note == "† rests on fewer than 20 images"


def test_many_images_of_every_expression_leave_no_mark_and_no_note() -> None:
    counts = np.full((8, 8), 5.0)
    from mien.evaluation.results import ClassMetrics, EvaluationResult

    of_class = {name: ClassMetrics(0.5, 0.5, 0.5, 40) for name in "abcdefgh"}
    result = EvaluationResult("votes", "test", 320, 0.5, 0.5, 0.5, 0.5, of_class, counts)
    assert result.few_cases == ()
    assert not summary_table({"m": [result]}).note


def test_the_summary_has_a_row_for_each_protocol_and_model_and_names_rare_expressions(
    model: PixelModel, dataset: FerDataset
) -> None:
    protocols = ("votes", "majority")
    own = evaluate(model, dataset, protocols=protocols, options=FEW)
    naive = evaluate(NaiveBaseline(), dataset, protocols=protocols, options=FEW)
    table = summary_table({"own": own, "naive": naive})
    assert table.header == ("protocol", "model", "images", "accuracy", "macro-F1", "JS", "ECE")
    assert [row[:2] for row in table.rows] == [
        *(("votes", "own"), ("votes", "naive"), ("majority", "own"), ("majority", "naive")),
    ]
    assert table.rows[0][3].startswith(f"{own[0].accuracy:.4f} [")
    assert table.rows[2][5] == "—"  # no divergence from single labels
    least = min(result.per_class["contempt"].support for result in own)
    assert f"contempt ({least:.0f})" in table.note
    assert summary_table({"own": own}).header[1] == "images"


def test_a_report_begins_with_the_summary(model: PixelModel, dataset: FerDataset) -> None:
    results = evaluate(model, dataset, protocols=("votes", "majority"), options=FEW)
    titles = [table.title for table in EvaluationReport("m", results).tables()]
    assert titles[0] == "Summary of m, test split"
    assert titles[1:7] == [table.title for result in results for table in details(result)]


def test_the_capstone_table_stands_beside_the_reports_own_values(model: PixelModel, dataset: FerDataset) -> None:
    (naive,) = evaluate(NaiveBaseline(), dataset, protocols=("drawn",), options=FEW)
    (own,) = evaluate(model, dataset, protocols=("drawn",), options=FEW)
    table = capstone_table(naive, own)
    assert table.header == (
        "metric",
        *("naive, capstone report", "naive, expected", "naive, one draw"),
        *("CNN, capstone report", "model, expected", "model, one draw"),
    )
    published = {row[0]: (row[1], row[4]) for row in table.rows}
    assert published == {
        "accuracy": ("0.3263", "0.7176"),
        "macro-F1": ("0.0615", "0.4889"),
        "misclassification": ("0.67", "—"),
    }
    assert table.rows[0][5] == f"{own.accuracy:.4f}"
    assert compare_with_naive((own,), dataset) == table


def test_the_capstone_table_can_do_without_a_model(dataset: FerDataset) -> None:
    (naive,) = evaluate(NaiveBaseline(), dataset, protocols=("drawn",), options=FEW)
    assert len(capstone_table(naive, None).header) == 5
    assert compare_with_naive((naive,), dataset, is_naive=True) == capstone_table(naive, None)


def test_the_capstone_table_refuses_labels_that_were_not_drawn(model: PixelModel, dataset: FerDataset) -> None:
    (majority,) = evaluate(model, dataset, options=FEW)
    with pytest.raises(ValueError, match="about drawn labels, got a result of 'majority'"):
        capstone_table(majority, None)
    assert compare_with_naive((majority,), dataset) is None


def test_our_row_takes_its_place_among_the_published_ones(model: PixelModel, dataset: FerDataset) -> None:
    (result,) = evaluate(model, dataset, options=FEW)
    board = leaderboard_table({"mine": result})
    assert board is not None
    assert len(board.rows) == len(published_for("majority")) + 1
    accuracies = [float(row[1].split()[0]) for row in board.rows]
    assert accuracies == sorted(accuracies, reverse=True)
    assert board.rows[-1][0] == "mine"  # a model of random pixels


def test_published_results_stand_beside_the_same_protocol_on_the_test_split_alone(
    model: PixelModel, dataset: FerDataset
) -> None:
    (validation,) = evaluate(model, dataset, split="validation", options=FEW)
    (votes,) = evaluate(model, dataset, protocols=("votes",), options=FEW)
    assert leaderboard_table({"m": validation}) is None
    assert leaderboard_table({"m": votes}) is None


def test_every_published_value_is_a_share_with_a_source() -> None:
    assert all(0 < row.accuracy < 1 and row.reference for row in PUBLISHED)
    assert max(row.accuracy for row in PUBLISHED if row.protocol == "majority" and row.trained == "this data set") == (
        0.874
    )


def test_one_result_is_an_object_and_several_are_a_list_of_six_digits(model: PixelModel, dataset: FerDataset) -> None:
    results = evaluate(model, dataset, protocols=("votes", "majority"), options=FEW)
    assert json.loads(EvaluationReport("m", results[:1]).to_json()) == rounded(results[0].to_dict())
    assert json.loads(EvaluationReport("m", results).to_json()) == [rounded(result.to_dict()) for result in results]
    record = json.loads(EvaluationReport("m", results[:1], origin={"model": "m"}).to_json())
    assert record["model"] == "m"
    assert record["js"] == float(f"{results[0].js:.6g}")


def test_the_report_names_the_model_and_says_what_the_test_split_is_for(model: PixelModel, dataset: FerDataset) -> None:
    on_test = EvaluationReport("capstone", evaluate(model, dataset, options=FEW)).to_markdown()
    on_validation = EvaluationReport("capstone", evaluate(model, dataset, split="validation", options=FEW))
    assert on_test.startswith("# Evaluation of capstone\n")
    assert TEST_SPLIT_NOTICE in on_test
    assert TEST_SPLIT_NOTICE not in on_validation.to_markdown()


def test_the_report_is_written_as_two_files_and_nothing_else(
    model: PixelModel, dataset: FerDataset, tmp_path: Path
) -> None:
    report = EvaluationReport("m", evaluate(model, dataset, options=FEW))
    paths = report.write(tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report.json", "report.md"]
    assert json.loads(paths[0].read_text(encoding="utf-8")) == rounded(report.results[0].to_dict())
    assert paths[1].read_text(encoding="utf-8") == report.to_markdown()
