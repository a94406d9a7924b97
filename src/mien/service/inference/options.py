"""Options of a request: model, labels, base rates, decision rule and smallest confidence."""

import json
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from mien.base_rates import BALANCED
from mien.decision import Decision
from mien.errors import ConfigError, RequestError
from mien.metadata import LabelConvention
from mien.recognition.answers import AnswerOptions

#: Most characters of a prior; eight rates by name are far shorter.
MAX_PRIOR = 1000


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Options of a request; the defaults are those of the service.

    Attributes:
        model: A name that ``/v1/model`` lists; None is the service's model.
        labels: Label convention: what people see on a face, or what it was meant to show.
        prior: Base rates: ``balanced``, or rates by name as a JSON object; None keeps those of the training data.
        decision: How an expression is named.
        min_confidence: No expression is named below this probability, in [0, 1].
    """

    model: str | None = None
    labels: LabelConvention = "perceived"
    prior: str | None = None
    decision: Decision = "rule"
    min_confidence: float = 0.0

    def to_query(self) -> str:
        """The options that differ from the defaults, as a query string."""
        default = ReadOptions()
        chosen = {name: value for name, value in asdict(self).items() if value != getattr(default, name)}
        return urlencode(chosen)

    @classmethod
    def from_query(cls, query: str) -> "ReadOptions":
        """The options behind a string of :meth:`to_query`.

        Raises:
            RequestError: It is not such a string.
        """
        # The string comes from a file in the jobs folder, so it is checked as a client's would be.
        given: dict[str, Any] = dict(parse_qsl(query))
        try:
            if "min_confidence" in given:
                given["min_confidence"] = float(given["min_confidence"])
            return cls(**given)
        except (TypeError, ValueError) as err:
            raise RequestError("the options of the video cannot be read") from err

    def answers(self) -> AnswerOptions:
        """The same options for the library.

        Raises:
            RequestError: The prior is neither ``balanced`` nor a JSON object.
        """
        if self.prior is None or self.prior == BALANCED:
            return AnswerOptions(self.labels, self.prior, self.decision)
        # The library would also take the name of a file, which a client must not be able to read.
        try:
            rates = json.loads(self.prior[:MAX_PRIOR])
        except (ValueError, RecursionError):
            rates = None
        if not isinstance(rates, dict):
            hint = 'such as prior=balanced or prior={"neutral": 0.5, "happiness": 0.5}'
            raise RequestError(f"prior: expected {BALANCED!r} or base rates by name as JSON", hint=hint)
        return AnswerOptions(self.labels, rates, self.decision)


def as_request_error(error: ConfigError) -> RequestError:
    """The library's error about a setting as an error of the request that chose it."""
    return RequestError(str(error), hint=error.hint)
