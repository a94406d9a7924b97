"""The application: all parts of the service, connected.

    HTTP request → server (http/protocol) → http/middleware → a route:

        /  /static     /v1/predict       /v1/stream       /v1/video       /v1/model /healthz /readyz /metrics
        static/        routes/predict    routes/stream    routes/video    routes/about
                            └──────────────────┴──────┬─────────┴────────────────┘
                       engine: inference/reader (threads, batches), jobs/, limits, metrics

``server.py`` runs it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from mien.expressions import USE_NOTICE
from mien.runtime.memory import keep_memory_steady
from mien.service.engine import Engine
from mien.service.http.errors import install_error_handlers
from mien.service.http.middleware import RequestMiddleware
from mien.service.routes import about, predict, stream, video
from mien.service.settings import ServiceSettings, read_settings
from mien.version import __version__

_STATIC = Path(__file__).parent / "static"


def build_app(settings: ServiceSettings) -> FastAPI:
    """The complete application; the model is loaded here, not with the first request.

    Raises:
        MienError: Model or detector cannot be loaded, or the jobs folder cannot be used.
    """
    keep_memory_steady()  # before the first large allocation
    engine = Engine(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with engine:
            yield

    # FastAPI's own documentation pages load scripts from other hosts, so they are off; /openapi.json stays.
    app = FastAPI(
        title="mien", version=__version__, description=USE_NOTICE, docs_url=None, redoc_url=None, lifespan=lifespan
    )
    app.state.engine = engine
    install_error_handlers(app)
    for part in (predict, stream, video, about):
        app.include_router(part.router)
    app.mount("/static", _Files(directory=_STATIC), name="static")

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(_STATIC / "index.html")

    if settings.cors_origins:
        origins, headers = list(settings.cors_origins), ["Authorization", "Content-Type"]
        app.add_middleware(
            CORSMiddleware, allow_origins=origins, allow_methods=["GET", "POST", "DELETE"], allow_headers=headers
        )
    app.add_middleware(RequestMiddleware, metrics=engine.metrics)  # added last, so that it is the outermost
    return app


class _Files(StaticFiles):
    """Files of the page; before Starlette 1.0 a zero byte in a path was an error of the server."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        if "\0" in path:
            raise HTTPException(404)
        return await super().get_response(path, scope)


def worker_app() -> FastAPI:
    """The application of a worker process, whose settings come from the environment.

    Raises:
        MienError: A setting is wrong, or model or detector cannot be loaded.
    """
    return build_app(read_settings())
