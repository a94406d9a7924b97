"""Tables and files of a report."""

import json

import pytest

from mien.evaluation import EvaluationOptions, NaiveBaseline, evaluate
from mien.evaluation.report import (
    TEST_SPLIT_NOTICE,
    Table,
    capstone_table,
    class_table,
    figures_table,
    text_report,
    to_json,
    write_report,
)

FEW = EvaluationOptions(resamples=10)


def test_a_table_without_rows_is_still_markdown():
    assert Table("Nothing", ("a", "b"), ()).to_markdown() == "### Nothing\n\n| a | b |\n| --- | ---: |\n"


def test_figures_that_a_protocol_lacks_have_no_row(model, dataset):
    (majority,) = evaluate(model, dataset, options=FEW)
    names = [row[0] for row in figures_table(majority).rows]
    assert names == ["accuracy", "macro-F1", "balanced accuracy", "misclassification", "calibration error"]


def test_the_table_shows_value_and_interval(model, dataset):
    (result,) = evaluate(model, dataset, options=FEW)
    low, high = result.intervals["accuracy"].to_list()
    assert figures_table(result).rows[0] == ("accuracy", f"{result.accuracy:.4f}", f"[{low:.3f}, {high:.3f}]")


def test_without_resamples_the_intervals_stay_blank(model, dataset):
    (result,) = evaluate(model, dataset, options=EvaluationOptions(resamples=0))
    assert {row[2] for row in figures_table(result).rows} == {""}
    assert class_table(result).rows[0][1] == f"{result.per_class['neutral'].precision:.4f}"


def test_the_capstone_table_stands_beside_the_reports_own_figures(model, dataset):
    (naive,) = evaluate(NaiveBaseline(), dataset, protocols=("drawn",), options=FEW)
    (own,) = evaluate(model, dataset, protocols=("drawn",), options=FEW)
    table = capstone_table(naive, own)
    assert table.header == (
        "figure",
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


def test_the_capstone_table_can_do_without_a_model(dataset):
    (naive,) = evaluate(NaiveBaseline(), dataset, protocols=("drawn",), options=FEW)
    assert len(capstone_table(naive, None).header) == 5


def test_the_capstone_table_refuses_labels_that_were_not_drawn(model, dataset):
    (majority,) = evaluate(model, dataset, options=FEW)
    with pytest.raises(ValueError, match="about drawn labels, got a result of 'majority'"):
        capstone_table(majority, None)


def test_one_result_is_an_object_and_several_are_a_list(model, dataset):
    results = evaluate(model, dataset, protocols=("votes", "majority"), options=FEW)
    assert json.loads(to_json(results[:1])) == results[0].to_dict()
    assert json.loads(to_json(results)) == [result.to_dict() for result in results]


def test_the_report_names_the_model_and_says_what_the_test_split_is_for(model, dataset):
    on_test = text_report(evaluate(model, dataset, options=FEW), model="capstone")
    on_validation = text_report(evaluate(model, dataset, split="validation", options=FEW), model="capstone")
    assert on_test.startswith("# Evaluation of capstone\n")
    assert TEST_SPLIT_NOTICE in on_test
    assert TEST_SPLIT_NOTICE not in on_validation


def test_the_report_is_written_as_two_files_and_nothing_else(model, dataset, tmp_path):
    results = evaluate(model, dataset, options=FEW)
    paths = write_report(tmp_path / "out", results, model="m")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report.json", "report.md"]
    assert json.loads(paths[0].read_text(encoding="utf-8")) == results[0].to_dict()
    assert paths[1].read_text(encoding="utf-8") == text_report(results, model="m")
