"""The probabilities of one face, as a mapping from expressions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from mien.decision import DecisionRule, decide
from mien.errors import ShapeError
from mien.expressions import Expression, LabelSet
from mien.geometry import FloatArray


@dataclass(frozen=True, slots=True)
class ExpressionProbabilities(Mapping[Expression, float]):
    """The probability of each expression on one face, a mapping in label order.

    Attributes:
        labels: What the probabilities are of, in order.
        row: The probabilities in the order of ``labels``, in [0, 1], unrounded; they sum to one.

    Raises:
        ShapeError: There are not as many probabilities as labels.

    Examples:
        >>> from mien.expressions import Expression, LabelSet
        >>> probabilities = ExpressionProbabilities(LabelSet((Expression.NEUTRAL, Expression.FEAR)), (0.25, 0.75))
        >>> probabilities["fear"], probabilities.top
        (0.75, <Expression.FEAR: 'fear'>)
    """

    labels: LabelSet
    row: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.row) != len(self.labels):
            raise ShapeError(f"{len(self.row)} probabilities for {len(self.labels)} labels")

    @classmethod
    def from_row(cls, labels: LabelSet, row: FloatArray) -> "ExpressionProbabilities":
        """From one row of a network's output, (classes,)."""
        return cls(labels, tuple(float(value) for value in row))

    def __getitem__(self, label: Expression | str) -> float:
        # by comparison, since an Expression equals its name as a string; eight entries need no dict
        for known, value in zip(self.labels, self.row, strict=True):
            if known == label:
                return value
        raise KeyError(label)

    def __iter__(self) -> Iterator[Expression]:
        return iter(self.labels)

    def __len__(self) -> int:
        return len(self.row)

    @property
    def top(self) -> Expression:
        """The most probable expression; among equals the first in label order."""
        return self.named_by(None)

    def named_by(self, rule: DecisionRule | None) -> Expression:
        """The expression that the rule names; the most probable one without a rule."""
        return self.labels[int(decide(self.row, None if rule is None else rule.weights))]

    @property
    def entropy(self) -> float:
        """Shannon entropy in nats: 0 for certainty, ``log(8)`` = 2.08 for equal probabilities."""
        shares = np.array([p for p in self.row if p > 0])  # 0 · log 0 counts as 0
        # certainty gives -0.0, and 8-bit networks may exceed 1 by rounding
        return float(max(0.0, -(shares * np.log(shares)).sum()))

    def ranked(self) -> tuple[tuple[Expression, float], ...]:
        """Expressions with their probabilities, most probable first."""
        return tuple(sorted(self.items(), key=lambda pair: -pair[1]))  # stable: equal ones stay in label order

    def to_dict(self) -> dict[str, float]:
        """Probability by name, in label order."""
        return {str(label): value for label, value in self.items()}
