"""The door where errors become answers: one table of status codes, one shape of body.

It does not know where an error comes from.
"""

from collections.abc import Mapping

from fastapi import FastAPI, Request
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

#: Status and short name of each error; the most special class counts.
PROBLEMS: Mapping[type[MienError], tuple[int, str]] = {
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


def problem(error: MienError) -> tuple[int, dict[str, str | None]]:
    """Status code and body of the answer to ``error``."""
    status, name = next(PROBLEMS[kind] for kind in type(error).__mro__ if kind in PROBLEMS)
    if status == 500:
        return status, {"error": name, "detail": "something went wrong on the server", "hint": "its log tells what"}
    return status, {"error": name, "detail": str(error), "hint": error.hint}


def answer(error: MienError) -> JSONResponse:
    """The whole answer to ``error``."""
    status, body = problem(error)
    return JSONResponse(body, status, _HEADERS.get(status))


def install(app: FastAPI) -> None:
    """Give every error of ``app`` the same shape."""

    @app.exception_handler(MienError)
    async def _ours(_: Request, error: MienError) -> JSONResponse:
        return answer(error)

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> JSONResponse:
        name = str(error.detail).lower().replace(" ", "_")
        body = {"error": name, "detail": str(error.detail), "hint": "the addresses are listed in /openapi.json"}
        return JSONResponse(body, error.status_code, error.headers)
