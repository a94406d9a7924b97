"""Around every request: security headers, counts and times, and an answer even where something broke.

It reads no bodies and logs no names.
"""

import logging
from time import perf_counter

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mien.errors import MienError
from mien.service.metrics import Metrics
from mien.service.problems import answer

_LOG = logging.getLogger("mien.service")

#: The page may use what this server sends, pictures that it made itself, and the camera; nothing else.
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Wrapping:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = perf_counter(), 0

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _secure(MutableHeaders(scope=message), scope["path"])
            await send(message)

        with self._metrics.in_flight.track_inprogress():
            try:
                await self._app(scope, receive, observed)
            except Exception:  # noqa: BLE001 - the client gets an answer, the log the trace
                _LOG.exception("a request failed")
                if not status:
                    await self._broken()(scope, receive, observed)
        route = getattr(scope.get("route"), "path", "other")
        self._metrics.requests.labels(route, str(status)).inc()
        self._metrics.seconds.labels(route).observe(perf_counter() - start)

    def _broken(self) -> JSONResponse:
        return answer(MienError("internal"))


def _secure(headers: MutableHeaders, path: str) -> None:
    headers.update(SECURITY_HEADERS)
    headers["Cache-Control"] = "no-cache" if path.startswith("/static") or path == "/" else "no-store"
