"""The whole evaluation on a made data set: what it predicts, refuses and reports."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from mien.data.dataset import FerDataset
from mien.data.protocols import PROTOCOLS, select
from mien.decision import DecisionRule
from mien.errors import ProtocolError, ShapeError
from mien.evaluation import EvaluationOptions, evaluate, evaluate_selections
from mien.evaluation.predictors import predict_rows
from mien.evaluation.run import usable_protocols
from mien.expressions import FER2013_LABELS, FERPLUS_LABELS, LabelSet

from .made import PixelModel, random_votes, selection

FEW = EvaluationOptions(resamples=20)
NAMES = [
    *("protocol", "split", "n", "accuracy", "macro_f1", "balanced_accuracy", "misclassification", "per_class"),
    *("confusion_matrix", "kl", "js", "cross_entropy", "ece", "intervals", "few_cases", "argmax"),
]


class Says:
    """A model whose answers are given, whatever the pictures show."""

    def __init__(self, output: np.ndarray) -> None:
        self.output = output

    def predict_proba(self, images: np.ndarray) -> np.ndarray:
        return self.output[: len(images)]


def test_a_protocol_that_keeps_no_image_is_refused(model: PixelModel) -> None:
    with pytest.raises(ProtocolError, match="made: keeps no image of the test split"):
        evaluate_selections(model, np.zeros((0, 48, 48, 1), np.uint8), [selection(np.zeros((0, 8)), "label")])


def test_no_protocol_gives_no_result(model: PixelModel, dataset: FerDataset) -> None:
    assert evaluate(model, dataset, protocols=()) == ()
    assert model.seen == 0


def test_an_unknown_protocol_is_refused_with_the_near_name(model: PixelModel, dataset: FerDataset) -> None:
    with pytest.raises(ProtocolError, match="no protocol 'majorty'") as caught:
        evaluate(model, dataset, protocols=("majorty",))
    assert "majority" in str(caught.value.hint)


def test_each_image_is_predicted_once_for_all_protocols(model: PixelModel, dataset: FerDataset) -> None:
    protocols = usable_protocols(dataset, "test")
    results = evaluate(model, dataset, protocols=protocols, options=FEW)
    assert [result.protocol for result in results] == list(protocols)
    assert model.seen == max(result.n for result in results)


def test_figures_are_those_of_scikit_learn_on_the_rows_of_the_protocol(model: PixelModel, dataset: FerDataset) -> None:
    chosen = select(dataset, "majority", "validation")
    (result,) = evaluate(model, dataset, split="validation", options=FEW)
    predicted = model.predict_proba(dataset.images[chosen.indices]).argmax(1)
    assert result.n == len(chosen.indices)
    assert result.accuracy == pytest.approx(accuracy_score(chosen.labels, predicted))
    assert result.macro_f1 == pytest.approx(
        f1_score(chosen.labels, predicted, labels=range(8), average="macro", zero_division=0)
    )
    assert result.misclassification == pytest.approx(1 - result.accuracy)


def test_results_do_not_depend_on_the_size_of_the_batches(dataset: FerDataset) -> None:
    small = evaluate(PixelModel(), dataset, options=EvaluationOptions(resamples=0, batch_size=3))
    large = evaluate(PixelModel(), dataset, options=EvaluationOptions(resamples=0))
    assert small[0].to_dict() == large[0].to_dict()


def test_progress_is_told_after_each_batch(model: PixelModel, dataset: FerDataset) -> None:
    told = []
    options = EvaluationOptions(batch_size=4, progress=lambda done, total: told.append((done, total)))
    predict_rows(model, dataset.images, np.arange(10), options=options)
    assert told == [(4, 10), (8, 10), (10, 10)]


def test_columns_in_another_order_are_put_in_place(dataset: FerDataset) -> None:
    backwards = LabelSet(tuple(reversed(FERPLUS_LABELS.expressions)))
    rows, said = np.arange(4), PixelModel().predict_proba(dataset.images[:4])
    found = predict_rows(Says(said[:, ::-1]), dataset.images, rows, options=EvaluationOptions(labels=backwards))
    assert np.allclose(found, said)


def test_an_expression_that_the_model_does_not_know_gets_nothing(dataset: FerDataset) -> None:
    options = EvaluationOptions(labels=FER2013_LABELS)
    found = predict_rows(Says(np.full((2, 7), 1 / 7)), dataset.images, np.arange(2), options=options)
    assert not found[:, FERPLUS_LABELS.index("contempt")].any()
    assert np.allclose(found.sum(axis=1), 1)


@pytest.mark.parametrize(
    ("output", "says"),
    [
        (np.full((2, 7), 1 / 7), r"output has shape \(2, 7\), expected \(2, 8\)"),
        (np.full((2, 8), np.nan), "output is not probabilities: values nan"),
        (np.full((2, 8), 1.0), "output is not probabilities: .* sums 8 … 8"),
        (np.eye(8)[:2] * 3 - 0.25, "output is not probabilities: values -0.25"),
    ],
)
def test_output_that_is_no_probability_is_refused(dataset: FerDataset, output: np.ndarray, says: str) -> None:
    with pytest.raises(ShapeError, match=says):
        predict_rows(Says(output), dataset.images, np.arange(2))


def test_the_record_has_the_documented_names_in_order(model: PixelModel, dataset: FerDataset) -> None:
    votes, drawn, majority = evaluate(model, dataset, protocols=("votes", "drawn", "majority"), options=FEW)
    assert list(votes.to_dict()) == list(majority.to_dict()) == [*NAMES, "abstaining"]
    assert list(drawn.to_dict()) == [*NAMES, "standard_deviation", "ceiling", "seeded_draw"]
    assert json.loads(json.dumps(drawn.to_dict(), allow_nan=False)) == drawn.to_dict()


def test_what_a_protocol_does_not_define_is_null(model: PixelModel, dataset: FerDataset) -> None:
    votes, drawn, majority = evaluate(model, dataset, protocols=("votes", "drawn", "majority"), options=FEW)
    assert None not in (votes.kl, votes.js, votes.cross_entropy, votes.ece)
    assert (majority.kl, majority.js, majority.cross_entropy) == (None, None, None)
    assert majority.ece is not None
    assert (drawn.kl, drawn.js, drawn.cross_entropy, drawn.ece) == (None, None, None, None)


def test_every_figure_has_an_interval_under_its_path_in_the_record(model: PixelModel, dataset: FerDataset) -> None:
    for result in evaluate(model, dataset, protocols=("votes", "drawn", "majority"), options=FEW):
        record = result.to_dict()
        figures = [name for name in (*NAMES[3:7], *NAMES[9:13]) if record[name] is not None]
        paths = [
            f"per_class.{label}.{name}" for label in FERPLUS_LABELS for name in ("precision", "recall", "f1", "support")
        ]
        assert set(record["intervals"]) == {*figures, *paths}
        assert all(low <= high for low, high in record["intervals"].values())


def test_the_figures_of_drawn_labels_lie_under_their_ceiling(model: PixelModel, dataset: FerDataset) -> None:
    (result,) = evaluate(model, dataset, protocols=("drawn",), options=FEW)
    record = result.to_dict()
    assert record["accuracy"] < record["ceiling"]["accuracy"] < 1
    assert abs(record["seeded_draw"]["accuracy"] - record["accuracy"]) < 5 * record["standard_deviation"]
    assert np.sum(record["confusion_matrix"]) == pytest.approx(result.n)


def test_a_model_that_knows_the_votes_reaches_the_ceiling_and_diverges_by_nothing() -> None:
    votes = random_votes(np.random.default_rng(0), 50)
    images = np.zeros((50, 48, 48, 1), np.uint8)
    chosen = [selection(votes, "drawn"), selection(votes, "distribution")]
    drawn, distribution = evaluate_selections(Says(votes), images, chosen, options=FEW)
    assert drawn.drawn is not None
    assert drawn.accuracy == pytest.approx(drawn.drawn.ceiling.accuracy)
    assert drawn.macro_f1 == pytest.approx(drawn.drawn.ceiling.macro_f1)
    assert distribution.accuracy == 1
    assert distribution.kl == pytest.approx(0, abs=1e-6)
    assert distribution.ece == pytest.approx(0)


def test_protocols_that_lack_their_votes_are_not_usable(dataset: FerDataset) -> None:
    without = FerDataset(
        **{name: getattr(dataset, name) for name in ("images", "splits", "rows", "emotions", "votes", "manifest")},
        panel_votes=None,
    )
    assert set(PROTOCOLS) - set(usable_protocols(dataset, "test")) == {"labels", "labels-unique"}
    assert set(usable_protocols(dataset, "test")) - set(usable_protocols(without, "test")) == {
        "majority",
        "majority-unique",
    }


class Ruled(PixelModel):
    """The same answers, named by weights of its own."""

    decision = DecisionRule(FERPLUS_LABELS, (1.0, 1.0, 1.0, 1.0, 1.0, 6.0, 6.0, 6.0))


def test_what_is_counted_is_what_the_model_names_and_argmax_stands_beside_it(dataset: FerDataset) -> None:
    chosen = select(dataset, "majority", "validation")
    (ruled,) = evaluate(Ruled(), dataset, split="validation", options=FEW)
    (plain,) = evaluate(PixelModel(), dataset, split="validation", options=FEW)
    probabilities = PixelModel().predict_proba(dataset.images[chosen.indices])
    named = (probabilities * Ruled.decision.weights).argmax(1)
    assert not np.array_equal(named, probabilities.argmax(1))
    record = ruled.to_dict()
    assert record["accuracy"] == pytest.approx(accuracy_score(chosen.labels, named))
    assert record["macro_f1"] == pytest.approx(
        f1_score(chosen.labels, named, labels=range(8), average="macro", zero_division=0)
    )
    assert record["confusion_matrix"] == confusion_matrix(chosen.labels, named, labels=range(8)).tolist()
    assert record["ece"] == plain.ece
    assert record["abstaining"]["thresholds"][0]["accuracy"] == pytest.approx(record["accuracy"])
    for name, value in record["argmax"].items():
        assert value == plain.to_dict()[name] == plain.to_dict()["argmax"][name]
    switched = EvaluationOptions(resamples=20, decision="argmax")
    (off,) = evaluate(Ruled(), dataset, split="validation", options=switched)
    assert off.to_dict() == plain.to_dict()


def test_arrays_of_the_split_or_of_everything_and_functions_give_the_models_result(
    model: PixelModel, dataset: FerDataset
) -> None:
    rows = dataset.split_rows("validation")
    said = model.predict_proba(dataset.images)
    (expected,) = evaluate(model, dataset, split="validation", protocols=("votes",), options=FEW)
    for given in (said, said[rows], model.predict_proba):
        (result,) = evaluate(given, dataset, split="validation", protocols=("votes",), options=FEW)
        assert result.kl == pytest.approx(expected.kl)
        assert result.accuracy == expected.accuracy


def test_an_array_of_another_length_is_refused_with_both_lengths(dataset: FerDataset) -> None:
    with pytest.raises(ShapeError, match=r"shape \(7, 8\), expected .* n = 30 for the test split or n = 90"):
        evaluate(np.full((7, 8), 1 / 8), dataset)


def test_a_set_of_fewer_classes_is_judged_over_those_alone(model: PixelModel, dataset: FerDataset) -> None:
    labels = np.where(np.arange(90) % 2, 1, 0).astype(np.uint8)
    two = replace(dataset, labels=labels, manifest={**dataset.manifest, "classes": ["neutral", "happiness"]})
    (result,) = evaluate(model, two, split="all", protocols=("labels",), options=FEW)
    said = model.predict_proba(dataset.images)[:, :2].argmax(1)
    assert list(result.per_class) == ["neutral", "happiness"]
    assert result.confusion_matrix.shape == (2, 2)
    assert result.n == 90
    assert result.accuracy == pytest.approx(accuracy_score(labels, said))
    assert result.macro_f1 == pytest.approx(f1_score(labels, said, average="macro"))


def test_faces_of_a_class_that_the_model_lacks_are_left_out(dataset: FerDataset) -> None:
    labels = (np.arange(90) % 8).astype(np.uint8)
    options = EvaluationOptions(labels=FER2013_LABELS, resamples=0)
    seven = Says(np.full((90, 7), 1 / 7))
    (result,) = evaluate(seven, replace(dataset, labels=labels), split="all", protocols=("labels",), options=options)
    assert result.n == (labels != FERPLUS_LABELS.index("contempt")).sum()
    assert "contempt" not in result.per_class


def test_a_model_that_knows_none_of_the_labels_is_refused(dataset: FerDataset) -> None:
    labels = np.full(90, FERPLUS_LABELS.index("contempt"), np.uint8)
    options = EvaluationOptions(labels=FER2013_LABELS, resamples=0)
    with pytest.raises(ProtocolError, match="no image of the all split has a label that the model knows"):
        evaluate(
            Says(np.full((90, 7), 1 / 7)),
            replace(dataset, labels=labels),
            split="all",
            protocols=("labels",),
            options=options,
        )
