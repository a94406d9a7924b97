"""Uvicorn's HTTP protocol with deadlines and a limit of connections for each client.

Uvicorn alone waits forever for a request's headers, and lets one address hold every connection. The undocumented names
of uvicorn that are used here are listed in ``tests/service/test_internals.py``, which fails when one disappears.
"""

import asyncio
from collections.abc import Collection
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from mien.errors import BusyError
from mien.service.http.limits import Client, ConcurrencyLimit, client_address

#: A refused connection has this long to send its request and read the 503; at most this many may do so at a time.
_REFUSAL_S, _MAX_REFUSALS = 1.0, 32


class DeadlineProtocol(H11Protocol):
    """A connection that is closed when a request's headers do not arrive in time.

    The time (``timeout_keep_alive``) runs from the connection or the first byte of a request until the headers are
    complete. A client that is still sending a body that was refused has the same time to finish.
    """

    def __init__(self, limits: "ConnectionLimits", **given: Any) -> None:
        super().__init__(**given)
        self._limits = limits
        self._deadline: asyncio.TimerHandle | None = None
        self._holder: Client | None = None  # whose slot this connection takes

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client is not None and self.client[0] not in self._limits.exempt:
            holder = Client(client_address(self.client[0]))
            try:
                self._limits.slots.acquire(holder)
            except BusyError:
                self._refuse(transport)
                return
            self._holder = holder
        self._watch()  # the time for the first headers begins

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        self._release()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._release()  # cameras have a limit of their own, and uvicorn will call another object's connection_lost
        super().handle_websocket_upgrade(event)

    def _refuse(self, transport: asyncio.Transport) -> None:
        """Answer any request on this connection with uvicorn's 503, and close it soon; it takes no slot."""
        self.connections.discard(self)
        self.limit_concurrency = 0  # uvicorn answers 503 where len(connections) reaches this
        pending = [timer for timer in self._limits.refusals if timer.when() > self.loop.time()]
        if len(pending) >= _MAX_REFUSALS:
            transport.close()  # a flood of connections gets no answer
        else:
            pending.append(self.loop.call_later(_REFUSAL_S, transport.close))
        self._limits.refusals = pending

    def _release(self) -> None:
        if self._holder is not None:
            self._limits.slots.release(self._holder)
            self._holder = None

    def _watch(self) -> None:
        """Start the timer while headers are awaited, stop it while a request is being answered."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._unwatch()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.timeout_keep_alive, self._close_if_unfinished)

    def _unwatch(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close_if_unfinished(self) -> None:
        self._deadline = None
        upgraded = self.transport.get_protocol() is not self  # a WebSocket has taken the connection over
        answering = self.cycle is not None and not self.cycle.response_complete
        idle = self.conn.our_state is h11.IDLE and self.timeout_keep_alive_task is not None  # uvicorn closes these
        if not (upgraded or answering or idle):
            self.transport.close()


class ConnectionLimits:
    """Factory of the protocols of a server's connections, which share its limits; each worker process has its own.

    Args:
        limit: Most open connections.
        share: Largest part of them that one address may hold.
        exempt: Addresses of reverse proxies, which hold the connections of many clients.
    """

    def __init__(self, limit: int, share: float, exempt: Collection[str] = ()) -> None:
        self.slots = ConcurrencyLimit(limit, "connections", share=share)
        self.exempt = frozenset(exempt)
        self.refusals: list[asyncio.TimerHandle] = []  # timers that close refused connections

    def __call__(self, **given: Any) -> DeadlineProtocol:
        """The protocol of a new connection, from what uvicorn gives it."""
        return DeadlineProtocol(self, **given)
