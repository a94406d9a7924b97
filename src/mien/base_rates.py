"""Base rates of expressions, and changing the base rates that probabilities assume.

p'(c) = p(c) · new(c) / learned(c), then divided by the sum       (Saerens et al. 2002, equation 4)
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.errors import ConfigError, SourceError
from mien.expressions import LabelSet
from mien.runtime.translation import reason

#: The name of equal base rates.
BALANCED = "balanced"
#: Largest file of base rates in bytes; eight numbers need far less.
_MAX_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class BaseRates:
    """The share of each expression among the faces that a model is applied to.

    Attributes:
        labels: The expressions, in order.
        rates: In the order of ``labels``, each in [0, 1]; they sum to one.

    Raises:
        ConfigError: There are not as many rates as labels, one is negative or not finite, or they do not sum to one.
    """

    labels: LabelSet
    rates: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.rates) != len(self.labels):
            raise ConfigError(f"{len(self.rates)} base rates for {len(self.labels)} labels, expected one for each")
        for label, rate in zip(self.labels, self.rates, strict=True):
            if not (np.isfinite(rate) and rate >= 0):
                raise ConfigError(f"the base rate of {label} is {rate}, expected a share, 0 or more")
        if abs(sum(self.rates) - 1) > 1e-6:
            raise ConfigError(f"the base rates sum to {sum(self.rates):g}, expected 1")

    @classmethod
    def balanced(cls, labels: LabelSet) -> "BaseRates":
        """The same rate for each expression."""
        return cls(labels, (1 / len(labels),) * len(labels))

    @classmethod
    def of_shares(cls, shares: Mapping[str, float], labels: LabelSet, *, source: str = "prior") -> "BaseRates":
        """Rates or counts by name, divided by their sum; an expression that is left out has the rate 0.

        Raises:
            ConfigError: A name is not in ``labels``, a value is negative or not a number, or all are 0.
        """
        known = {str(label) for label in labels}
        if unknown := sorted(str(name) for name in shares if str(name) not in known and shares[name] != 0):
            raise ConfigError(
                f"{source}: the labels do not include {', '.join(unknown)}",
                hint=f"expected some of {', '.join(map(str, labels))}",
            )
        for name, share in shares.items():  # True and False are ints to Python, but not rates
            if isinstance(share, bool) or not isinstance(share, int | float) or not np.isfinite(share) or share < 0:
                raise ConfigError(f"{source}: {name} is {share!r}, expected a number, 0 or more")
        total = sum(shares.values())
        if not total > 0:
            raise ConfigError(f"{source}: all base rates are 0", hint='such as {"neutral": 0.5, "happiness": 0.5}')
        return cls(labels, tuple(float(shares.get(str(label), 0)) / total for label in labels))

    def to_dict(self) -> dict[str, float]:
        """Rate by name, in label order."""
        return {str(label): rate for label, rate in zip(self.labels, self.rates, strict=True)}


#: What a user may give as base rates: :data:`BALANCED`, the path of a JSON file, rates or counts by name, or rates.
Prior = str | PathLike[str] | Mapping[str, float] | BaseRates


def read_base_rates(prior: Prior, labels: LabelSet) -> BaseRates:
    """The base rates that a user gave, for a head that answers ``labels``.

    Raises:
        ConfigError: It is in none of the forms of :data:`Prior`, or does not fit ``labels``.
        SourceError: The file cannot be read.
    """
    if isinstance(prior, BaseRates):
        return prior if prior.labels == labels else BaseRates.of_shares(prior.to_dict(), labels)
    if isinstance(prior, Mapping):
        return BaseRates.of_shares(prior, labels)
    if prior == BALANCED:
        return BaseRates.balanced(labels)
    path = Path(prior)
    if isinstance(prior, str) and path.suffix.lower() != ".json":
        raise ConfigError(f"prior {prior!r}: expected {BALANCED!r} or a .json file of base rates")
    try:
        with path.open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
    except OSError as err:
        raise SourceError(f"cannot read {path}: {err.strerror or err}") from err
    try:  # nested brackets beyond Python's recursion limit raise RecursionError
        record = json.loads(content) if len(content) <= _MAX_BYTES else None
    except (ValueError, RecursionError) as err:
        raise ConfigError(
            f"{path}: not JSON ({reason(err)})", hint='such as {"neutral": 0.5, "happiness": 0.5}'
        ) from err
    if not isinstance(record, dict):
        raise ConfigError(
            f"{path}: expected an object of base rates by name", hint='such as {"neutral": 0.5, "happiness": 0.5}'
        )
    return BaseRates.of_shares(record, labels, source=str(path))


def reweighted(
    probabilities: npt.NDArray[np.floating[Any]], *, learned: BaseRates, wanted: BaseRates
) -> npt.NDArray[np.float32]:
    """Probabilities under other base rates, by Bayes' rule, float32 of the same shape.

    Args:
        probabilities: (…, classes) under the rates ``learned``, in the order of its labels.
        learned: What the probabilities assume, all above 0.
        wanted: The new rates, with the same labels.

    Returns:
        Rows that sum to one. A row whose probabilities are all 0 where ``wanted`` is above 0 becomes ``wanted``.
    """
    weighed = probabilities.astype(np.float64) * (np.array(wanted.rates) / np.array(learned.rates))
    total = weighed.sum(axis=-1, keepdims=True)  # (…, 1)
    # the inner np.where avoids a division by 0 in rows that the outer one replaces
    shares = np.where(total > 0, weighed / np.where(total > 0, total, 1.0), np.array(wanted.rates))
    return shares.astype(np.float32)
