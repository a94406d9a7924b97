"""The record of a model file: what it holds survives JSON, files of before read on, and wrong ones are refused."""

import json
from dataclasses import replace

import pytest

from mien.base_rates import BaseRates
from mien.decision import DecisionRule
from mien.errors import ConfigError, ModelFileError
from mien.expressions import FER2013_LABELS, FERPLUS_LABELS
from mien.metadata import INTENDED_OUTPUT_NAME, HeadSpec, ModelMetadata

SEVEN = HeadSpec(
    INTENDED_OUTPUT_NAME,
    FER2013_LABELS,
    temperature=1.25,
    priors=BaseRates.balanced(FER2013_LABELS),
    decision=DecisionRule(FER2013_LABELS, (1.0, 2.0, 1.5, 1.0, 1.0, 1.0, 0.5)),
)
BOTH = ModelMetadata(
    "both",
    temperature=0.9,
    priors=BaseRates.balanced(FERPLUS_LABELS),
    decision=DecisionRule(FERPLUS_LABELS, (1.0,) * 7 + (3.0,), {"n": 10}),
    heads={"intended": SEVEN},
    adaptation={"labels": 20},
)


def test_everything_survives_json() -> None:
    again = ModelMetadata.from_json(BOTH.to_json())
    assert again == BOTH
    assert again.decision is not None
    assert again.decision.fitted == {"n": 10}
    assert ModelMetadata.from_json(ModelMetadata("bare").to_json()) == ModelMetadata("bare")


def test_each_head_is_found_by_the_convention_of_its_labels() -> None:
    assert BOTH.head("intended") == SEVEN
    first = BOTH.head("perceived")
    assert (first.output, first.labels, first.temperature) == ("probabilities", FERPLUS_LABELS, 0.9)
    assert first.decision == BOTH.decision
    with pytest.raises(ConfigError, match="model bare has no head for intended labels, only for perceived ones"):
        ModelMetadata("bare").head("intended")
    with pytest.raises(ConfigError, match="labels 'meant'"):
        BOTH.head("meant")  # type: ignore[arg-type]


def test_a_record_of_before_there_were_rules_and_heads_is_read() -> None:
    record = json.loads(BOTH.to_json())
    for name in ("priors", "decision", "heads", "adaptation"):
        del record[name]
    old = ModelMetadata.from_json(json.dumps(record))
    assert (old.priors, old.decision, list(old.heads), dict(old.adaptation)) == (None, None, ["perceived"], {})


def test_rules_and_rates_that_do_not_fit_the_labels_are_refused() -> None:
    with pytest.raises(ConfigError, match="decision rule of probabilities must weigh each of its labels"):
        ModelMetadata("x", decision=SEVEN.decision)
    with pytest.raises(ConfigError, match="base rates of probabilities must be above 0"):
        ModelMetadata("x", priors=BaseRates(FERPLUS_LABELS, (1.0,) + (0.0,) * 7))
    with pytest.raises(ConfigError, match="heads \\['felt'\\]"):
        ModelMetadata("x", heads={"felt": SEVEN})
    broken = json.loads(BOTH.to_json())
    del broken["decision"]["weights"]["fear"]
    with pytest.raises(ModelFileError, match=r"model\.onnx: its metadata is not a record of mien"):
        ModelMetadata.from_json(json.dumps(broken), source="model.onnx")


def test_a_record_with_one_output_has_the_perceived_head_alone() -> None:
    metadata = ModelMetadata("one", temperature=1.2)
    assert metadata.heads == {"perceived": HeadSpec("probabilities", FERPLUS_LABELS, 1.2)}
    assert replace(metadata, temperature=2.0).heads["perceived"].temperature == 2.0


def test_the_network_is_read_under_its_old_key_too() -> None:
    assert ModelMetadata("new", training={"config": {"network": "tiny"}}).network == "tiny"
    assert ModelMetadata("old", training={"config": {"model": "tiny"}}).network == "tiny"
    assert ModelMetadata("foreign").network is None
