"""``POST /v1/predict``: pictures in, the library's results out."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from mien.recognition.results import FailedImage
from mien.service.http.errors import error_response
from mien.service.http.uploads import FIELD, read_uploads
from mien.service.routes.dependencies import TheClient, TheEngine, TheOptions
from mien.service.schemas import PredictionSchema, ProblemSchema

router = APIRouter()

# FastAPI cannot describe a body that is read as a stream, so its schema is written here.
_PICTURE = {"type": "string", "format": "binary"}
_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "additionalProperties": False,
                "properties": {FIELD: {"type": "array", "minItems": 1, "items": _PICTURE}},
            }
        },
        "application/octet-stream": {"schema": _PICTURE},
    },
}
#: The example in OpenAPI; a test validates it against the schema.
_FACE = {
    "box": {"left": 172.4, "top": 73.4, "right": 277.4, "bottom": 178.4},
    "detector_score": 0.88,
    "expression": "happiness",
    "probability": 0.93,
    "probabilities": {
        "neutral": 0.01,
        "happiness": 0.93,
        "surprise": 0.01,
        "sadness": 0.01,
        "anger": 0.01,
        "disgust": 0.01,
        "fear": 0.01,
        "contempt": 0.01,
    },
}
_EXAMPLE = {
    "results": [
        {"schema": 2, "source": "photo.jpg", "width": 512, "height": 512, "faces": [_FACE]},
        {"schema": 2, "source": "notes.txt", "error": "notes.txt: not a picture in a known format"},
    ]
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": PredictionSchema, "content": {"application/json": {"example": _EXAMPLE}}},
    400: {"model": ProblemSchema, "description": "No picture, a damaged or cut form, or a slow upload"},
    401: {"model": ProblemSchema, "description": "No valid token"},
    413: {"model": ProblemSchema, "description": "Too many bytes, pictures, pixels or faces"},
    415: {"model": ProblemSchema, "description": "The content is not a picture in a known format"},
    422: {"model": ProblemSchema, "description": "A damaged picture, or a wrong parameter"},
    429: {"model": ProblemSchema, "description": "Too many requests at a time; try again after Retry-After"},
    503: {"model": ProblemSchema, "description": "It took too long, or the server is shutting down"},
}


@router.post("/v1/predict", responses=_RESPONSES, openapi_extra={"requestBody": _BODY})
async def predict(request: Request, engine: TheEngine, client: TheClient, options: TheOptions) -> JSONResponse:
    """Read the expression on every face of one or more pictures.

    If one of several pictures cannot be read, its result is an ``error``; for a single picture, the status code is.
    """
    # The slot is held from before the upload: memory is limited by max_in_flight bodies.
    with engine.requests.slot(client):
        pipeline = engine.reader.pipeline_for(options)
        uploads = await read_uploads(request, engine.settings)
        outcomes = await engine.reader.read(uploads, client, pipeline)
    if len(outcomes) == 1 and isinstance(outcomes[0], FailedImage):
        return error_response(outcomes[0].error)
    return JSONResponse({"results": [outcome.to_dict() for outcome in outcomes]})
