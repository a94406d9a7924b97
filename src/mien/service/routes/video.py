"""``/v1/video``: upload a video, follow its progress while it is read in the background, fetch the results."""

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from mien.errors import NotOfferedError, RequestError, StorageError
from mien.service.http.uploads import body_stream, clean_name
from mien.service.jobs.folder import JobFolder
from mien.service.jobs.record import Job
from mien.service.routes.dependencies import AUTHORIZED, TheClient, TheEngine, TheOptions
from mien.service.schemas import JobSchema, ProblemSchema
from mien.service.settings import ServiceSettings

router = APIRouter(prefix="/v1/video", dependencies=[AUTHORIZED])

#: The disk space is checked again after this many bytes, as other uploads run at the same time.
_CHECK_EVERY_BYTES = 4 * 2**20

_VIDEO = {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
_NOT_FOUND: dict[int | str, dict[str, Any]] = {
    401: {"model": ProblemSchema, "description": "No valid token"},
    404: {"model": ProblemSchema, "description": "No such job or file, or videos are not accepted here"},
}
_RESPONSES = _NOT_FOUND | {
    400: {"model": ProblemSchema, "description": "No video, or an upload that is cut off or too slow"},
    413: {"model": ProblemSchema, "description": "Too many bytes, or the disk space for videos is used up"},
    422: {"model": ProblemSchema, "description": "A parameter is wrong"},
    429: {"model": ProblemSchema, "description": "Too many videos are waiting"},
    503: {"model": ProblemSchema, "description": "The disk cannot be written"},
}


def _jobs(engine: TheEngine) -> JobFolder:
    if engine.jobs is None:
        no_folder = engine.settings.jobs_folder is None
        hint = "start it with --jobs-folder FOLDER" if no_folder else "pip install 'mien[video]' where it runs"
        raise NotOfferedError("Videos are not accepted here", hint=hint)
    return engine.jobs


def _job(job_id: str, jobs: Annotated[JobFolder, Depends(_jobs)]) -> Job:
    job = jobs.find(job_id)
    if job is None:
        raise HTTPException(404, "No such job")
    return job


TheJobs = Annotated[JobFolder, Depends(_jobs)]
TheJob = Annotated[Job, Depends(_job)]


@router.post("", status_code=202, responses=_RESPONSES, response_model=JobSchema, openapi_extra={"requestBody": _VIDEO})
async def submit(
    request: Request, engine: TheEngine, client: TheClient, jobs: TheJobs, options: TheOptions, name: str = "video"
) -> JSONResponse:
    """Send a video as the body; the answer is a job, whose address gives its progress."""
    settings = engine.settings
    engine.reader.pipeline_for(options)  # options that no model supports are refused before the upload
    # Room is needed for the announced size, or for the largest one where it is not announced.
    announced = request.headers.get("content-length", "")
    size = int(announced) if announced.isdecimal() else settings.max_video_bytes
    with ExitStack() as upload:  # an upload that fails, or whose client disconnects, is removed
        # Disk access is done in threads: the loop serves other clients meanwhile.
        job = await asyncio.to_thread(
            upload.enter_context, jobs.uploading(clean_name(name, "video"), client, options.to_query())
        )
        await asyncio.to_thread(jobs.check_space, min(size, settings.max_video_bytes))
        await _receive(request, jobs.source(job), jobs, settings)
    engine.wake_jobs()
    return JSONResponse(replace(job, phase="waiting").to_dict(), 202, {"Location": f"/v1/video/{job.id}"})


@router.get("/{job_id}", responses=_NOT_FOUND, response_model=JobSchema)
async def follow(job: TheJob) -> JSONResponse:
    """The state of a job; ``files`` names its results when all are complete."""
    return JSONResponse(job.to_dict())


@router.delete("/{job_id}", responses=_NOT_FOUND, response_model=JobSchema)
async def cancel(engine: TheEngine, job: TheJob, jobs: TheJobs) -> JSONResponse:
    """Cancel a job; a finished job is removed with its results."""
    if job.ended:
        await asyncio.to_thread(jobs.remove, job)
        return JSONResponse(job.to_dict())
    jobs.cancel(job)
    engine.wake_jobs()
    return JSONResponse(replace(job, phase="canceled").to_dict())


@router.get("/{job_id}/files/{name}", responses=_NOT_FOUND, response_class=FileResponse)
async def fetch(name: str, job: TheJob, jobs: TheJobs) -> FileResponse:
    """A result of a finished job."""
    path = jobs.result(job, name)
    if path is None:
        raise HTTPException(404, "No such file")
    # As an attachment: a browser must not render a page from an upload with the rights of this site.
    return FileResponse(path, filename=name, content_disposition_type="attachment")


async def _receive(request: Request, path: Path, jobs: JobFolder, settings: ServiceSettings) -> None:
    """Write the body to ``path``, piece by piece."""
    arrived, next_check = 0, _CHECK_EVERY_BYTES
    try:
        with path.open("xb") as stream:
            async for piece in body_stream(request, settings, settings.max_video_bytes):
                arrived += len(piece)
                await asyncio.to_thread(stream.write, piece)
                if arrived >= next_check:
                    await asyncio.to_thread(jobs.check_space, 0)
                    next_check = arrived + _CHECK_EVERY_BYTES
    except ClientDisconnect as err:
        raise RequestError("the upload was cut off") from err
    except OSError as err:
        raise StorageError(f"the upload cannot be stored: {err.strerror}", hint="the disk may be full") from err
    if not arrived:
        raise RequestError("the body is empty", hint="send a video's bytes")
