"""What a process of the service holds while it runs, and how handlers reach it.

It does not know addresses or formats.
"""

from contextlib import ExitStack
from typing import Annotated, Self

from fastapi import Depends
from starlette.requests import HTTPConnection

from mien.service.access import check_token
from mien.service.metrics import Metrics
from mien.service.reading import Places, Reader
from mien.service.settings import ServiceSettings


class Engine:
    """Settings, counters, the reader, and the places that bound what runs at a time."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings, self.metrics = settings, Metrics()
        self.requests = Places(settings.max_in_flight, "requests")
        self.streams = Places(settings.max_streams, "cameras")
        self.reader = Reader(settings, self.metrics)
        self._cleanup = ExitStack()
        self._cleanup.callback(self.reader.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()


def _engine(connection: HTTPConnection) -> Engine:
    engine: Engine = connection.app.state.engine
    return engine


def _allowed(connection: HTTPConnection) -> None:
    check_token(connection, _engine(connection).settings)


#: The engine, as an argument of a handler.
TheEngine = Annotated[Engine, Depends(_engine)]
#: Put among a route's dependencies, it lets only clients with a token pass.
NEEDS_TOKEN = Depends(_allowed)
