"""Two models on the same images: paired intervals against a loop, and what is said of them."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from mien.data.dataset import FerDataset
from mien.data.protocols import select
from mien.errors import ProtocolError
from mien.evaluation import EvaluationOptions, NaiveBaseline, evaluate
from mien.evaluation.bootstrap import Interval, resample_weights
from mien.evaluation.comparison import Difference, compare
from mien.evaluation.tables import comparison_table
from mien.expressions import FER2013_LABELS, FERPLUS_LABELS

from .made import PixelModel

FEW = EvaluationOptions(resamples=50, seed=3)


def test_both_sides_have_the_metrics_of_an_evaluation(model: PixelModel, dataset: FerDataset) -> None:
    for found in compare(NaiveBaseline(), model, dataset, protocols=("votes", "drawn", "majority"), options=FEW):
        for side, each in (("first", NaiveBaseline()), ("second", model)):
            (alone,) = evaluate(each, dataset, split="validation", protocols=(found.protocol,), options=FEW)
            assert {name: getattr(gap, side) for name, gap in found.metrics.items()} == {
                name: getattr(alone, name) for name in found.metrics
            }


def test_intervals_are_those_of_a_loop_over_the_same_images(model: PixelModel, dataset: FerDataset) -> None:
    chosen = select(dataset, "majority", "validation")
    (found,) = compare(NaiveBaseline(), model, dataset, protocols=("majority",), options=FEW)
    said = model.predict_proba(dataset.images[chosen.indices]).argmax(1)
    gains = []
    for weights in np.concatenate(list(resample_weights(len(said), resamples=50, seed=3))):
        rows = np.repeat(np.arange(len(said)), weights.astype(int))
        truth = chosen.labels[rows]
        gains.append(accuracy_score(truth, said[rows]) - (truth == 0).mean())
    interval = found.metrics["accuracy"].interval
    assert interval is not None
    assert interval.to_list() == pytest.approx(np.percentile(gains, [2.5, 97.5]).tolist())


def test_a_model_gains_nothing_over_itself(model: PixelModel, dataset: FerDataset) -> None:
    for found in compare(model, model, dataset, options=FEW):
        assert all(gap.difference == 0 and gap.better is None for gap in found.metrics.values())


@pytest.mark.parametrize(
    ("interval", "less", "better"),
    [
        ((0.1, 0.2), False, "second"),
        ((-0.2, -0.1), False, "first"),
        ((0.1, 0.2), True, "first"),
        ((-0.2, -0.1), True, "second"),
        ((-0.1, 0.2), False, None),
        (None, False, None),
    ],
)
def test_the_better_one_is_named_where_the_interval_leaves_no_doubt(
    interval: tuple[float, float] | None, less: bool, better: str | None
) -> None:
    gap = Difference(0.5, 0.6, None if interval is None else Interval(*interval), less)
    assert gap.better == better


def test_arrays_and_functions_are_compared_as_the_model_they_came_from(model: PixelModel, dataset: FerDataset) -> None:
    rows = dataset.split_rows("validation")
    array = model.predict_proba(dataset.images[rows])
    by_array = compare(NaiveBaseline(), array, dataset, options=FEW)
    by_function = compare(NaiveBaseline(), model.predict_proba, dataset, options=FEW)
    by_model = compare(NaiveBaseline(), model, dataset, options=FEW)
    records = [[each.to_dict() for each in found] for found in (by_array, by_function, by_model)]
    assert records[1] == records[2]
    assert records[0][0]["metrics"]["kl"]["second"] == pytest.approx(records[2][0]["metrics"]["kl"]["second"])


class Seven:
    """Knows FER2013's seven expressions."""

    labels = FER2013_LABELS

    def predict_proba(self, images: np.ndarray) -> np.ndarray:
        return np.full((len(images), 7), 1 / 7)


def test_models_of_different_classes_are_compared_over_those_that_both_know(
    model: PixelModel, dataset: FerDataset
) -> None:
    (found,) = compare(model, Seven(), dataset, protocols=("majority",), options=FEW)
    chosen = select(dataset, "majority", "validation")
    assert set(found.classes) == set(FER2013_LABELS)
    assert found.n == (chosen.labels != FERPLUS_LABELS.index("contempt")).sum()


def test_a_protocol_without_images_is_refused(model: PixelModel, dataset: FerDataset) -> None:
    with pytest.raises(ProtocolError, match="labels' needs published labels"):
        compare(model, model, dataset, protocols=("labels",))


def test_the_table_names_the_models_and_the_better_one(model: PixelModel, dataset: FerDataset) -> None:
    (found,) = compare(NaiveBaseline(), model, dataset, protocols=("votes",), options=FEW)
    table = comparison_table(found, "naive", "mine")
    assert table.header == ("metric", "naive", "mine", "difference", "95 % interval", "better")
    kl = next(row for row in table.rows if row[0].startswith("KL"))
    assert kl[5] == "mine"
    assert kl[3].startswith("-")
