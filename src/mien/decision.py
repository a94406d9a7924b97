"""The decision rule: which expression is named for given probabilities.

    named = argmax over classes of probability · weight

The argmax of calibrated probabilities has the highest expected accuracy, but rarely names a rare expression. Weights by
class trade a little of the former for the latter; the probabilities stay as they are.
``mien.evaluation.decision_rule`` fits the weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mien.errors import ConfigError, ShapeError
from mien.expressions import LabelSet
from mien.json_object import JsonObject

#: ``rule`` applies the model's decision rule if it has one, ``argmax`` always names the most probable expression.
Decision = Literal["rule", "argmax"]


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """One positive weight for each class: the expression with the largest product of probability and weight is named.

    Attributes:
        labels: The expressions, in order.
        weights: In the order of ``labels``; only their ratios matter.
        fitted: The data they were fitted on and the metrics with and without them, for people.

    Raises:
        ConfigError: There are not as many weights as labels, or one is not a positive number.

    Examples:
        >>> from mien.expressions import Expression
        >>> labels = LabelSet((Expression.NEUTRAL, Expression.FEAR))
        >>> int(decide(np.array([0.7, 0.3]), DecisionRule(labels, (1.0, 3.0)).weights))
        1
    """

    labels: LabelSet
    weights: tuple[float, ...]
    fitted: JsonObject = field(default_factory=dict, compare=False)  # for people

    def __post_init__(self) -> None:
        if len(self.weights) != len(self.labels):
            raise ConfigError(f"{len(self.weights)} weights for {len(self.labels)} labels, expected one for each")
        for label, weight in zip(self.labels, self.weights, strict=True):
            if not (np.isfinite(weight) and weight > 0):
                raise ConfigError(f"the weight of {label} is {weight}, expected a positive number")

    def to_dict(self) -> dict[str, Any]:
        """``weights`` by name, and ``fitted``."""
        by_name = {str(label): weight for label, weight in zip(self.labels, self.weights, strict=True)}
        return {"weights": by_name, "fitted": dict(self.fitted)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any], labels: LabelSet) -> "DecisionRule":
        """Read what :meth:`to_dict` wrote, for a model with these labels.

        Raises:
            ConfigError: A weight is missing or not positive, or its expression is not in ``labels``.
        """
        weights: Mapping[str, float] = record["weights"]
        if set(weights) != {str(label) for label in labels}:
            raise ConfigError(
                f"the decision rule weighs {sorted(weights)}, expected {[str(label) for label in labels]}"
            )
        # in the order of the labels: JSON objects may be written in any order
        return cls(labels, tuple(float(weights[label]) for label in labels), record.get("fitted", {}))


def decide(probabilities: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> npt.NDArray[np.int64]:
    """Columns of the named expressions; among equals the first.

    Args:
        probabilities: (…, classes).
        weights: Of the classes, (classes,), positive; None names the most probable class.

    Returns:
        int64 (…).

    Raises:
        ShapeError: There are not as many weights as classes.
    """
    weighed = np.asarray(probabilities)  # (…, classes)
    if weights is not None:
        row = np.asarray(weights, np.float64)  # (classes,)
        if row.shape != weighed.shape[-1:]:
            raise ShapeError(f"weights of shape {row.shape} for probabilities of shape {weighed.shape}")
        weighed = weighed * row  # not normalized: argmax does not need it
    named: npt.NDArray[np.int64] = np.argmax(weighed, axis=-1)
    return named
