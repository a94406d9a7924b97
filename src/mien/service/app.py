"""The application: what the service is made of, in one place.

    page  /  /static     predict  /v1/predict     stream  /v1/stream     video  /v1/video     about  /v1/model …
                └────────────────┴────────────────────┬─┴────────────────────┴───────────────────┘
                           engine: reader (threads, batches), jobs, places, counters

It does not know sockets or processes; ``server.py`` runs it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from mien.expressions import USE_NOTICE
from mien.runtime.memory import keep_memory_steady
from mien.service import about, predict, problems, stream, video
from mien.service.engine import Engine, MakeRunner
from mien.service.settings import ServiceSettings, read_settings
from mien.service.videos import make_video_reader
from mien.service.wrapping import Wrapping
from mien.version import __version__

_STATIC = Path(__file__).parent / "static"


def build_app(settings: ServiceSettings, make_runner: MakeRunner | None = None) -> FastAPI:
    """The whole application; the model is loaded at once.

    Args:
        settings: All of them.
        make_runner: What reads videos; None is the library, where a folder for jobs and the extra ``video`` are there.

    Raises:
        MienError: Model or detector cannot be loaded.
    """
    keep_memory_steady()
    engine = Engine(settings, make_runner or make_video_reader(settings))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with engine:
            yield

    app = FastAPI(
        title="mien", version=__version__, description=USE_NOTICE, docs_url=None, redoc_url=None, lifespan=lifespan
    )
    app.state.engine = engine
    problems.install(app)
    for part in (predict, stream, video, about):
        app.include_router(part.router)
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(_STATIC / "index.html")

    if settings.cors_origins:
        origins, headers = list(settings.cors_origins), ["Authorization", "Content-Type"]
        app.add_middleware(
            CORSMiddleware, allow_origins=origins, allow_methods=["GET", "POST", "DELETE"], allow_headers=headers
        )
    app.add_middleware(Wrapping, metrics=engine.metrics)
    return app


def worker_app() -> FastAPI:
    """The application of a worker process, whose settings come from the environment.

    Raises:
        MienError: A setting is wrong, or model or detector cannot be loaded.
    """
    return build_app(read_settings())
