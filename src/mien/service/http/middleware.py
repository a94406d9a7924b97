"""The middleware around every request: security headers, metrics, and an answer if a handler fails.

    request → RequestMiddleware → (CORS) → errors → route → answer, with its headers added on the way out

It reads no bodies and logs no file names.
"""

import logging
from time import perf_counter

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mien.errors import MienError
from mien.service.http.errors import error_response
from mien.service.metrics import Metrics

_LOG = logging.getLogger("mien.service")

#: The page may load what this server sends, pictures that it created itself (blob:), and the camera; nothing else.
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


class RequestMiddleware:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # WebSockets and lifespan pass unchanged
            await self._app(scope, receive, send)
            return
        start, status = perf_counter(), 0

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_security_headers(MutableHeaders(scope=message), scope["path"])
            await send(message)

        with self._metrics.in_flight.track_inprogress():
            try:
                await self._app(scope, receive, observed)
            except Exception:  # noqa: BLE001 - the client gets an answer, the log the traceback
                _LOG.exception("a request failed")
                if not status:  # once an answer has begun it cannot be replaced
                    await error_response(MienError("internal"))(scope, receive, observed)
        # The route's template, not the path: paths hold job ids, and clients could make up any number of them.
        route = getattr(scope.get("route"), "path", "other")
        self._metrics.requests.labels(route, str(status)).inc()
        self._metrics.seconds.labels(route).observe(perf_counter() - start)


def _add_security_headers(headers: MutableHeaders, path: str) -> None:
    headers.update(SECURITY_HEADERS)
    headers["Cache-Control"] = "no-cache" if path.startswith("/static") or path == "/" else "no-store"
