"""The decision rule: weights of the classes against products computed by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.decision import DecisionRule, decide
from mien.errors import ConfigError, ShapeError
from mien.expressions import FER2013_LABELS, FERPLUS_LABELS, Expression, LabelSet

TWO = LabelSet((Expression.NEUTRAL, Expression.FEAR))


def test_the_largest_product_of_probability_and_weight_is_named() -> None:
    probabilities = [[0.7, 0.3], [0.8, 0.2], [0.75, 0.25], [0.0, 1.0]]
    assert decide(probabilities, [1, 3]).tolist() == [1, 0, 0, 1]  # of equals the first: .75 · 1 = .25 · 3
    assert decide(probabilities).tolist() == [0, 0, 0, 1]


def test_any_leading_axes_are_kept() -> None:
    assert decide(np.zeros((0, 8)), np.ones(8)).shape == (0,)
    assert decide(np.ones(8), np.arange(1, 9)).shape == ()
    assert decide(np.ones((2, 3, 8)), np.arange(1, 9)).tolist() == [[7, 7, 7], [7, 7, 7]]


@given(
    st.lists(st.floats(0, 1), min_size=8, max_size=8),
    st.lists(st.floats(0.1, 10), min_size=8, max_size=8),
    st.sampled_from([0.25, 2.0, 1024.0]),
)
def test_only_the_ratios_of_the_weights_matter(row: list[float], weights: list[float], scale: float) -> None:
    scaled = [weight * scale for weight in weights]
    assert decide(row, weights) == decide(row, scaled)
    assert decide(row, [1.0] * 8) == decide(row)


def test_a_rule_survives_its_json_and_its_order_follows_the_labels() -> None:
    rule = DecisionRule(TWO, (1.0, 2.5), {"n": 3})
    assert rule.to_dict() == {"weights": {"neutral": 1.0, "fear": 2.5}, "fitted": {"n": 3}}
    assert DecisionRule.from_dict(rule.to_dict(), TWO) == rule
    turned = LabelSet((Expression.FEAR, Expression.NEUTRAL))
    assert DecisionRule.from_dict(rule.to_dict(), turned).weights == (2.5, 1.0)


def test_a_rule_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="1 weights for 2 labels"):
        DecisionRule(TWO, (1.0,))
    for weight in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match=r"the weight of fear is .*, expected a positive number"):
            DecisionRule(TWO, (1.0, weight))
    with pytest.raises(ConfigError, match="the decision rule weighs"):
        DecisionRule.from_dict({"weights": dict.fromkeys(map(str, FERPLUS_LABELS), 1.0)}, FER2013_LABELS)
    with pytest.raises(ShapeError, match=r"weights of shape \(3,\) for probabilities of shape \(1, 2\)"):
        decide([[0.5, 0.5]], [1, 1, 1])
