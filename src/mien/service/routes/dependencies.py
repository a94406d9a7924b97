"""What handlers ask FastAPI for: the engine, and a client that may use the service."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from mien.service.engine import Engine
from mien.service.http.limits import Client
from mien.service.http.security import check_access


def _engine(connection: HTTPConnection) -> Engine:
    engine: Engine = connection.app.state.engine
    return engine


def _client(connection: HTTPConnection) -> Client:
    return check_access(connection, _engine(connection).settings)


#: The engine, as an argument of a handler.
TheEngine = Annotated[Engine, Depends(_engine)]
#: The client, as an argument of a handler; a client that may not use the service gets 401.
TheClient = Annotated[Client, Depends(_client)]
#: The same check for handlers that do not need to know the client.
AUTHORIZED = Depends(_client)
