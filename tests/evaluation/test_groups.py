"""Groups of people, against counts by hand."""

from dataclasses import replace

import numpy as np
import pytest

from mien.data.dataset import FerDataset
from mien.errors import ProtocolError
from mien.evaluation import EvaluationOptions
from mien.evaluation.groups import evaluate_groups
from mien.evaluation.tables import group_tables

from .made import PixelModel

FEW = EvaluationOptions(resamples=100)


@pytest.fixture
def people(dataset: FerDataset) -> FerDataset:
    """The made data set as an imported one: 25 women, 40 men, 25 of whom nothing is known."""
    groups = np.array([("female",)] * 25 + [("male",)] * 40 + [("NA",)] * 25, dtype=[("gender", "U8")])
    labels = np.arange(90, dtype=np.uint8) % 8
    found = np.arange(90) % 3 > 0
    return replace(dataset, groups=groups, labels=labels, found=found)


def test_each_value_has_the_means_of_its_images(model: PixelModel, people: FerDataset) -> None:
    (result,) = evaluate_groups(model, people, ["gender"], split="all", options=FEW)
    said = model.predict_proba(people.images)
    assert people.labels is not None
    assert people.found is not None
    rows = {"female": slice(0, 25), "male": slice(25, 65), "unknown": slice(65, 90)}
    assert [value.value for value in result.values] == list(rows)
    for value in result.values:
        at = rows[value.value]
        assert value.n == len(people.labels[at])
        assert value.metrics["accuracy"] == pytest.approx((said[at].argmax(1) == people.labels[at]).mean())
        assert value.metrics["detected"] == pytest.approx(people.found[at].mean())
        assert value.metrics["probability.fear"] == pytest.approx(said[at, 6].mean(), abs=1e-6)
        assert value.metrics["share.fear"] == pytest.approx((said[at].argmax(1) == 6).mean())
        low, high = value.intervals["accuracy"].to_list()
        assert low <= value.metrics["accuracy"] <= high


def test_the_largest_difference_is_between_the_extremes(model: PixelModel, people: FerDataset) -> None:
    (result,) = evaluate_groups(model, people, ["gender"], split="all", options=FEW)
    metrics = {value.value: value.metrics for value in result.values}
    for gap in result.largest:
        everywhere = [each[gap.metric] for each in metrics.values()]
        assert metrics[gap.highest][gap.metric] == max(everywhere)
        assert gap.difference == pytest.approx(max(everywhere) - min(everywhere))
        assert gap.interval is not None
        assert gap.interval.low <= gap.difference <= gap.interval.high


def test_small_groups_are_marked_and_take_no_part_in_the_largest_difference(
    model: PixelModel, people: FerDataset
) -> None:
    few = replace(people, groups=np.array([("a",)] * 5 + [("b",)] * 85, dtype=[("gender", "U8")]))
    (result,) = evaluate_groups(model, few, ["gender"], split="all", options=FEW)
    assert result.largest == ()
    tables = list(group_tables(result))
    assert [row[3].endswith("†") for row in tables[0].rows] == [True, False]
    assert tables[0].note == "† rests on fewer than 20 images"
    assert len(tables) == 3


def test_an_unknown_group_is_refused_with_those_that_there_are(model: PixelModel, people: FerDataset) -> None:
    with pytest.raises(ProtocolError, match="no group 'age'") as caught:
        evaluate_groups(model, people, ["age"], split="all")
    assert "gender" in str(caught.value.hint)


def test_tables_have_a_row_for_each_value_or_expression(model: PixelModel, people: FerDataset) -> None:
    (result,) = evaluate_groups(model, people, ["gender"], split="all", options=FEW)
    plain, probability, share, gaps = group_tables(result)
    assert plain.header == ("gender", "images", "detected", "accuracy")
    assert probability.header == share.header == ("expression", "female", "male", "unknown")
    assert len(probability.rows) == 8
    differences = [float(row[3]) for row in gaps.rows]
    assert differences == sorted(differences, reverse=True)
