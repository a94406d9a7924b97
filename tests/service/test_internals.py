"""Names of uvicorn and Starlette that are used without being documented: if a new version drops one, this says so."""

import asyncio
import inspect

import pytest
import uvicorn
from starlette.formparsers import MultiPartException, MultiPartParser
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from mien.service.http import protocol, uploads
from mien.service.http.protocol import ConnectionLimits

PROTOCOL = ["client", "conn", "connections", "cycle", "limit_concurrency", "loop", "timeout_keep_alive"]
METHODS = ["connection_made", "connection_lost", "data_received", "handle_websocket_upgrade"]


@pytest.mark.parametrize("name", [*PROTOCOL, "timeout_keep_alive_task", "transport"])
def test_uvicorns_protocol_has_the_attributes(name: str) -> None:
    async def make() -> H11Protocol:
        config = uvicorn.Config(lambda *_: None, loop="asyncio", lifespan="off")
        config.load()
        return ConnectionLimits(8, 0.5)(config=config, server_state=ServerState(), app_state={})

    assert hasattr(asyncio.run(make()), name)


def test_uvicorns_protocol_calls_the_methods_that_are_overridden() -> None:
    assert all(callable(getattr(H11Protocol, name)) for name in METHODS)
    overridden = [name for name in vars(protocol.DeadlineProtocol) if not name.startswith("_")]
    assert sorted(overridden) == sorted(METHODS)
    assert "self.handle_websocket_upgrade(event)" in inspect.getsource(H11Protocol.handle_events)
    assert "len(self.connections) >= self.limit_concurrency" in inspect.getsource(H11Protocol.handle_events)
    assert "self.response_complete" in inspect.getsource(RequestResponseCycle)


def test_starlettes_parser_reads_the_size_from_which_it_would_spool_to_disk() -> None:
    assert MultiPartParser.spool_max_size == 2**20
    assert "max_size=self.spool_max_size" in inspect.getsource(MultiPartParser)
    assert uploads._InMemoryParser.spool_max_size > 2**40


def test_starlettes_parser_words_the_errors_that_are_told_apart() -> None:
    source = inspect.getsource(MultiPartParser)
    assert "Too many files" in source
    assert "Too many fields" in source
    assert MultiPartException("words").message == "words"
