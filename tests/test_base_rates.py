"""Base rates as users give them, and Bayes' rule against a joint table computed by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from mien.base_rates import BaseRates, read_base_rates, reweighted
from mien.errors import ConfigError, SourceError
from mien.expressions import FERPLUS_LABELS, Expression, LabelSet

TWO = LabelSet((Expression.NEUTRAL, Expression.FEAR))


def test_other_base_rates_are_bayes_rule_on_the_joint_table() -> None:
    learned, wanted = BaseRates(TWO, (0.9, 0.1)), BaseRates(TWO, (0.5, 0.5))
    likelihood = np.array([0.2, 0.6])  # of one observation, given the class
    before = likelihood * learned.rates / (likelihood @ learned.rates)
    after = likelihood * wanted.rates / (likelihood @ wanted.rates)
    np.testing.assert_allclose(reweighted(before[None], learned=learned, wanted=wanted), after[None], rtol=1e-6)


def test_the_learned_base_rates_change_nothing_and_a_rate_of_none_is_never_answered() -> None:
    rows = np.random.default_rng(0).dirichlet(np.ones(8), 20)
    learned = BaseRates(FERPLUS_LABELS, tuple(np.full(8, 0.125)))
    np.testing.assert_allclose(reweighted(rows, learned=learned, wanted=learned), rows, rtol=1e-6)
    wanted = BaseRates.of_shares({"neutral": 3, "fear": 1}, FERPLUS_LABELS)
    weighed = reweighted(rows, learned=learned, wanted=wanted)
    assert (weighed[:, [1, 2, 3, 4, 5, 7]] == 0).all()
    np.testing.assert_allclose(weighed.sum(axis=1), 1, rtol=1e-6)


def test_a_face_that_cannot_be_under_the_wanted_rates_gets_the_rates() -> None:
    certain = np.array([[1.0, 0.0]])
    never = BaseRates(TWO, (0.0, 1.0))
    assert reweighted(certain, learned=BaseRates(TWO, (0.5, 0.5)), wanted=never).tolist() == [[0.0, 1.0]]


def test_users_give_a_word_a_file_a_mapping_or_rates(tmp_path: Path) -> None:
    file = tmp_path / "rates.json"
    file.write_text(json.dumps({"fear": 3, "neutral": 1}), encoding="utf-8")
    expected = BaseRates(TWO, (0.25, 0.75))
    for given in (file, str(file), {"neutral": 1, "fear": 3}, {Expression.NEUTRAL: 0.25, "fear": 0.75}, expected):
        assert read_base_rates(given, TWO) == expected
    assert read_base_rates("balanced", FERPLUS_LABELS).rates == (0.125,) * 8
    assert read_base_rates({"contempt": 0, "fear": 1}, TWO).rates == (0.0, 1.0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"joy": 1}', "the labels do not include joy"),
        ('{"fear": -1}', "fear is -1, expected a number"),
        ('{"fear": "1"}', "fear is '1', expected a number"),
        ('{"fear": true}', "fear is True, expected a number"),
        ('{"fear": NaN}', "fear is nan, expected a number"),
        ('{"fear": 0}', "all base rates are 0"),
        ("{}", "all base rates are 0"),
        ("[1, 2]", "expected an object of base rates by name"),
        ("fear", "not JSON"),
        ("[" * 70000, "expected an object of base rates by name"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "rates.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        read_base_rates(file, FERPLUS_LABELS)
    assert "rates.json" in str(caught.value)


def test_what_is_no_prior_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"prior 'equal': expected 'balanced' or a \.json file"):
        read_base_rates("equal", TWO)
    with pytest.raises(SourceError, match=r"cannot read .*missing\.json"):
        read_base_rates(tmp_path / "missing.json", TWO)
    with pytest.raises(ConfigError, match=r"sum to 1\.5"):
        BaseRates(TWO, (0.5, 1.0))
    with pytest.raises(ConfigError, match="3 base rates for 2 labels"):
        BaseRates(TWO, (0.5, 0.25, 0.25))
