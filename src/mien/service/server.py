"""Running the application: sockets, worker processes, timeouts, and graceful shutdown."""

import logging
import os
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn

from mien.service.app import build_app, worker_app
from mien.service.http.protocol import ConnectionLimits
from mien.service.http.security import is_loopback
from mien.service.metrics import SHARED_FOLDER
from mien.service.settings import ServiceSettings

_LOG = logging.getLogger("mien.service")


def serve(settings: ServiceSettings) -> None:
    """Serve until SIGTERM or SIGINT, then finish the running requests.

    Raises:
        MienError: Model or detector cannot be loaded, or the jobs folder cannot be used.
    """
    if not settings.tokens and not is_loopback(settings.host):
        _LOG.warning("anyone who can reach %s may use the service: no token is set (MIEN_TOKENS)", settings.host)
    if settings.workers == 1:
        app = build_app(settings)
        uvicorn.Server(uvicorn.Config(app, **_options(settings))).run()
        return
    with TemporaryDirectory(prefix="mien-counts-") as folder:
        os.environ.update(settings.environment() | {SHARED_FOLDER: folder})
        # uvicorn starts the workers anew, so they get the application by name and the settings by the environment.
        name = f"{worker_app.__module__}:{worker_app.__name__}"
        uvicorn.run(name, factory=True, workers=settings.workers, **_options(settings))


def _options(settings: ServiceSettings) -> dict[str, Any]:
    proxies = settings.trusted_proxies
    return {
        "host": settings.host,
        "port": settings.port,
        "http": ConnectionLimits(settings.max_connections, settings.client_share, proxies),
        "ws": "websockets-sansio",
        "loop": "asyncio",
        "lifespan": "on",
        "ws_max_size": settings.max_frame_bytes,
        "ws_per_message_deflate": False,  # frames are compressed already, and a small message may inflate to a huge one
        "limit_concurrency": settings.max_connections,
        "timeout_keep_alive": settings.idle_timeout_s,
        "timeout_graceful_shutdown": settings.drain_timeout_s,
        "access_log": settings.access_log,
        "server_header": False,
        "log_level": "info",
        "proxy_headers": bool(proxies),  # otherwise any client could claim any address
        "forwarded_allow_ips": list(proxies),
    }
