"""The options of ``mien batch``, one line of help each."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class ProgressForm(StrEnum):
    """How progress is shown on standard error."""

    bar = "bar"
    json = "json"
    none = "none"


class EngineName(StrEnum):
    """What a job runs on."""

    local = "local"
    ray = "ray"


InputsArgument = Annotated[
    list[str], typer.Argument(metavar="INPUT…", help="Folder, pattern, file, list, archive, table, address.")
]
JobArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The job's folder.")]
OutOption = Annotated[Path, typer.Option(help="The job's folder.")]
EngineOption = Annotated[
    EngineName, typer.Option(help=r"This machine, or a Ray cluster (needs the extra mien\[scale]).")
]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on with the job in --out.")]
UpdateOption = Annotated[bool, typer.Option("--update", help="Read what is new in the input, drop what is gone.")]
MinConfidenceOption = Annotated[
    float, typer.Option(min=0, max=1, help="Below this probability no expression is named.")
]
FpsOption = Annotated[float, typer.Option(help="Frames of a video that are read in a second.")]
ColumnOption = Annotated[str | None, typer.Option(help="Column of a table that holds paths or pictures.")]
PartSizeOption = Annotated[int, typer.Option(help="Pictures of one part file.")]
CropsOption = Annotated[bool, typer.Option("--crops", help="Keep the faces as they were cropped.")]
ThumbnailsOption = Annotated[bool, typer.Option("--thumbnails", help="Keep small copies of the pictures.")]
DetailsOption = Annotated[bool, typer.Option("--details", help="Add columns of key points and quality of each face.")]
GpuShareOption = Annotated[
    float, typer.Option(help="Part of a graphics card that each worker of ray takes, with --device cuda.")
]
WorkersOption = Annotated[int, typer.Option(help="Processes; 0 is one for each core.")]
TimeLimitOption = Annotated[float, typer.Option(help="Seconds after which a picture is given up.")]
StrictOption = Annotated[bool, typer.Option("--strict", help="Exit code 5 where a picture failed.")]
ProgressOption = Annotated[ProgressForm, typer.Option(help="A bar, JSON lines or nothing, on standard error.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress and no summary.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
MergedOption = Annotated[Path, typer.Option(help="A .parquet or .csv file.")]
PartialOption = Annotated[bool, typer.Option("--partial", help="Merge what is there of a job that is not done.")]
