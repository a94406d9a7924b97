"""Information about the service: ``/v1/model``, ``/healthz``, ``/readyz`` and ``/metrics``."""

import asyncio
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from mien.imaging import FORMATS
from mien.imaging.formats import HAS_AVIF, HAS_HEIF
from mien.runtime.files import sha256_of
from mien.service.engine import Engine
from mien.service.routes.dependencies import AUTHORIZED, TheEngine
from mien.service.schemas import (
    InputSchema,
    LimitsSchema,
    ModelSchema,
    ProblemSchema,
    Schema,
    StatusSchema,
    VideoLimitsSchema,
)

router = APIRouter()

#: Formats that this installation reads: Pillow may have been built without AVIF, and HEIF needs an extra.
_FORMATS = [form for form in FORMATS if {"AVIF": HAS_AVIF, "HEIF": HAS_HEIF}.get(form, True)]


@router.get("/healthz")
async def healthz() -> StatusSchema:
    """Whether the process is alive; needs no token."""
    return StatusSchema(status="ok")


@router.get("/readyz", responses={503: {"model": StatusSchema, "description": "No predictions can be made"}})
async def readyz(engine: TheEngine) -> JSONResponse:
    """Whether predictions can be made; needs no token, so it names no file."""
    ready = await asyncio.to_thread(engine.problem) is None  # the check may run the network
    return JSONResponse({"status": "ok" if ready else "the model gives no predictions"}, 200 if ready else 503)


@router.get("/v1/model", responses={401: {"model": ProblemSchema}}, dependencies=[AUTHORIZED])
async def model(engine: TheEngine) -> ModelSchema:
    """The model: labels, input, metrics, hash, license, use notice; and the limits of requests."""
    recognizer = engine.reader.recognizer
    metadata = recognizer.metadata
    shape = metadata.input
    return ModelSchema(
        name=metadata.name,
        version=metadata.version,
        sha256=_sha256(recognizer.path),
        labels=list(metadata.labels),
        input=InputSchema(size=shape.size, channels=shape.channels, low=shape.low, high=shape.high),
        devices=list(recognizer.devices),
        detector=engine.reader.pipeline.detector.name,
        detector_files=dict(engine.reader.pipeline.detector.files),
        models=list(engine.reader.recognizers),
        conventions=list(metadata.heads),
        has_priors=metadata.priors is not None,
        has_decision=metadata.decision is not None,
        temperature=metadata.temperature,
        metrics=dict(metadata.metrics),
        license=metadata.license,
        use_notice=metadata.use_notice,
        limits=_limits(engine),
    )


@router.get("/metrics", dependencies=[AUTHORIZED], response_class=Response)
async def metrics(engine: TheEngine) -> Response:
    """Counters and times in Prometheus's format."""
    return Response(engine.metrics.text(), media_type=CONTENT_TYPE_LATEST)


def _limits(engine: Engine) -> LimitsSchema:
    given = engine.settings.model_dump()
    videos = VideoLimitsSchema.model_validate(_only(VideoLimitsSchema, given)) if engine.jobs is not None else None
    return LimitsSchema.model_validate(_only(LimitsSchema, given | {"videos": videos, "formats": _FORMATS}))


def _only(schema: type[Schema], values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in schema.model_fields}


@cache  # files do not change while they are loaded
def _sha256(path: Path) -> str:
    return sha256_of(path)
