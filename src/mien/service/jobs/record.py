"""The record of one job, and its file ``job.json``, which is validated against a schema.

The file may have been edited by hand, written by another version or cut off by a full disk; such a record is invalid.
"""

import os
import re
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Phase = Literal["uploading", "waiting", "running", "done", "failed", "canceled"]

#: Job ids, which are also names of folders: 128 random bits in URL-safe base64.
JOB_ID = re.compile(r"[A-Za-z0-9_-]{22}")

#: Limit of what is read; records have a few hundred bytes.
_MAX_RECORD_BYTES = 2**16

#: A plain file name: no separator, no folder reference, no control character.
_FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


@dataclass(frozen=True, slots=True)
class Job:
    """The state of a job.

    Attributes:
        id: Name of its folder: random, and all that is needed to read the results.
        name: The video's file name as the client gave it.
        phase: Where it is between upload and end.
        progress: Share of the video that is done, in [0, 1].
        created_s: Time of its submission, in seconds since 1970.
        attempts: How often work on it was begun.
        files: Names of the results; empty until all are complete.
        error: Why it failed; None if it did not.
        options: Options of the request as a query string; empty for the defaults.
    """

    id: str
    name: str
    phase: Phase = "uploading"
    progress: float = 0.0
    created_s: float = 0.0
    attempts: int = 0
    files: tuple[str, ...] = ()
    error: str | None = None
    options: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def ended(self) -> bool:
        return self.phase in {"done", "failed", "canceled"}


class _Record(BaseModel):
    """The fields of ``job.json``; types are not converted."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    id: str
    name: str = Field(min_length=1, max_length=255)
    phase: Phase
    progress: float = Field(ge=0, le=1)
    created_s: float = Field(ge=0, le=1e11)
    attempts: int = Field(ge=0, le=1000)
    files: tuple[_FileName, ...]
    error: str | None
    options: str = Field("", max_length=4000)  # earlier records have none


def read_record(path: Path) -> Job:
    """The job whose folder holds ``path``.

    Raises:
        OSError: There is no such file.
        ValueError: The record is invalid, or of another job than its folder is named after.
    """
    record = _Record.model_validate_json(_read_regular(path))
    if record.id != path.parent.name:
        raise ValueError("its id is not the name of its folder")
    return Job(**record.model_dump())


def first_problem(error: ValueError) -> str:
    """A short reason why a record is invalid, without its content, which may be a client's."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part)[:40] for part in first['loc'])}: {first['msg']}"


def _read_regular(path: Path) -> bytes:
    """The bytes of a small regular file; a link could lead out of the folder, and reading a pipe could never end."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with open(descriptor, "rb") as stream:  # noqa: PTH123 - a descriptor, not a path
        # Checked on the open file: a path could be replaced between check and opening.
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is not a regular file")
        content = stream.read(_MAX_RECORD_BYTES + 1)
    if len(content) > _MAX_RECORD_BYTES:
        raise ValueError(f"it has more than {_MAX_RECORD_BYTES} bytes")
    return content
