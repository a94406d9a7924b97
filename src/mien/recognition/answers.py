"""How a network's outputs become the probabilities and the rule that a user asked for.

    outputs of the file → head → base rates → probabilities (N, classes)         rule: who is named

Temperature and an adapted layer lie inside the file and come before. It does not know pictures or sessions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from mien.base_rates import BaseRates, Prior, read_base_rates, reweighted
from mien.decision import Decision, DecisionRule
from mien.errors import ConfigError
from mien.expressions import LabelSet
from mien.geometry import FloatArray
from mien.metadata import PERCEIVED, HeadSpec, LabelConvention, ModelMetadata


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """What a user may choose about a model's answers; the defaults are the model's own.

    Attributes:
        labels: ``perceived`` answers what people see on a face, ``intended`` what it was meant to show, from the second
            head of a model that has one.
        prior: Base rates of the expressions where the faces come from: ``balanced``, a JSON file, or rates by name;
            None keeps those that the model learned.
        decision: ``rule`` names expressions by the model's decision rule, ``argmax`` names the most probable. With a
            prior the most probable is named, since the rule was fitted for the model's own base rates.

    Raises:
        ConfigError: There is no such decision.
    """

    labels: LabelConvention = PERCEIVED
    prior: Prior | None = None
    decision: Decision = "rule"

    def __post_init__(self) -> None:
        if self.decision not in get_args(Decision):
            raise ConfigError(f"decision {self.decision!r}", hint=f"expected {' or '.join(get_args(Decision))}")


@dataclass(frozen=True, slots=True)
class Answers:
    """Options that were resolved for one model.

    Attributes:
        labels: Columns of the probabilities: all labels of the model, whichever head answers.
        head: The output that answers; expressions that it lacks have probability 0.
        wanted: Base rates to answer under, in the order of the head's labels; None keeps the model's.
        rule: How an expression is named, for ``labels``; None names the most probable.
    """

    labels: LabelSet
    head: HeadSpec
    wanted: BaseRates | None = None
    rule: DecisionRule | None = None

    @classmethod
    def of(cls, metadata: ModelMetadata, options: AnswerOptions) -> "Answers":
        """What ``options`` mean for a model.

        Raises:
            ConfigError: The model has no such head, its base rates are not known, or the prior is not valid.
            SourceError: The file of the prior cannot be read.
        """
        head = metadata.head(options.labels)
        if options.prior is None:
            named = options.decision == "rule" and head.decision is not None
            return cls(metadata.labels, head, None, _for_all(head.decision, metadata.labels) if named else None)
        if head.priors is None:
            raise ConfigError(
                f"model {metadata.name} does not say which base rates it learned, so others cannot replace them",
                hint="mien fit-decision notes them, or leave out the prior",
            )
        return cls(metadata.labels, head, read_base_rates(options.prior, head.labels))

    def probabilities(self, outputs: Mapping[str, FloatArray]) -> FloatArray:
        """Probabilities float32 (N, classes) from the outputs (N, …) of the file by name."""
        rows = outputs[self.head.output]
        if self.wanted is not None and self.head.priors is not None:
            rows = reweighted(rows, learned=self.head.priors, wanted=self.wanted)
        if self.head.labels == self.labels:
            return rows
        answered = np.zeros((len(rows), len(self.labels)), np.float32)
        answered[:, [self.labels.index(label) for label in self.head.labels]] = rows
        return answered

    def to_dict(self) -> dict[str, Any]:
        """What decides the answers besides the model, as plain strings and numbers."""
        return {
            "output": self.head.output,
            "prior": None if self.wanted is None else self.wanted.to_dict(),
            "decision": "argmax" if self.rule is None else "rule",
        }


def _for_all(rule: DecisionRule | None, labels: LabelSet) -> DecisionRule | None:
    """The rule with a weight for each of ``labels``; that of one with probability 0 does not matter."""
    if rule is None or rule.labels == labels:
        return rule
    weights = dict(zip(rule.labels, rule.weights, strict=True))
    return DecisionRule(labels, tuple(weights.get(label, 1.0) for label in labels), rule.fitted)
