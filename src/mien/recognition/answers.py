"""From a network's outputs to the probabilities and the decision rule that a user has chosen.

    outputs of the file → head → base rates → probabilities (N, classes)         rule: the named expression

Temperature and an adapted layer are inside the file and come before these steps.
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
    """How a model's outputs are read; the defaults are the model's own settings.

    Attributes:
        labels: ``perceived`` is the expression that people see on a face, ``intended`` the one that it was meant to
            show, from the second head of a model that has one.
        prior: Base rates of the expressions in the user's pictures: ``balanced``, a JSON file, or rates by name; None
            keeps those of the training data.
        decision: ``rule`` names expressions by the model's decision rule, ``argmax`` the most probable one. With a
            prior the most probable one is named, since the rule was fitted for the base rates of the training data.

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
    """The options of one model, validated and loaded.

    Attributes:
        labels: Columns of the probabilities: all labels of the model, whichever head is read.
        head: The output that is read; expressions that it lacks have probability 0.
        wanted: Base rates to assume, in the order of the head's labels; None keeps the model's.
        rule: The decision rule for ``labels``; None names the most probable expression.
    """

    labels: LabelSet
    head: HeadSpec
    wanted: BaseRates | None = None
    rule: DecisionRule | None = None

    @classmethod
    def of(cls, metadata: ModelMetadata, options: AnswerOptions) -> "Answers":
        """Resolve ``options`` for a model.

        Raises:
            ConfigError: The model has no such head, its base rates are unknown, or the prior is not valid.
            SourceError: The file of the prior cannot be read.
        """
        head = metadata.head(options.labels)
        if options.prior is None:
            named = options.decision == "rule" and head.decision is not None
            return cls(metadata.labels, head, None, _for_all(head.decision, metadata.labels) if named else None)
        if head.priors is None:
            raise ConfigError(
                f"model {metadata.name} does not record the base rates of its training data, so that a prior cannot "
                "replace them",
                hint="record them with mien fit-decision, or leave out the prior",
            )
        # no rule here: it was fitted for the base rates that the prior replaces
        return cls(metadata.labels, head, read_base_rates(options.prior, head.labels))

    def probabilities(self, outputs: Mapping[str, FloatArray]) -> FloatArray:
        """Probabilities float32 (N, classes) from the outputs (N, …) of the file by name."""
        rows = outputs[self.head.output]  # (N, labels of the head)
        if self.wanted is not None and self.head.priors is not None:
            # Bayes' rule on calibrated probabilities; the file's temperature is applied before
            rows = reweighted(rows, learned=self.head.priors, wanted=self.wanted)
        if self.head.labels == self.labels:
            return rows
        # the second head lacks contempt: its probability is 0
        answered = np.zeros((len(rows), len(self.labels)), np.float32)
        answered[:, [self.labels.index(label) for label in self.head.labels]] = rows
        return answered

    def to_dict(self) -> dict[str, Any]:
        """The resolved options as plain strings and numbers, for records that say how a result was made."""
        return {
            "output": self.head.output,
            "prior": None if self.wanted is None else self.wanted.to_dict(),
            "decision": "argmax" if self.rule is None else "rule",
        }


def _for_all(rule: DecisionRule | None, labels: LabelSet) -> DecisionRule | None:
    """The rule extended to all ``labels``; the weight of a label whose probability is always 0 has no effect."""
    if rule is None or rule.labels == labels:
        return rule
    weights = dict(zip(rule.labels, rule.weights, strict=True))
    return DecisionRule(labels, tuple(weights.get(label, 1.0) for label in labels), rule.fitted)
