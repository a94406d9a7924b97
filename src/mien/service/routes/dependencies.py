"""Arguments that FastAPI passes to handlers: the engine, an authorized client, and the options of the request."""

from typing import Annotated

from fastapi import Depends, Query
from starlette.requests import HTTPConnection

from mien.decision import Decision
from mien.metadata import PERCEIVED, LabelConvention
from mien.service.engine import Engine
from mien.service.http.limits import Client
from mien.service.http.security import check_access
from mien.service.inference.options import MAX_PRIOR, ReadOptions


def _engine(connection: HTTPConnection) -> Engine:
    engine: Engine = connection.app.state.engine
    return engine


def _client(connection: HTTPConnection) -> Client:
    return check_access(connection, _engine(connection).settings)


def _options(
    *,
    model: Annotated[str | None, Query(max_length=200, description="One of the models of /v1/model")] = None,
    labels: Annotated[LabelConvention, Query(description="What people see, or what was meant to be shown")] = PERCEIVED,
    prior: Annotated[
        str | None, Query(max_length=MAX_PRIOR, description="balanced, or base rates by name as a JSON object")
    ] = None,
    decision: Annotated[Decision, Query(description="The model's rule, or the most probable expression")] = "rule",
    min_confidence: Annotated[
        float, Query(ge=0, le=1, allow_inf_nan=False, description="Below this probability no expression is named")
    ] = 0.0,
) -> ReadOptions:
    return ReadOptions(model, labels, prior, decision, min_confidence)


#: The options of the request, from its query string.
TheOptions = Annotated[ReadOptions, Depends(_options)]
#: The engine.
TheEngine = Annotated[Engine, Depends(_engine)]
#: The client; one that is not authorized gets 401 before the handler is called.
TheClient = Annotated[Client, Depends(_client)]
#: The same check, for handlers that do not need the client.
AUTHORIZED = Depends(_client)
