"""The pictures in a request's body, within its limits and in memory only.

It does not believe names or content types; what a picture is shows when it is read.
"""

import asyncio
from collections.abc import AsyncGenerator

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from mien.errors import LimitError, RequestError
from mien.service.reading import Upload
from mien.service.settings import ServiceSettings

#: The one field of a form that holds pictures; it may come many times.
FIELD = "files"


class _InMemory(MultiPartParser):
    """Starlette's parser, which would put parts of more than a megabyte on disk; the body's limit bounds these."""

    spool_max_size = 2**62


async def read_uploads(request: Request, settings: ServiceSettings) -> list[Upload]:
    """The pictures that a client sent, as a form's fields ``files`` or as the body itself.

    Raises:
        LimitError: The body is too large or holds too many pictures.
        RequestError: There is none, the form is damaged or was cut, or it came too slowly.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        async with asyncio.timeout(settings.upload_timeout_s):
            if kind == "multipart/form-data":
                return await _from_form(request, settings)
            return [await _from_body(request, settings)]
    except TimeoutError as err:
        raise RequestError(f"the upload took longer than {settings.upload_timeout_s:g} s") from err
    except ClientDisconnect as err:
        raise RequestError("the upload was cut off") from err


async def _from_form(request: Request, settings: ServiceSettings) -> list[Upload]:
    parser = _InMemory(
        request.headers, _limited(request, settings.max_body_bytes), max_files=settings.max_images, max_fields=0
    )
    try:
        form = await parser.parse()
    except MultiPartException as err:
        if err.message.startswith("Too many files"):
            raise LimitError(f"more than {settings.max_images} pictures", hint="send several requests") from err
        hint = f"send multipart/form-data with the pictures as files in the field {FIELD!r}"
        raise RequestError(f"the form cannot be read: {err.message}", hint=hint) from err
    try:
        return await _named_files(form)
    finally:
        await form.close()


async def _named_files(form: FormData) -> list[Upload]:
    strangers = {name for name in form if name != FIELD}
    files = [file for file in form.getlist(FIELD) if isinstance(file, UploadFile)]
    if strangers or not files:
        came = f"the fields {sorted(strangers)}" if strangers else "none"
        raise RequestError(f"expected pictures in the field {FIELD!r}, got {came}")
    return [Upload.named(file.filename, await file.read()) for file in files]


async def _from_body(request: Request, settings: ServiceSettings) -> Upload:
    content = b"".join([part async for part in _limited(request, settings.max_body_bytes)])
    if not content:
        raise RequestError("the body is empty", hint="send a picture's bytes, or a form with files")
    return Upload.named(None, content)


async def _limited(request: Request, max_bytes: int) -> AsyncGenerator[bytes, None]:
    """The body in pieces; it ends with an error as soon as it is known to be too large."""
    announced = request.headers.get("content-length", "0")
    arrived = int(announced) if announced.isdecimal() and int(announced) > max_bytes else 0
    if not arrived:
        async for part in request.stream():
            arrived += len(part)
            if arrived > max_bytes:
                break
            yield part
    if arrived > max_bytes:
        raise LimitError(f"a body of {arrived:,} bytes or more, expected at most {max_bytes:,}")
