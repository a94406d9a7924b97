"""Errors as HTTP answers: one table of status codes, one form of the body."""

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from mien.errors import (
    AccessError,
    BusyError,
    ImageDecodeError,
    ImageFormatError,
    ImageSizeError,
    LimitError,
    MienError,
    NotOfferedError,
    OverdueError,
    RequestError,
    StorageError,
)

#: Status and short name of each error; an error takes those of its nearest base class in this table.
STATUS_CODES: Mapping[type[MienError], tuple[int, str]] = {
    RequestError: (400, "bad_request"),
    AccessError: (401, "unauthorized"),
    NotOfferedError: (404, "not_offered"),
    ImageSizeError: (413, "too_large"),
    LimitError: (413, "too_large"),
    ImageFormatError: (415, "unsupported_media"),
    ImageDecodeError: (422, "unreadable_picture"),
    BusyError: (429, "too_many_requests"),
    OverdueError: (503, "overdue"),
    StorageError: (503, "storage"),
    MienError: (500, "internal"),
}

_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "1"}, 503: {"Retry-After": "5"}}


def status_and_body(error: MienError) -> tuple[int, dict[str, str | None]]:
    """Status code and body of the answer to ``error``."""
    status, name = next(STATUS_CODES[kind] for kind in type(error).__mro__ if kind in STATUS_CODES)
    if status == 500:  # our own fault: its text may contain paths, so it is only logged
        return status, {"error": name, "detail": "something went wrong on the server", "hint": "see the server's log"}
    return status, {"error": name, "detail": str(error), "hint": error.hint}


def error_response(error: MienError) -> JSONResponse:
    """The complete answer to ``error``."""
    status, body = status_and_body(error)
    return JSONResponse(body, status, _HEADERS.get(status))


def install_error_handlers(app: FastAPI) -> None:
    """Answer every error of ``app`` in the same form."""

    @app.exception_handler(MienError)
    async def _ours(_: Request, error: MienError) -> JSONResponse:
        return error_response(error)

    @app.exception_handler(RequestValidationError)
    async def _parameter(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]  # its loc begins with "query", which clients do not need
        where = ".".join(str(part) for part in first["loc"][1:])
        body = {"error": "bad_parameter", "detail": f"{where}: {first['msg']}", "hint": "/openapi.json describes it"}
        return JSONResponse(body, 422)

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> JSONResponse:
        # Starlette's own errors (404, 405) have only a phrase, such as "Not Found".
        name = str(error.detail).lower().replace(" ", "_")
        body = {"error": name, "detail": str(error.detail), "hint": "/openapi.json lists the addresses"}
        return JSONResponse(body, error.status_code, error.headers)
