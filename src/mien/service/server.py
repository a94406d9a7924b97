"""Running the application: sockets, processes, patience with slow clients, and an orderly end.

It does not know what is served.
"""

import asyncio
import logging
import os
from tempfile import TemporaryDirectory
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from mien.service.access import is_loopback
from mien.service.app import build_app, worker_app
from mien.service.engine import MakeRunner
from mien.service.metrics import SHARED_FOLDER
from mien.service.settings import ServiceSettings

_LOG = logging.getLogger("mien.service")


class ImpatientProtocol(H11Protocol):
    """Uvicorn's protocol, which waits for a request's headers forever; here a connection has a time for them.

    The time runs from the first byte, or from the connection, until the headers are whole. A client that goes on
    sending a body that was already refused has the same time to end.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Start the time where a request is awaited, end it where one is being answered."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._unwatch()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.timeout_keep_alive, self._give_up)

    def _unwatch(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        upgraded = self.transport.get_protocol() is not self
        answering = self.cycle is not None and not self.cycle.response_complete
        idle = self.conn.our_state is h11.IDLE and self.timeout_keep_alive_task is not None
        if not (upgraded or answering or idle):
            self.transport.close()


def serve(settings: ServiceSettings, make_runner: MakeRunner | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then let running requests end.

    Args:
        settings: All of them.
        make_runner: What reads videos, in a single process; None is the library, in as many as there are.

    Raises:
        MienError: Model or detector cannot be loaded.
    """
    if not settings.tokens and not is_loopback(settings.host):
        _LOG.warning("whoever reaches %s may ask, for no token is set (MIEN_TOKENS)", settings.host)
    if settings.workers == 1:
        app = build_app(settings, make_runner)
        uvicorn.Server(uvicorn.Config(app, **_options(settings))).run()
        return
    with TemporaryDirectory(prefix="mien-counts-") as folder:
        os.environ.update(settings.environment() | {SHARED_FOLDER: folder})
        name = f"{worker_app.__module__}:{worker_app.__name__}"
        uvicorn.run(name, factory=True, workers=settings.workers, **_options(settings))


def _options(settings: ServiceSettings) -> dict[str, Any]:
    return {
        "host": settings.host,
        "port": settings.port,
        "http": ImpatientProtocol,
        "ws": "websockets-sansio",
        "loop": "asyncio",
        "lifespan": "on",
        "ws_max_size": settings.max_frame_bytes,
        "ws_per_message_deflate": False,  # frames are compressed already, and a small message may unpack to a huge one
        "limit_concurrency": settings.max_connections,
        "timeout_keep_alive": settings.idle_timeout_s,
        "timeout_graceful_shutdown": settings.drain_timeout_s,
        "access_log": settings.access_log,
        "server_header": False,
        "log_level": "info",
        "proxy_headers": False,
    }
