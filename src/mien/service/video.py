"""``/v1/video``: a video is sent, read in the background, followed by its address, and its results fetched."""

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from mien.errors import LimitError, NotOfferedError, RequestError, StorageError
from mien.service.engine import NEEDS_TOKEN, TheEngine
from mien.service.jobs import Job, JobFolder
from mien.service.reading import Upload
from mien.service.schemas import JobSchema, ProblemSchema
from mien.service.settings import ServiceSettings

router = APIRouter(prefix="/v1/video", dependencies=[NEEDS_TOKEN])

#: Uploads that go on side by side see each other's bytes at least so often.
_CHECK_EVERY_BYTES = 4 * 2**20

_VIDEO = {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
_NOT_THERE: dict[int | str, dict[str, Any]] = {
    401: {"model": ProblemSchema, "description": "No valid token"},
    404: {"model": ProblemSchema, "description": "No such job or file, or no videos are taken here"},
}
_ANSWERS = _NOT_THERE | {
    400: {"model": ProblemSchema, "description": "No video, or a cut upload"},
    413: {"model": ProblemSchema, "description": "Too many bytes, or the disk for videos is full"},
    422: {"model": ProblemSchema, "description": "A parameter is wrong"},
    429: {"model": ProblemSchema, "description": "Too many videos wait"},
    503: {"model": ProblemSchema, "description": "The disk cannot be written"},
}


def _jobs(engine: TheEngine) -> JobFolder:
    if engine.jobs is None:
        no_folder = engine.settings.jobs_folder is None
        hint = "start it with --jobs-folder FOLDER" if no_folder else "pip install 'mien[video]' where it runs"
        raise NotOfferedError("No videos are taken here", hint=hint)
    return engine.jobs


def _job(job_id: str, jobs: Annotated[JobFolder, Depends(_jobs)]) -> Job:
    job = jobs.find(job_id)
    if job is None:
        raise HTTPException(404, "No such job")
    return job


TheJobs = Annotated[JobFolder, Depends(_jobs)]
TheJob = Annotated[Job, Depends(_job)]


@router.post("", status_code=202, responses=_ANSWERS, response_model=JobSchema, openapi_extra={"requestBody": _VIDEO})
async def submit(request: Request, engine: TheEngine, jobs: TheJobs, name: str = "video") -> JSONResponse:
    """Send a video as the body; the answer is a job, whose address tells how far it is."""
    size = _expected_bytes(request, engine.settings.max_video_bytes)
    with ExitStack() as upload:  # one that fails, or whose client leaves, stays nowhere
        job = await asyncio.to_thread(upload.enter_context, jobs.uploading(Upload.named(name, b"").name))
        await asyncio.to_thread(jobs.check_space, size)
        await _receive(request, jobs.source(job), jobs, engine.settings)
    engine.wake_jobs()
    return JSONResponse(replace(job, phase="waiting").to_dict(), 202, {"Location": f"/v1/video/{job.id}"})


@router.get("/{job_id}", responses=_NOT_THERE, response_model=JobSchema)
async def follow(job: TheJob) -> JSONResponse:
    """What happens with a job; ``files`` names its results when all are whole."""
    return JSONResponse(job.to_dict())


@router.delete("/{job_id}", responses=_NOT_THERE, response_model=JobSchema)
async def cancel(engine: TheEngine, job: TheJob, jobs: TheJobs) -> JSONResponse:
    """Cancel a job, or forget one that ended together with its results."""
    if job.ended:
        await asyncio.to_thread(jobs.remove, job)
        return JSONResponse(job.to_dict())
    jobs.cancel(job)
    engine.wake_jobs()
    return JSONResponse(replace(job, phase="canceled").to_dict())


@router.get("/{job_id}/files/{name}", responses=_NOT_THERE, response_class=FileResponse)
async def fetch(name: str, job: TheJob, jobs: TheJobs) -> FileResponse:
    """A result of a job that is done."""
    path = jobs.result(job, name)
    if path is None:
        raise HTTPException(404, "No such file")
    return FileResponse(path, filename=name, content_disposition_type="attachment")


def _expected_bytes(request: Request, max_bytes: int) -> int:
    """The size of the body, as announced, else the largest that is allowed."""
    announced = request.headers.get("content-length", "")
    if not announced.isdecimal():
        return max_bytes
    if int(announced) > max_bytes:
        raise _too_large(int(announced), max_bytes)
    return int(announced)


def _too_large(size: int, max_bytes: int) -> LimitError:
    return LimitError(f"a video of {size:,} bytes or more, expected at most {max_bytes:,}")


async def _receive(request: Request, path: Path, jobs: JobFolder, settings: ServiceSettings) -> None:
    """Write the body into ``path``, piece by piece; no piece may take longer than the upload of a picture."""
    parts, arrived, next_check = request.stream(), 0, _CHECK_EVERY_BYTES
    try:
        with path.open("wb") as stream:
            while part := await asyncio.wait_for(anext(parts, b""), settings.upload_timeout_s):
                arrived += len(part)
                if arrived > settings.max_video_bytes:
                    raise _too_large(arrived, settings.max_video_bytes)
                await asyncio.to_thread(stream.write, part)
                if arrived >= next_check:
                    await asyncio.to_thread(jobs.check_space, 0)
                    next_check = arrived + _CHECK_EVERY_BYTES
    except (ClientDisconnect, TimeoutError) as err:
        raise RequestError("the upload was cut off or stood still") from err
    except OSError as err:
        raise StorageError(f"the upload cannot be kept: {err.strerror}", hint="the disk may be full") from err
    if not arrived:
        raise RequestError("the body is empty", hint="send a video's bytes")
