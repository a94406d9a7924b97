"""Request bodies: pictures in forms, raw pictures, and the stream of a large upload, within their limits.

Nothing is written to disk here. File names and content types are not trusted: the format of a picture is determined
from its content when it is decoded.
"""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import PurePosixPath
from time import monotonic

from python_multipart.exceptions import FormParserError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from mien.errors import ImageFormatError, LimitError, RequestError
from mien.service.inference.upload import Upload
from mien.service.settings import ServiceSettings

#: The one form field that holds pictures; it may be repeated.
FIELD = "files"

_LONGEST_NAME = 200
_FORM = "multipart/form-data"
SEND_HINT = f"send the picture's bytes as the body, or a form ({_FORM}) with files in the field {FIELD!r}"
#: A slow start is normal (TLS, a phone that wakes its radio): the rate is checked after this many seconds.
_RATE_GRACE_S = 5.0


def clean_name(name: str | None, default: str = "picture") -> str:
    r"""The last part of a client's file name, printable and short; it is never used as a path.

    Examples:
        >>> clean_name("C:\\photos\\me.jpg"), clean_name("../../etc/passwd"), clean_name("a\r\nb.jpg")
        ('me.jpg', 'passwd', 'ab.jpg')
    """
    last = PurePosixPath((name or "").replace("\\", "/")).name
    return "".join(letter for letter in last if letter.isprintable())[:_LONGEST_NAME] or default


class _InMemoryParser(MultiPartParser):
    """Starlette's parser without spooling to disk: the limit of the body bounds the memory instead."""

    spool_max_size = 2**62


async def read_uploads(request: Request, settings: ServiceSettings) -> list[Upload]:
    """The pictures that a client sent, as a form's fields ``files`` or as the body itself.

    Raises:
        LimitError: The body is too large or holds too many pictures.
        RequestError: There is no picture, the form is damaged or cut, or the upload is too slow.
        ImageFormatError: The body is compressed.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    _check_encoding(request)
    try:
        async with asyncio.timeout(settings.upload_timeout_s):
            if kind == _FORM:
                return await _from_form(request, settings)
            return [await _from_body(request, settings)]
    except TimeoutError as err:
        raise RequestError(f"the upload took longer than {settings.upload_timeout_s:g} s") from err
    except ClientDisconnect as err:
        raise RequestError("the upload was cut off") from err


async def body_stream(request: Request, settings: ServiceSettings, max_bytes: int) -> AsyncGenerator[bytes, None]:
    """The body in pieces; fails as soon as it is known to be too large or too slow.

    Raises:
        LimitError: It has more than ``max_bytes``.
        RequestError: It pauses for longer than the upload timeout, or its mean rate falls below the smallest allowed.
    """
    # The announced length saves the upload; the real one is counted below, since it may be absent or wrong.
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise _too_large(int(announced), max_bytes)
    pieces, arrived, start = request.stream(), 0, monotonic()
    while True:
        try:
            piece = await asyncio.wait_for(anext(pieces, b""), settings.upload_timeout_s)
        except TimeoutError as err:
            raise RequestError(f"the upload paused for more than {settings.upload_timeout_s:g} s") from err
        if not piece:
            return
        arrived += len(piece)
        if arrived > max_bytes:
            raise _too_large(arrived, max_bytes)
        _check_rate(arrived, monotonic() - start, settings.min_upload_rate)
        yield piece


def _check_rate(arrived: int, elapsed_s: float, min_rate: int) -> None:
    """Refuse a slow upload.

    Without it a client that sends a byte now and then would hold its slot for the whole time allowed.
    """
    if elapsed_s > _RATE_GRACE_S and arrived < min_rate * (elapsed_s - _RATE_GRACE_S):
        raise RequestError(
            f"the upload is too slow: {arrived / elapsed_s:,.0f} bytes/s, expected at least {min_rate:,}",
            hint="send a smaller file, or over a faster connection",
        )


def _too_large(size: int, max_bytes: int) -> LimitError:
    return LimitError(f"a body of {size:,} bytes or more, expected at most {max_bytes:,}")


def _check_encoding(request: Request) -> None:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", ""}:
        raise ImageFormatError(f"the body is compressed ({encoding[:20]})", hint=f"send it uncompressed: {SEND_HINT}")


async def _from_form(request: Request, settings: ServiceSettings) -> list[Upload]:
    body = body_stream(request, settings, settings.max_body_bytes)
    # max_fields=0: a form has files only, and text parts would be read into memory for nothing.
    parser = _InMemoryParser(request.headers, body, max_files=settings.max_images, max_fields=0)
    try:
        form = await parser.parse()
    except MultiPartException as err:
        if err.message.startswith("Too many files"):  # the parser has no error classes; a test checks these words
            raise LimitError(f"more than {settings.max_images} pictures", hint="send several requests") from err
        if err.message.startswith("Too many fields"):
            raise RequestError("the form holds text, expected files", hint=SEND_HINT) from err
        raise RequestError(f"the form cannot be read: {err.message}", hint=SEND_HINT) from err
    except FormParserError as err:  # old versions of Starlette let the errors of its parser through
        raise RequestError(f"the form cannot be read: {err}", hint=SEND_HINT) from err
    try:
        return await _named_files(form)
    finally:
        await form.close()


async def _named_files(form: FormData) -> list[Upload]:
    others = {name for name in form if name != FIELD}  # named in the error, cut short: they are a client's text
    files = [file for file in form.getlist(FIELD) if isinstance(file, UploadFile)]
    if others or not files:
        came = f"the fields {sorted(name[:40] for name in others)[:5]}" if others else "none"
        hint = f"name the form's field {FIELD!r}: curl -F {FIELD}=@photo.jpg"
        raise RequestError(f"expected pictures in the field {FIELD!r}, got {came}", hint=hint)
    return [Upload(clean_name(file.filename), await file.read()) for file in files]


async def _from_body(request: Request, settings: ServiceSettings) -> Upload:
    content = b"".join([piece async for piece in body_stream(request, settings, settings.max_body_bytes)])
    if not content:
        raise RequestError("the body is empty", hint=SEND_HINT)
    return Upload(clean_name(None), content)
